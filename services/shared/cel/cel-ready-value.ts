import { CostMeter } from "./cel-meter.ts";
import { toCelValue } from "./cel-values.ts";

/** Marks what was made ready, whichever instance of this module made it: a class of its own is another in each. */
const READY = Symbol.for("gatehouse.dev/cel-ready-value");

/** A value that was made ready once, for many expressions to read. */
export class CelReadyValue {
  readonly [READY] = true;
  /** As the language has it. */
  readonly inside: unknown;

  constructor(inside: unknown) {
    this.inside = inside;
  }
}

/** Whether a binding was made ready before. Nothing that came as JSON can carry the mark. */
export function isReadyValue(value: unknown): value is CelReadyValue {
  return typeof value === "object" && value !== null && READY in value;
}

/**
 * @param value - as for `evaluate`.
 * @throws {Error} when it cannot be bound, or is larger than the limits allow.
 */
export function readyValue(value: unknown): CelReadyValue {
  const inside = toCelValue(value);
  new CostMeter().weigh(inside);
  return new CelReadyValue(inside);
}
