import { isControlPlaneIssuer } from "./control-plane.ts";
import type { IssuerRecord } from "./issuer.ts";

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g;

/**
 * The CA certificates that clients should trust now, PEM, each once: of every issuer that has not expired, in all slots, the
 * root above it, or itself when none is known. A control plane's own CAs are none of them. Sorted by issuer, so that equal
 * bundles have equal bytes.
 */
export function trustAnchors(
  issuers: readonly Pick<IssuerRecord, "id" | "name" | "certificatePem" | "ancestorsPem" | "notAfter">[],
  now: Date,
): readonly string[] {
  const trusted = issuers.filter((issuer) => issuer.notAfter >= now && !isControlPlaneIssuer(issuer));
  const ordered = trusted.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  return [...new Set(ordered.map((issuer) => `${anchorOf(issuer).trim()}\n`))];
}

function anchorOf({ certificatePem, ancestorsPem }: Pick<IssuerRecord, "certificatePem" | "ancestorsPem">): string {
  return ancestorsOf({ ancestorsPem }).at(-1) ?? certificatePem;
}

/** The certificates above an issuer, one by one. */
export function ancestorsOf({ ancestorsPem }: Pick<IssuerRecord, "ancestorsPem">): readonly string[] {
  return ancestorsPem.match(BLOCK) ?? [];
}
