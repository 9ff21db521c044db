import type {
  CsrFacts,
  PublicKeyKind,
  Subject,
  SubjectAltNames,
} from "../../services/certificate-authority/domain/csr-facts.ts";
import { buildSans, buildSubject } from "./subject.ts";

export interface FactsArguments {
  readonly subject?: Partial<Subject>;
  readonly sans?: Partial<SubjectAltNames>;
}

/** What a kubelet's client request says: CN `system:node:worker-1`, O `system:nodes`, P-256, no SAN. */
export function facts({ subject, sans }: FactsArguments = {}): CsrFacts {
  return {
    subject: buildSubject(subject),
    sans: buildSans(sans),
    key: { algorithm: "ECDSA", curve: "P-256" },
    spkiDer: new Uint8Array([0x30, 0x00]),
    spkiSha256: "ab".repeat(32),
  };
}

type RsaKind = Extract<PublicKeyKind, { algorithm: "RSA" }>;

/** An ordinary RSA key of 2048 bits. */
export function rsaKind(overrides: Partial<Omit<RsaKind, "algorithm">> = {}): RsaKind {
  return { algorithm: "RSA", bits: 2048, exponent: 65_537, defects: [], modulusSha1: "5e".repeat(20), ...overrides };
}
