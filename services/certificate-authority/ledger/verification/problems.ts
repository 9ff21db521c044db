/** More would only hide what matters; the rest is counted. */
const MAXIMUM_REPORTED = 100;

/** Collects what is wrong with a ledger. */
export interface Problems {
  add(problem: string): void;
  list(): readonly string[];
}

export function createProblems(): Problems {
  const reported: string[] = [];
  let unreported = 0;
  return {
    add(problem) {
      if (reported.length < MAXIMUM_REPORTED) reported.push(problem);
      else unreported += 1;
    },
    list: () => (unreported === 0 ? reported : [...reported, `and ${unreported} more problems`]),
  };
}
