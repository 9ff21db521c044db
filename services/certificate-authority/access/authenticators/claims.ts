/** Claims that name no user; the message is for the log. */
export class ClaimsError extends Error {
  override readonly name = "ClaimsError";
}

export type Claims = Readonly<Record<string, unknown>>;

/** Only claims that the token holds itself count, not what every object inherits. */
export function claimOf(claims: Claims, claim: string): unknown {
  return Object.hasOwn(claims, claim) ? claims[claim] : undefined;
}

/** @throws {ClaimsError} when the claim is missing or no string. */
export function textOf(claims: Claims, claim: string): string {
  const value = claimOf(claims, claim);
  if (typeof value !== "string") throw new ClaimsError(`the claim ${claim} is missing or no string`);
  return value;
}

/** One string or a list of them; none when the claim is missing. @throws {ClaimsError} when it is anything else. */
export function textsOf(claims: Claims, claim: string): readonly string[] {
  const value = claimOf(claims, claim);
  if (value === undefined) return [];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((each) => {
    if (typeof each !== "string") throw new ClaimsError(`the claim ${claim} is neither a string nor a list of strings`);
    return each;
  });
}
