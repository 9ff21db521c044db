import { CostMeter } from "./cel-meter.ts";
import { toCelValue } from "./cel-values.ts";

/** A value that was made ready once, for many expressions to read. */
export class CelReadyValue {
  /** As the language has it. */
  readonly inside: unknown;

  constructor(inside: unknown) {
    this.inside = inside;
  }
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
