import { X509Certificate } from "node:crypto";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { ControlPlaneCertificate } from "../domain/control-plane.ts";
import { readKeyPem } from "./key-pem.ts";

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** A certificate, with the CAs between it and the root, and its key; PEM. */
export interface KeyedCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What judging certificates takes. */
export interface JudgementContext {
  /** PEM of the CA that signs now, and what goes with its certificates besides themselves. */
  readonly issuerPem: string;
  readonly chainPem: string;
  readonly now: Date;
  /** How long before its end a certificate is due, in seconds; undefined for a third of its life. */
  readonly renewBeforeSeconds: number | undefined;
  /** @throws when the certificate is malformed. */
  readonly readCertificate: (der: Uint8Array) => CertificateFacts;
  /** @param fingerprint - lower-case hex SHA-256 of the DER. */
  readonly isRevoked: (fingerprint: string) => boolean;
}

/** What is to be said of a certificate that was found. */
export type Judgement =
  | { readonly kind: "good"; readonly notAfter: Date }
  /** Good for now, but to be renewed when renewing was asked for. */
  | { readonly kind: "due"; readonly notAfter: Date }
  /** Not to be used as it is; a new one in its place would be all right, of a revoked one when a person says so. */
  | { readonly kind: "outdated" | "revoked"; readonly problem: string }
  /** Somebody else's, or damaged: not ours to replace. */
  | { readonly kind: "wrong"; readonly problem: string };

/** Judges a pair that was found where one of ours is to be. */
export function judge(found: KeyedCertificate, wanted: ControlPlaneCertificate, context: JudgementContext): Judgement {
  const [leafPem, ...aboveIt] = found.certificatePem.match(PEM_BLOCK) ?? [];
  const read = leafPem === undefined ? undefined : readLeaf(leafPem, context);
  if (read === undefined) return wrong("holds no certificate that can be read");
  const reading = readKeyPem(found.keyPem);
  if (reading.kind === "unusable") return wrong(`has a key that ${reading.problem}`);
  if (!read.native.checkPrivateKey(reading.key)) return wrong("is not about the key beside it");
  const issuer = new X509Certificate(context.issuerPem);
  if (!read.native.checkIssued(issuer) || !read.native.verify(issuer.publicKey))
    return wrong(`was not signed by ${JSON.stringify(commonNameOf(issuer))}, the CA it is to be from`);
  return judgeFacts(read.facts, wanted, context) ?? judgeChain(aboveIt, read.facts, context);
}

function readLeaf(pem: string, { readCertificate }: JudgementContext) {
  try {
    const native = new X509Certificate(pem);
    return { native, facts: readCertificate(native.raw) };
  } catch {
    return undefined;
  }
}

/** @returns undefined when nothing speaks against it but perhaps its time. */
function judgeFacts(
  facts: CertificateFacts,
  wanted: ControlPlaneCertificate,
  { now, isRevoked }: JudgementContext,
): Judgement | undefined {
  const { subject, sans, notBefore, notAfter } = facts;
  const found = `${subject.commonName} of ${subject.organization.join(", ") || "no group"}`;
  if (facts.isAuthority) return wrong("is a CA's");
  if (subject.commonName !== wanted.commonName || !isSameSet(subject.organization, wanted.organizations))
    return wrong(`is for ${found}, not for ${wanted.commonName} of ${wanted.organizations.join(", ") || "no group"}`);
  const purpose = wanted.purposes.find((purpose) => !facts.extendedKeyUsages.includes(purpose));
  if (purpose !== undefined) return wrong(`is not meant for ${purpose}`);
  if (now < notBefore) return wrong(`is not valid before ${notBefore.toISOString()}; check this machine's clock`);
  if (isRevoked(facts.fingerprint)) return { kind: "revoked", problem: "is revoked" };
  if (now >= notAfter) return { kind: "outdated", problem: `expired at ${notAfter.toISOString()}` };
  const names = new Set([...sans.dnsNames, ...sans.ipAddresses]);
  const missing = [...wanted.sans.dnsNames, ...wanted.sans.ipAddresses].filter((name) => !names.has(name));
  return missing.length === 0 ? undefined : { kind: "outdated", problem: `does not name ${missing.join(", ")}` };
}

function judgeChain(aboveIt: readonly string[], facts: CertificateFacts, context: JudgementContext): Judgement {
  const expected = context.chainPem.match(PEM_BLOCK) ?? [];
  if (expected.join() !== aboveIt.join()) return { kind: "outdated", problem: "lacks the CAs above it, or has others" };
  const { notBefore, notAfter } = facts;
  const lifeMilliseconds = notAfter.getTime() - notBefore.getTime();
  const before = context.renewBeforeSeconds === undefined ? lifeMilliseconds / 3 : context.renewBeforeSeconds * 1000;
  const isDue = notAfter.getTime() - context.now.getTime() <= before;
  return { kind: isDue ? "due" : "good", notAfter };
}

function wrong(problem: string): Judgement {
  return { kind: "wrong", problem };
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.toSorted().join("\0") === other.toSorted().join("\0");
}

function commonNameOf({ subject }: X509Certificate): string {
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? subject;
}
