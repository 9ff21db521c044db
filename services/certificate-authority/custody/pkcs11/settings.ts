import { z } from "zod";

const MAXIMUM_TOKENS = 16;

const tokenSchema = z
  .strictObject({
    /** What issuers call it. */
    name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and dashes"),
    /** The vendor's PKCS #11 library. */
    module: z.string().min(1),
    tokenLabel: z.string().min(1).max(32).optional(),
    serial: z.string().min(1).max(16).optional(),
    slot: z.int().min(0).optional(),
    pinFile: z.string().min(1).optional(),
    pinEnvironment: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of an environment variable")
      .optional(),
    /** What takes longer is given up, and the token counts as away. */
    timeoutSeconds: z.number().min(0.1).max(300).default(5),
  })
  .refine(
    ({ tokenLabel, serial, slot }) => tokenLabel !== undefined || serial !== undefined || slot !== undefined,
    "must name the token by tokenLabel, serial or slot",
  )
  .refine(
    ({ pinFile, pinEnvironment }) => (pinFile === undefined) !== (pinEnvironment === undefined),
    "must say where the PIN is: by pinFile or by pinEnvironment, not both",
  );

/** PKCS #11 tokens that issuers may have their keys in. */
export const tokensSchema = z
  .array(tokenSchema)
  .max(MAXIMUM_TOKENS)
  .refine((tokens) => new Set(tokens.map(({ name }) => name)).size === tokens.length, "two tokens have the same name")
  .default([]);

export type TokenSettings = z.infer<typeof tokenSchema>;

/** Modules without a slash are left to the dynamic loader's search path. */
export function resolveTokenPaths(
  tokens: readonly TokenSettings[],
  resolvePath: (path: string) => string,
): TokenSettings[] {
  return tokens.map((token) => ({
    ...token,
    module: token.module.includes("/") ? resolvePath(token.module) : token.module,
    ...(token.pinFile !== undefined && { pinFile: resolvePath(token.pinFile) }),
  }));
}
