import { z } from "zod";
import type { RevocationPointers } from "./domain/revocation-list.ts";

const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** The part `revocation`: how what was taken back is told to those who do not follow the feed. */
export const revocationSchema = z
  .strictObject({
    crl: z
      .strictObject({
        /** A CRL promises the next one within this time; a new one is made with each revocation, and at half of it. */
        validitySeconds: z
          .int()
          .min(HOUR_SECONDS)
          .max(366 * DAY_SECONDS)
          .default(7 * DAY_SECONDS),
        /** A folder where the CRL of each issuer is kept, as `<issuer id>.crl` (DER), for a web server. */
        directory: z.string().min(1).optional(),
      })
      .prefault({}),
    /** The OCSP responder; there is none without it. */
    ocsp: z
      .strictObject({
        /** How long an answer may be kept. */
        validitySeconds: z
          .int()
          .min(60)
          .max(7 * DAY_SECONDS)
          .default(HOUR_SECONDS),
      })
      .optional(),
  })
  .prefault({});

export type RevocationSettings = z.infer<typeof revocationSchema>;

/** Paths relative to the configuration file become absolute. */
export function resolveRevocationPaths(
  { crl, ocsp }: RevocationSettings,
  resolve: (path: string) => string,
): RevocationSettings {
  const { directory, ...rest } = crl;
  return { crl: { ...rest, ...(directory !== undefined && { directory: resolve(directory) }) }, ...(ocsp && { ocsp }) };
}

const RULE =
  "must be an http: or https: URL of at most 512 printable ASCII characters; {issuerId} stands for the issuer's id";

/** `signing.crlUrl` and `signing.ocspUrl`: where issued certificates say that their revocation can be looked up. */
export const pointerUrlSchema = z.string().refine(isPointerUrl, RULE);

function isPointerUrl(text: string): boolean {
  if (text.length > 512 || !/^https?:\/\/[!-~]+$/.test(text)) return false;
  return URL.canParse(text.replaceAll(ISSUER_ID, "0".repeat(64)));
}

const ISSUER_ID = "{issuerId}";

/** @returns undefined when certificates point nowhere. */
export function revocationPointersOf(
  { crlUrl, ocspUrl }: Partial<RevocationPointers>,
  issuerId: string,
): RevocationPointers | undefined {
  if (crlUrl === undefined && ocspUrl === undefined) return undefined;
  const named = (url: string | undefined): string | undefined => url?.replaceAll(ISSUER_ID, issuerId);
  return { crlUrl: named(crlUrl), ocspUrl: named(ocspUrl) };
}
