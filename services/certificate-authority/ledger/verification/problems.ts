/** More would only hide what matters; the rest is counted. */
const MAXIMUM_REPORTED = 100;

/** Collects what is wrong with a ledger, or only odd about it. */
export interface Problems {
  add(problem: string): void;
  list(): readonly string[];
}

export function createProblems(things: "problems" | "warnings"): Problems {
  const reported: string[] = [];
  let unreported = 0;
  return {
    add(problem) {
      if (reported.length < MAXIMUM_REPORTED) reported.push(problem);
      else unreported += 1;
    },
    list: () => (unreported === 0 ? reported : [...reported, `and ${unreported} more ${things}`]),
  };
}
