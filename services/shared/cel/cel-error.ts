/** How much of an expression an error repeats, in characters. */
const SHOWN_CHARACTERS = 200;

/** Why an expression was refused: when it was read, or when it was asked. */
export type CelFailure = "compile" | "evaluate" | "limit";

/**
 * An expression that cannot be used, or that has no answer for what it was given.
 * The message names where the expression is written, the expression, what is wrong and at which character.
 * It repeats no value the expression was given.
 */
export class CelError extends Error {
  override readonly name = "CelError";
  /** The place the expression is written, as the caller named it. */
  readonly where: string;
  readonly failure: CelFailure;
  /** What is wrong, without place and expression. */
  readonly detail: string;

  constructor(failure: CelFailure, place: CelPlace, detail: string, options?: ErrorOptions & { position?: number }) {
    const at = options?.position === undefined ? "" : ` (at character ${options.position + 1})`;
    super(`${place.where}: the CEL expression ${shown(place.source)} ${VERBS[failure]}: ${detail}${at}`, options);
    this.where = place.where;
    this.failure = failure;
    this.detail = `${detail}${at}`;
  }
}

/** Where an expression stands, and its text. */
export interface CelPlace {
  readonly where: string;
  readonly source: string;
}

const VERBS = {
  compile: "cannot be used",
  evaluate: "has no answer",
  limit: "is too costly",
} as const satisfies Record<CelFailure, string>;

function shown(source: string): string {
  return JSON.stringify(source.length > SHOWN_CHARACTERS ? `${source.slice(0, SHOWN_CHARACTERS)}…` : source);
}
