import type { JWTPayload } from "jose";

/**
 * The claim that settings name: by its name, or inside others where the name begins with `/`.
 *
 * @returns undefined when there is none.
 *
 * Source: RFC 6901 section 4.
 */
export function claimOf(claims: JWTPayload, name: string): unknown {
  const steps = name.startsWith("/") ? name.slice(1).split("/").map(unescaped) : [name];
  let value: unknown = claims;
  for (const step of steps) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

function unescaped(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}
