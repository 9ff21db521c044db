import { expect, test } from "@jest/globals";
import { type ExaminedCertificate, risksOf } from "../../../services/certificate-authority/domain/certificate-risks.ts";
import type { CertificateDetails } from "../../../services/certificate-authority/domain/inventory.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";
import { buildSans } from "../../builders/subject.ts";

const NOW = new Date("2026-01-15T00:00:00Z");
const DAY = 86_400_000;

function details(overrides: Partial<CertificateDetails> = {}): CertificateDetails {
  return {
    keyAlgorithm: "ECDSA P-256",
    isKeyWeak: false,
    signatureAlgorithm: "ecdsa-with-SHA256",
    isSignatureWeak: false,
    extendedKeyUsages: ["clientAuth"],
    isAuthority: false,
    ...overrides,
  };
}

function examined(overrides: Partial<ExaminedCertificate> = {}): ExaminedCertificate {
  return {
    summary: certificateRecord(),
    details: details(),
    issuer: issuerRecord(),
    otherHolders: [],
    isReplaced: false,
    ...overrides,
  };
}

const kindsOf = (certificate: ExaminedCertificate, now = NOW) =>
  risksOf(certificate, now).map(({ kind, severity }) => `${severity} ${kind}`);
const living = (days: number) => ({
  summary: certificateRecord({ notAfter: new Date(Date.parse("2026-01-01T00:00:00Z") + days * DAY) }),
  issuer: issuerRecord({ notAfter: new Date("2100-01-01T00:00:00Z") }),
});
const group = (name: string) =>
  examined({ summary: certificateRecord({ commonName: "someone", nodeName: undefined, organizations: [name] }) });

test("an ordinary kubelet certificate has no risk", () => {
  expect(risksOf(examined(), NOW)).toEqual([]);
});

test.each([
  { name: "398 days", certificate: examined(living(398)), kinds: [] },
  { name: "399 days", certificate: examined(living(399)), kinds: ["medium longLife"] },
  { name: "more than five years", certificate: examined(living(1831)), kinds: ["high longLife"] },
  {
    name: "an encoding that cannot be read",
    certificate: examined({ details: undefined }),
    kinds: ["medium unreadable"],
  },
  { name: "a weak key", certificate: examined({ details: details({ isKeyWeak: true }) }), kinds: ["high weakKey"] },
  {
    name: "a weak signature",
    certificate: examined({ details: details({ isSignatureWeak: true }) }),
    kinds: ["high weakSignature"],
  },
  { name: "a shared key", certificate: examined({ otherHolders: ["system:node:b"] }), kinds: ["high sharedKey"] },
  {
    name: "the key of the one before",
    certificate: examined({ summary: certificateRecord({ keyReused: true }) }),
    kinds: ["low reusedKey"],
  },
  {
    name: "a wildcard",
    certificate: examined({ summary: certificateRecord({ sans: buildSans({ dnsNames: ["*.a.example", "b"] }) }) }),
    kinds: ["medium wildcard"],
  },
  { name: "system:masters", certificate: group("system:masters"), kinds: ["high mightyGroup"] },
  { name: "kubeadm's administrators", certificate: group("kubeadm:cluster-admins"), kinds: ["medium mightyGroup"] },
  { name: "our administrators", certificate: group("gatehouse:administrators"), kinds: ["medium mightyGroup"] },
  { name: "an ordinary group", certificate: group("developers"), kinds: [] },
  { name: "the group of nodes alone", certificate: group("system:nodes"), kinds: ["medium halfANode"] },
  {
    name: "the name of a node alone",
    certificate: examined({ summary: certificateRecord({ organizations: [] }) }),
    kinds: ["medium halfANode"],
  },
  { name: "a CA", certificate: examined({ details: details({ isAuthority: true }) }), kinds: ["high authority"] },
  {
    name: "no purpose, which is any",
    certificate: examined({ details: details({ extendedKeyUsages: [] }) }),
    kinds: ["medium anyPurpose"],
  },
  {
    name: "a server that logs in",
    certificate: examined({
      summary: certificateRecord({ signerName: "kubernetes.io/kubelet-serving" }),
      details: details({ extendedKeyUsages: ["serverAuth", "clientAuth"] }),
    }),
    kinds: ["medium mixedPurposes"],
  },
  { name: "an unknown issuer", certificate: examined({ issuer: undefined }), kinds: ["medium unknownIssuer"] },
  {
    name: "an issuer that has expired",
    certificate: examined({ issuer: issuerRecord({ notAfter: new Date("2026-01-14T00:00:00Z") }) }),
    kinds: ["high expiredIssuer"],
  },
  {
    name: "an issuer that was retired",
    certificate: examined({ issuer: issuerRecord({ endedAt: NOW }) }),
    kinds: ["high endedIssuer"],
  },
  {
    name: "an issuer that expires before it",
    certificate: examined({ issuer: issuerRecord({ notAfter: new Date("2026-01-31T00:00:00Z") }) }),
    kinds: ["medium outlivesIssuer"],
  },
])("risks of a certificate with $name: $kinds", ({ certificate, kinds }) => {
  expect(kindsOf(certificate)).toEqual(kinds);
});

test("a certificate that its kubelet should have replaced is overdue, until it is replaced", () => {
  const late = new Date("2026-01-30T00:00:00Z");
  expect(kindsOf(examined(), late)).toEqual(["medium overdue"]);
  expect(kindsOf(examined({ isReplaced: true }), late)).toEqual([]);
});

test("what has expired, or is revoked, harms nobody any more", () => {
  const shared = { otherHolders: ["someone"] };
  expect(kindsOf(examined(shared), new Date("2026-02-01T00:00:01Z"))).toEqual([]);
  expect(kindsOf(examined({ ...shared, summary: certificateRecord({ state: "revoked" }) }))).toEqual([]);
});

test("the worst comes first, and many other holders are counted", () => {
  const summary = certificateRecord({ keyReused: true, sans: buildSans({ dnsNames: ["*.example"] }) });
  const risks = risksOf(examined({ summary, otherHolders: ["a", "b", "c", "d", "e"] }), NOW);
  expect(risks.map(({ kind }) => kind)).toEqual(["sharedKey", "wildcard", "reusedKey"]);
  expect(risks[0]?.message).toBe('shares its key with "a", "b", "c" and 2 more');
});
