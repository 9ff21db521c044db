import type { ExtendedKeyUsage } from "./certificate.ts";

/** KeyUsage bits, numbered as `CertificateIntent.keyUsage` has them. */
const BITS: Readonly<Record<string, number>> = {
  signing: 1,
  "digital signature": 1,
  "content commitment": 2,
  "key encipherment": 4,
  "data encipherment": 8,
  "key agreement": 16,
  "cert sign": 32,
  "crl sign": 64,
  "encipher only": 128,
  "decipher only": 256,
};

const EXTENDED: Readonly<Record<string, ExtendedKeyUsage>> = {
  any: "any",
  "server auth": "serverAuth",
  "client auth": "clientAuth",
  "code signing": "codeSigning",
  "email protection": "emailProtection",
  "s/mime": "emailProtection",
  "ipsec end system": "ipsecEndSystem",
  "ipsec tunnel": "ipsecTunnel",
  "ipsec user": "ipsecUser",
  timestamping: "timeStamping",
  "ocsp signing": "ocspSigning",
  "microsoft sgc": "microsoftServerGatedCrypto",
  "netscape sgc": "netscapeServerGatedCrypto",
};

/** Go's order of `x509.ExtKeyUsage`, which is the order of the extension. */
const EXTENDED_ORDER: readonly ExtendedKeyUsage[] = [...new Set(Object.values(EXTENDED))];

/** Every value `spec.usages` may hold, sorted. Source: kubernetes staging/src/k8s.io/api/certificates/v1/types.go. */
export const KNOWN_USAGES: readonly string[] = [...Object.keys(BITS), ...Object.keys(EXTENDED)].sort();

const KNOWN = new Set(KNOWN_USAGES);

export function isKnownUsage(usage: string): boolean {
  return KNOWN.has(usage);
}

export interface KeyUsages {
  readonly keyUsage: number;
  readonly extendedKeyUsages: readonly ExtendedKeyUsage[];
}

/**
 * What `spec.usages` becomes in a certificate. Duplicates count once; order does not matter.
 *
 * @returns undefined when one of the usages is unknown.
 * Source: kubernetes pkg/controller/certificates/authority/policies.go, pkg/apis/certificates/v1/helpers.go.
 */
export function keyUsagesOf(usages: readonly string[]): KeyUsages | undefined {
  let keyUsage = 0;
  const extended = new Set<ExtendedKeyUsage>();
  for (const usage of usages) {
    if (!KNOWN.has(usage)) return undefined;
    keyUsage |= BITS[usage] ?? 0;
    const purpose = EXTENDED[usage];
    if (purpose) extended.add(purpose);
  }
  return { keyUsage, extendedKeyUsages: EXTENDED_ORDER.filter((purpose) => extended.has(purpose)) };
}
