import type { CertificateIntent } from "../../services/certificate-authority/domain/certificate.ts";
import type { Subject, SubjectAltNames } from "../../services/certificate-authority/domain/csr-facts.ts";
import { generateKey } from "./keys.ts";
import { buildSans, buildSubject } from "./subject.ts";

export interface IntentArguments extends Partial<Omit<CertificateIntent, "subject" | "sans">> {
  readonly subject?: Partial<Subject>;
  readonly sans?: Partial<SubjectAltNames>;
}

const P256_SPKI = generateKey("ecdsa-p256").publicKey.export({ type: "spki", format: "der" });

/** Whole seconds around now: what a kubelet's client certificate of a day says. */
export function buildIntent(args: IntentArguments = {}): CertificateIntent {
  const now = Math.floor(Date.now() / 1000) * 1000;
  return {
    spkiDer: P256_SPKI,
    keyUsage: 1,
    extendedKeyUsages: ["clientAuth"],
    notBefore: new Date(now - 300_000),
    notAfter: new Date(now + 86_100_000),
    ...args,
    subject: buildSubject(args.subject),
    sans: buildSans(args.sans),
  };
}
