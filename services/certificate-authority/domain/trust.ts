import { isControlPlaneIssuer } from "./control-plane.ts";
import type { IssuerRecord } from "./issuer.ts";
import { isInSlot } from "./issuer-rotation.ts";

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g;

/**
 * The CA certificates that clients should trust now, PEM, each once: of every issuer that has not expired, in all slots that it
 * has not left, the root above it, or itself when none is known. A control plane's own CAs are none of them. Sorted by issuer, so that equal
 * bundles have equal bytes.
 */
export function trustAnchors(
  issuers: readonly Pick<IssuerRecord, "id" | "name" | "certificatePem" | "ancestorsPem" | "notAfter" | "endedAt">[],
  now: Date,
): readonly string[] {
  const trusted = issuers.filter((issuer) => isInSlot(issuer, now) && !isControlPlaneIssuer(issuer));
  const ordered = trusted.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  return [...new Set(ordered.map(anchorOf))];
}

/** What has to be trusted for an issuer's certificates to be. */
export function anchorOf({
  certificatePem,
  ancestorsPem,
}: Pick<IssuerRecord, "certificatePem" | "ancestorsPem">): string {
  return `${(ancestorsOf({ ancestorsPem }).at(-1) ?? certificatePem).trim()}\n`;
}

/** The certificates above an issuer, one by one. */
export function ancestorsOf({ ancestorsPem }: Pick<IssuerRecord, "ancestorsPem">): readonly string[] {
  return ancestorsPem.match(BLOCK) ?? [];
}
