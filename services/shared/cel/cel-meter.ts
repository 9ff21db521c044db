import type { CelBudget } from "./cel-budget.ts";
import { CEL_LIMITS, STEP_CHARACTERS } from "./cel-limits.ts";

/** Thrown inside the evaluation; `evaluate` turns it into a CelError. */
class CostExceeded extends Error {
  override readonly name = "CostExceeded";
}

/**
 * Counts what one evaluation costs. Once a limit is reached it stays reached: `||`, `&&`, `exists()` and `all()` go on
 * after an error of one side, and must not go on after this one.
 */
export class CostMeter {
  #steps = 0;
  /** Thrown again and again: loops go on after it, and a new one would have its stack written each time. */
  #exceeded: CostExceeded | undefined;
  #budget: CelBudget | undefined;
  #weights = new WeakMap<object, number>();

  /** Begins a new evaluation, whose steps are also taken from `budget`. */
  reset(budget?: CelBudget): void {
    this.#steps = 0;
    this.#budget = budget;
    this.#exceeded = undefined;
    this.#weights = new WeakMap();
  }

  /** The limit that was reached, in words. */
  get exceeded(): string | undefined {
    return this.#exceeded?.message;
  }

  /** @throws when the evaluation has used up its steps, or any limit was reached before. */
  spend(steps: number): void {
    if (this.#exceeded !== undefined) throw this.#exceeded;
    this.#steps += steps;
    if (this.#steps > CEL_LIMITS.steps) this.refuse(`it takes more than ${CEL_LIMITS.steps} steps`);
    if (this.#budget?.take(steps) === false)
      this.refuse("it and those before it take more steps than they may together");
  }

  /** @throws always, now and at every later step of this evaluation. */
  refuse(limit: string): never {
    this.#exceeded ??= new CostExceeded(limit);
    throw this.#exceeded;
  }

  /**
   * Checks the size of a value that an expression made or was given.
   * @returns the steps that handling all of it costs.
   */
  weigh(value: unknown): number {
    if (typeof value === "string") return this.#weighText(value.length);
    if (typeof value !== "object" || value === null) return 1;
    const known = this.#weights.get(value);
    if (known !== undefined) return known;
    const weight = this.#weighContents(value);
    this.#weights.set(value, weight);
    return weight;
  }

  #weighText(characters: number): number {
    if (characters > CEL_LIMITS.textCharacters) {
      this.refuse(`a text has more than ${CEL_LIMITS.textCharacters} characters`);
    }
    return 1 + Math.ceil(characters / STEP_CHARACTERS);
  }

  // A value may hold the same list many times over: what counts is the tree one meets when walking it. No generator
  // walks it: this is what evaluations spend most of their time on.
  #weighContents(value: object): number {
    if (value instanceof Uint8Array) return this.#weighText(value.length);
    let weight = 1;
    if (Array.isArray(value) || value instanceof Set) {
      for (const item of value) weight = this.#add(weight, item);
    } else if (value instanceof Map) {
      for (const [key, item] of value) weight = this.#add(this.#add(weight, key), item);
    } else if (Object.getPrototypeOf(value) === Object.prototype) {
      for (const [key, item] of Object.entries(value)) weight = this.#add(this.#add(weight, key), item);
    }
    return weight;
  }

  #add(weight: number, content: unknown): number {
    const sum = weight + this.weigh(content);
    if (sum > CEL_LIMITS.valueElements) this.refuse(`a value has more than ${CEL_LIMITS.valueElements} elements`);
    return sum;
  }
}
