import type { CertificateSummary } from "./certificate.ts";
import type { CsrFacts, SubjectAltNames } from "./csr-facts.ts";

/** How a request compares with the certificate that it is to replace. */
export interface Renewal {
  readonly fingerprint: string;
  readonly serial: string;
  readonly keyReused: boolean;
  /** DNS names in lower case, and addresses. */
  readonly sansAdded: readonly string[];
  readonly sansRemoved: readonly string[];
}

/** Compares a request with the newest certificate of its node and signer. */
export function renewalOf(
  former: Pick<CertificateSummary, "fingerprint" | "serial" | "spkiSha256" | "sans">,
  { spkiSha256, sans }: Pick<CsrFacts, "spkiSha256" | "sans">,
): Renewal {
  const [before, now] = [namesOf(former.sans), namesOf(sans)];
  return {
    fingerprint: former.fingerprint,
    serial: former.serial,
    keyReused: former.spkiSha256 === spkiSha256,
    sansAdded: [...now].filter((name) => !before.has(name)),
    sansRemoved: [...before].filter((name) => !now.has(name)),
  };
}

function namesOf({ dnsNames, emailAddresses, ipAddresses, uris }: SubjectAltNames): ReadonlySet<string> {
  return new Set([...dnsNames.map((name) => name.toLowerCase()), ...ipAddresses, ...emailAddresses, ...uris]);
}
