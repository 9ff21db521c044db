import { CEL_LIMITS } from "./cel-limits.ts";

/** What several evaluations may cost together, in steps. */
export class CelBudget {
  #left: number;

  constructor(steps: number = CEL_LIMITS.steps) {
    this.#left = steps;
  }

  /** @returns whether there was enough. */
  take(steps: number): boolean {
    this.#left -= steps;
    return this.#left >= 0;
  }
}
