import type { ExtendedKeyUsage } from "../domain/certificate.ts";

/** Object identifiers as the lower-case hex of their DER content, the form `readObjectIdentifier` returns. */
export const OID = {
  commonName: "550403",
  serialNumber: "550405",
  country: "550406",
  locality: "550407",
  province: "550408",
  streetAddress: "550409",
  organization: "55040a",
  organizationalUnit: "55040b",
  postalCode: "550411",
  /** 1.3.6.1.4.1.57683.2, the user uid of Kubernetes client certificates. */
  kubernetesUid: "2b0601040183c25302",
  extensionRequest: "2a864886f70d01090e",
  subjectKeyIdentifier: "551d0e",
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  authorityKeyIdentifier: "551d23",
  extendedKeyUsage: "551d25",
  crlNumber: "551d14",
  reasonCode: "551d15",
  crlDistributionPoints: "551d1f",
  /** 1.3.6.1.5.5.7.1.1 */
  authorityInformationAccess: "2b06010505070101",
  /** 1.3.6.1.5.5.7.48.1 and below. Source: RFC 6960 section 4.4. */
  ocsp: "2b06010505073001",
  ocspBasic: "2b0601050507300101",
  ocspNonce: "2b0601050507300102",
  ocspNoCheck: "2b0601050507300105",
  rsaEncryption: "2a864886f70d010101",
  ecPublicKey: "2a8648ce3d0201",
  ed25519: "2b6570",
  /** 2.16.840.1.101.3.4.3.17 to 19. Source: RFC 9881 section 2. */
  mlDsa44: "608648016503040311",
  mlDsa65: "608648016503040312",
  mlDsa87: "608648016503040313",
  dsa: "2a8648ce380401",
  rsaPss: "2a864886f70d01010a",
  maskGeneration1: "2a864886f70d010108",
} as const;

/** In the order of Go's `x509.ExtKeyUsage`. Source: RFC 5280 section 4.2.1.12; Go src/crypto/x509/x509.go. */
export const EXTENDED_KEY_USAGE_OIDS: Readonly<Record<ExtendedKeyUsage, string>> = {
  any: "551d2500",
  serverAuth: "2b06010505070301",
  clientAuth: "2b06010505070302",
  codeSigning: "2b06010505070303",
  emailProtection: "2b06010505070304",
  ipsecEndSystem: "2b06010505070305",
  ipsecTunnel: "2b06010505070306",
  ipsecUser: "2b06010505070307",
  timeStamping: "2b06010505070308",
  ocspSigning: "2b06010505070309",
  microsoftServerGatedCrypto: "2b0601040182370a0303",
  netscapeServerGatedCrypto: "6086480186f8420401",
};

/** Dotted form, e.g. `2.5.4.3`, of what `readObjectIdentifier` returned. */
export function toDotted(hex: string): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const octet of Buffer.from(hex, "hex")) {
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    if (octet >= 0x80) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first = 0n, ...rest] = arcs;
  const root = first < 40n ? 0n : first < 80n ? 1n : 2n;
  return [root, first - root * 40n, ...rest].join(".");
}
