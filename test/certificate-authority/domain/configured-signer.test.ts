import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { PublicKeyKind } from "../../../services/certificate-authority/domain/csr-facts.ts";
import { buildIntent, judgeSigning } from "../../../services/certificate-authority/domain/intent.ts";
import { configuredSigners, signersSchema } from "../../../services/certificate-authority/signer-settings.ts";
import { BOUND_NODE_EXTRA } from "../../../services/shared/user-info.ts";
import { type FactsArguments, facts, rsaKind } from "../../builders/facts.ts";

const NAME = "example.com/service";
const NOW = new Date("2026-06-01T00:00:00Z");
const DAY_SECONDS = 86_400;

const PROFILE = {
  subject: { commonName: ["*.svc"], organization: ["team-*"], required: ["commonName"] },
  subjectAltNames: {
    dnsNames: ["*.svc.example.com", "Exact.example.com"],
    emailAddresses: ["*@example.com"],
    ipRanges: ["10.0.0.0/8", "fd00::/8"],
    uris: ["https://example.com/*"],
    required: ["dnsNames"],
  },
  usages: { allowed: ["digital signature", "server auth"], required: ["server auth"] },
  keys: { algorithms: ["RSA", "ECDSA"], minimumRsaBits: 3072, curves: ["P-256"] },
  lifetime: { defaultSeconds: 3600, maximumSeconds: 7200 },
};

function signers(profile: object = PROFILE) {
  const entries = signersSchema.parse([{ signerName: NAME, issuer: "default", profile }]);
  return configuredSigners({ signers: entries, signing: { maxDurationSeconds: DAY_SECONDS } });
}

interface Request extends FactsArguments {
  readonly usages?: readonly string[];
  readonly key?: PublicKeyKind;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  readonly profile?: object;
}

/** A request that conforms, changed here and there. */
function judge({ subject, sans, usages, key, extra, profile }: Request) {
  const said = facts({
    subject: { commonName: "api.svc", organization: [], ...subject },
    sans: { dnsNames: ["api.svc.example.com"], ...sans },
  });
  const spec = { signerName: NAME, usages: usages ?? ["server auth"], ...(extra && { extra }) };
  return judgeSigning(spec, { ...said, ...(key && { key }) }, signers(profile));
}

test.each<Request & { name: string }>([
  { name: "the least that is required" },
  { name: "everything that is allowed", subject: { organization: ["team-a", "team-b"] } },
  { name: "an exact name in other letters", sans: { dnsNames: ["EXACT.example.com"] } },
  { name: "addresses within the ranges", sans: { ipAddresses: ["10.1.2.3", "fd00::1"] } },
  { name: "an e-mail address and a URI", sans: { emailAddresses: ["a@example.com"], uris: ["https://example.com/x"] } },
  { name: "all usages", usages: ["server auth", "digital signature"] },
  { name: "an RSA key of the least size", key: rsaKind({ bits: 3072 }) },
  {
    name: "a group of the system, which the pattern means",
    subject: { organization: ["system:authors"] },
    profile: { ...PROFILE, subject: { commonName: ["*"], organization: ["system:auth*"] } },
  },
  {
    name: "a wildcard, where these are allowed",
    sans: { dnsNames: ["*.svc.example.com"] },
    profile: { ...PROFILE, subjectAltNames: { dnsNames: ["*.svc.example.com"], wildcardDnsNames: true } },
  },
])("conforms: $name", (request) => {
  expect(judge(request)).toMatchObject({ kind: "conforms" });
});

