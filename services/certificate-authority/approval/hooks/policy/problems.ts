/** What is wrong in policies: each problem names the file, the rule or variable, the part and the character. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.length === 1 ? (problems[0] ?? "") : problems.map((problem) => `\n  ${problem}`).join(""));
    this.problems = problems;
  }
}

/** Collects what is wrong, so that all of it is told at once. */
export class Problems {
  readonly #problems: string[] = [];

  add(problem: string): void {
    this.#problems.push(problem);
  }

  /** Does a part of the work; what it throws is a problem, and then there is no result. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (error instanceof PolicyError) this.#problems.push(...error.problems);
      else this.#problems.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** @throws {PolicyError} when there were any. */
  throwIfAny(): void {
    if (this.#problems.length > 0) throw new PolicyError(this.#problems);
  }
}