test.each<Request & { name: string; says: string }>([
  {
    name: "a common name",
    subject: { commonName: "api" },
    says: 'subject.commonName "api" is not allowed; allowed are: "*.svc"',
  },
  { name: "no common name", subject: { commonName: "" }, says: "subject.commonName is required" },
  {
    name: "an organization",
    subject: { organization: ["team-a", "x"] },
    says: 'subject.organization "x" is not allowed',
  },
  {
    name: "an attribute without patterns",
    subject: { country: ["DE"] },
    says: 'subject.country "DE" is not allowed; there may be none',
  },
  {
    name: "a DNS name one level too deep",
    sans: { dnsNames: ["a.b.svc.example.com"] },
    says: 'subjectAltNames.dnsNames "a.b.svc.example.com"',
  },
  {
    name: "a wildcard name",
    sans: { dnsNames: ["*.svc.example.com"] },
    says: 'subjectAltNames.dnsNames "*.svc.example.com" is not allowed',
  },
  { name: "no DNS name", sans: { dnsNames: [] }, says: "subjectAltNames.dnsNames is required" },
  {
    name: "a foreign address",
    sans: { ipAddresses: ["11.0.0.1"] },
    says: 'subjectAltNames.ipAddresses "11.0.0.1" is not allowed; allowed are: "10.0.0.0/8"',
  },
  {
    name: "an e-mail address with two signs",
    sans: { emailAddresses: ["a@b@example.com"] },
    says: "subjectAltNames.emailAddresses",
  },
  { name: "a URI further down", sans: { uris: ["https://example.com/x/y"] }, says: "subjectAltNames.uris" },
  {
    name: "more names than anybody needs",
    sans: { dnsNames: Array(501).fill("a.svc.example.com") },
    says: "more than 500 names",
  },
  {
    name: "more values than anybody needs",
    subject: { organization: Array(101).fill("team-a") },
    says: "more than 100 values",
  },
  {
    name: "a usage",
    usages: ["server auth", "client auth"],
    says: 'usage "client auth" is not allowed; allowed are: digital signature, server auth',
  },
  { name: "a missing usage", usages: ["digital signature"], says: 'usage "server auth" is required' },
  {
    name: "a small RSA key",
    key: rsaKind({ bits: 2048 }),
    says: "an RSA key of 2048 bits is too small; 3072 are required",
  },
  {
    name: "a curve",
    key: { algorithm: "ECDSA", curve: "P-384" },
    says: "curve P-384 is not allowed; allowed are: P-256",
  },
  {
    name: "an algorithm",
    key: { algorithm: "Ed25519" },
    says: "key algorithm Ed25519 is not allowed; allowed are: RSA, ECDSA",
  },
  {
    name: "a name of the system, by a pattern that does not mean it",
    subject: { commonName: "system:node:n" },
    profile: { ...PROFILE, subject: { commonName: ["*"] } },
    says: 'subject.commonName "system:node:n" is not allowed',
  },
  {
    name: "our administrators, whatever the pattern",
    subject: { organization: ["gatehouse:administrators"] },
    profile: { ...PROFILE, subject: { commonName: ["*"], organization: ["gatehouse:administrators"] } },
    says: "has every right",
  },
  {
    name: "Kubernetes' administrators, whatever the pattern",
    subject: { organization: ["system:masters"] },
    profile: { ...PROFILE, subject: { commonName: ["*"], organization: ["system:*"] } },
    says: "has every right",
  },
  {
    name: "nobody at all",
    subject: { commonName: "" },
    sans: { dnsNames: [] },
    profile: { usages: { allowed: ["server auth"] } },
    says: "the subject and the alternative names are both empty",
  },
  { name: "a bootstrap token's holder", extra: { [BOUND_NODE_EXTRA]: ["n"] }, says: "the bootstrap token is for node" },
])("violates: $name", ({ says, ...request }) => {
  expect(judge(request)).toEqual({ kind: "violates", message: expect.stringContaining(says) });
});

test("every violation is told, up to five", () => {
  const judgement = judge({ subject: { commonName: "x" }, sans: { uris: ["a", "b", "c", "d", "e"] } });
  expect(judgement).toMatchObject({
    message: expect.stringMatching(/^example\.com\/service: subject.*"d".*; and 1 more$/),
  });
});

test("a long value is cut in the message", () => {
  const judgement = judge({ subject: { commonName: "x".repeat(5000) } });
  expect(judgement.kind === "violates" && judgement.message.length).toBeLessThan(300);
});

test("signers that are not configured stay foreign", () => {
  const spec = { signerName: "example.com/other", usages: ["server auth"] };
  expect(judgeSigning(spec, facts(), signers())).toEqual({ kind: "foreign" });
});

test("a template takes the place of the subject", () => {
  const subjectTemplate = { commonName: "the service", organization: ["Example"] };
  const judgement = judge({
    subject: { commonName: "system:node:n", organization: ["system:masters"], country: ["DE"] },
    profile: { subjectTemplate, subjectAltNames: { dnsNames: ["**"] }, usages: { allowed: ["server auth"] } },
  });
  expect(judgement).toMatchObject({
    kind: "conforms",
    facts: { subject: { ...subjectTemplate, country: [] }, sans: { dnsNames: ["api.svc.example.com"] } },
  });
});

describe("lifetime", () => {
  const lasts = (expirationSeconds: number | undefined): number => {
    const lifetime = signers().get(NAME)?.lifetime;
    const limits = { maximumSeconds: DAY_SECONDS, ...lifetime, issuerNotAfter: new Date("2030-01-01T00:00:00Z") };
    const { notAfter } = buildIntent(
      { usages: ["server auth"], ...(expirationSeconds && { expirationSeconds }) },
      facts(),
      limits,
      NOW,
    );
    return (notAfter.getTime() - NOW.getTime()) / 1000;
  };
  test.each([
    { name: "the default", asked: undefined, seconds: 3600 },
    { name: "what is asked for", asked: 5000, seconds: 5000 },
    { name: "the maximum for more", asked: 90_000, seconds: 7200 },
  ])("$name", ({ asked, seconds }) => expect(lasts(asked)).toBe(seconds));
});

test("no common name of the system or of ours gets by a pattern that is a star", () => {
  const prefixes = fc.constantFrom("system:", "gatehouse:");
  fc.assert(
    fc.property(prefixes, fc.string({ maxLength: 40 }), (prefix, rest) => {
      const profile = { ...PROFILE, subject: { commonName: ["*", "**", "*:*"] } };
      expect(judge({ subject: { commonName: prefix + rest }, profile }).kind).toBe("violates");
    }),
    { numRuns: 200 },
  );
});
