import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { issuerWarnings } from "../../services/certificate-authority/issuer-warnings.ts";
import { configuredSigners, trustDomainsOf } from "../../services/certificate-authority/signer-settings.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";

const directory = temporaryDirectory();
const SPIFFE = { trustDomain: "example.org", paths: ["/*"] };
const PODS = { spiffe: SPIFFE, pods: { uris: ["spiffe://example.org/{pod}"], usages: ["client auth"] } };
const USAGES = { allowed: ["server auth"] };

function load(settings: object) {
  const configFile = join(directory, "gatehouse.yaml");
  const head = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
  writeFileSync(configFile, JSON.stringify({ ...head, ...settings }));
  return loadConfiguration({ configFile });
}

const withSigner = (profile: object | undefined, signerName = "example.com/x", more: object = {}) => ({
  signers: [{ signerName, issuer: "default", ...(profile && { profile }) }],
  ...more,
});

test("of a profile everything but the usages has a default", () => {
  const profiles = configuredSigners(load(withSigner({ usages: USAGES })));
  expect(profiles.get("example.com/x")).toMatchObject({
    subject: { commonName: [], organization: [], required: [] },
    subjectTemplate: undefined,
    subjectAltNames: { dnsNames: [], ipRanges: [], required: [], wildcardDnsNames: false },
    usages: { allowed: ["server auth"], required: [] },
    keys: { algorithms: ["RSA", "ECDSA", "Ed25519", "ML-DSA"] },
    lifetime: { defaultSeconds: 31_536_000, maximumSeconds: 31_536_000 },
  });
});

test("pods' certificates may last an hour", () => {
  const profiles = configuredSigners(load(withSigner({ ...PODS, lifetime: { maximumSeconds: 3600 } })));
  expect(profiles.get("example.com/x")?.pods).toEqual({ commonName: "", dnsNames: [], ...PODS.pods });
});

const P = "signers[0].profile";
test.each([
  { name: "no profile", settings: withSigner(undefined), at: P, says: "it says what example.com/x certifies" },
  {
    name: "a profile of Kubernetes' signer",
    settings: withSigner({ usages: USAGES }, "kubernetes.io/kubelet-serving"),
    at: P,
    says: "has its rules already",
  },
  {
    name: "an unknown signer of kubernetes.io",
    settings: withSigner({ usages: USAGES }, "kubernetes.io/x"),
    at: "signers[0].signerName",
    says: "kubernetes.io is reserved",
  },
  {
    name: "a signer below kubernetes.io",
    settings: withSigner({ usages: USAGES }, "a.kubernetes.io/x"),
    at: "signers[0].signerName",
    says: "reserved",
  },
  {
    name: "a signer of gatehouse.dev",
    settings: withSigner({ usages: USAGES }, "gatehouse.dev/x"),
    at: "signers[0].signerName",
    says: "reserved",
  },
  {
    name: "no signer name",
    settings: withSigner({ usages: USAGES }, "service"),
    at: "signers[0].signerName",
    says: "must have the form",
  },
  {
    name: "the same signer twice",
    settings: { signers: [1, 2].map(() => ({ signerName: "a.b/c", issuer: "default", profile: { usages: USAGES } })) },
    at: "signers[1].signerName",
    says: "has an issuer already",
  },
  {
    name: "an unknown issuer",
    settings: { signers: [{ signerName: "a.b/c", issuer: "x", profile: { usages: USAGES } }] },
    at: "signers[0].issuer",
    says: "no issuer called x",
  },
  { name: "no usages", settings: withSigner({}), at: `${P}.usages`, says: "" },
  {
    name: "an unknown usage",
    settings: withSigner({ usages: { allowed: ["telepathy"] } }),
    at: `${P}.usages.allowed[0]`,
    says: "",
  },
  {
    name: "a usage of CAs",
    settings: withSigner({ usages: { allowed: ["cert sign"] } }),
    at: `${P}.usages.allowed[0]`,
    says: '"cert sign" is for CAs',
  },
  { name: "a CA", settings: withSigner({ usages: USAGES, isCA: true }), at: P, says: "isCA" },
  {
    name: "a required usage that is not allowed",
    settings: withSigner({ usages: { ...USAGES, required: ["client auth"] } }),
    at: `${P}.usages.required`,
    says: "client auth is required, but not allowed",
  },
  {
    name: "a required attribute without patterns",
    settings: withSigner({ usages: USAGES, subject: { required: ["country"] } }),
    at: `${P}.subject.required`,
    says: "country",
  },
  {
    name: "a required kind without patterns",
    settings: withSigner({ usages: USAGES, subjectAltNames: { required: ["uris"] } }),
    at: `${P}.subjectAltNames.required`,
    says: "uris",
  },
  {
    name: "subject and template",
    settings: withSigner({ usages: USAGES, subject: {}, subjectTemplate: {} }),
    at: `${P}.subjectTemplate`,
    says: "exclude each other",
  },
  {
    name: "a template of administrators",
    settings: withSigner({ usages: USAGES, subjectTemplate: { organization: ["system:masters"] } }),
    at: `${P}.subjectTemplate.organization`,
    says: "every right",
  },
  {
    name: "no range",
    settings: withSigner({ usages: USAGES, subjectAltNames: { ipRanges: ["10.0.0.0"] } }),
    at: `${P}.subjectAltNames.ipRanges[0]`,
    says: "prefix length",
  },
  {
    name: "keys looser than the key policy",
    settings: withSigner({ usages: USAGES, keys: { minimumRsaBits: 1024 } }),
    at: `${P}.keys.minimumRsaBits`,
    says: "at least keyPolicy.minimumRsaBits, 2048",
  },
  {
    name: "curves looser than the key policy",
    settings: withSigner({ usages: USAGES, keys: { curves: ["P-224"] } }),
    at: `${P}.keys.curves`,
    says: "P-224 is not among keyPolicy.curves",
  },
  {
    name: "a lifetime beyond all others",
    settings: withSigner({ usages: USAGES, lifetime: { maximumSeconds: 31_536_001 } }),
    at: `${P}.lifetime.maximumSeconds`,
    says: "signing.maxDurationSeconds",
  },
  {
    name: "a default beyond the maximum",
    settings: withSigner({ usages: USAGES, lifetime: { maximumSeconds: 700, defaultSeconds: 800 } }),
    at: `${P}.lifetime.defaultSeconds`,
    says: "700",
  },
  {
    name: "a lifetime beyond the issuer's",
    settings: {
      issuers: [{ name: "short", commonName: "short", lifetimeDays: 1 }],
      signers: [
        { signerName: "a.b/c", issuer: "short", profile: { usages: USAGES, lifetime: { maximumSeconds: 90_000 } } },
      ],
    },
    at: `${P}.lifetime.maximumSeconds`,
    says: "outlive the issuer short, which lives 1 days",
  },
  {
    name: "SVIDs with other URIs",
    settings: withSigner({ spiffe: SPIFFE, subjectAltNames: { uris: ["**"] } }),
    at: `${P}.subjectAltNames.uris`,
    says: "one URI",
  },
  {
    name: "SVIDs with other usages",
    settings: withSigner({ spiffe: SPIFFE, usages: { allowed: ["code signing"] } }),
    at: `${P}.usages.allowed`,
    says: "code signing is no usage of an X.509-SVID",
  },
  {
    name: "SVIDs for nobody",
    settings: withSigner({ spiffe: { trustDomain: "example.org" } }),
    at: `${P}.spiffe.paths`,
    says: "nobody may ask",
  },
  {
    name: "no trust domain",
    settings: withSigner({ spiffe: { ...SPIFFE, trustDomain: "Example.org" } }),
    at: `${P}.spiffe.trustDomain`,
    says: "a-z",
  },
  {
    name: "a path that ends with a slash",
    settings: withSigner({ spiffe: { ...SPIFFE, paths: ["/a/"] } }),
    at: `${P}.spiffe.paths[0]`,
    says: "no / at its end",
  },
  {
    name: "pods' certificates that name nobody",
    settings: withSigner({ spiffe: SPIFFE, pods: { usages: ["client auth"] } }),
    at: `${P}.pods`,
    says: "names nobody",
  },
  {
    name: "a place that pods do not have",
    settings: withSigner({
      spiffe: SPIFFE,
      pods: { uris: ["spiffe://example.org/{cluster}"], usages: ["client auth"] },
    }),
    at: `${P}.pods.uris[0]`,
    says: "places are {namespace}, {pod}, {podUid}, {serviceAccount}, {node}",
  },
  {
    name: "pods' certificates of less than an hour",
    settings: withSigner({ ...PODS, lifetime: { maximumSeconds: 3599 } }),
    at: `${P}.pods`,
    says: "an hour at least",
  },
  {
    name: "pods' certificates for what the profile does not allow",
    settings: withSigner({ ...PODS, usages: { allowed: ["server auth"] } }),
    at: `${P}.pods.usages`,
    says: "client auth is not among usages.allowed",
  },
])("refused: $name", ({ settings, at, says }) => {
  expect(() => load(settings)).toThrow(`→ at ${at}`);
  expect(() => load(settings)).toThrow(says);
});

test("a signer that makes users of this server is warned about; one with an issuer of its own is not", () => {
  const profile = { usages: { allowed: ["client auth"] } };
  expect(issuerWarnings(load(withSigner(profile)))).toEqual([
    expect.stringContaining("example.com/x certifies clients"),
  ]);
  const own = {
    issuers: [{ name: "own", commonName: "own" }],
    signers: [{ signerName: "a.b/c", issuer: "own", profile }],
  };
  expect(issuerWarnings(load(own))).toEqual([]);
});

test("SPIFFE needs no usages, and makes a trust domain of all its issuers with the shortest hint", () => {
  const { signers, signing } = load({
    issuers: [{ name: "one", commonName: "one" }],
    signers: [
      { signerName: "a.b/c", issuer: "one", profile: { spiffe: { ...SPIFFE, refreshHintSeconds: 60 } } },
      { signerName: "a.b/d", issuer: "default", profile: { spiffe: SPIFFE } },
      { signerName: "a.b/e", issuer: "one", profile: { usages: USAGES } },
    ],
  });
  expect(configuredSigners({ signers, signing }).get("a.b/c")?.usages.allowed).toContain("client auth");
  expect(trustDomainsOf(signers)).toEqual(
    new Map([["example.org", { issuerNames: ["one", "default"], refreshHintSeconds: 60 }]]),
  );
});

test("SVIDs below a root of others are warned about; those with a root of their own are not", () => {
  const below = {
    issuer: { parent: "root" },
    issuers: [
      { name: "root", commonName: "root" },
      { name: "svid", commonName: "svid", parent: "root" },
    ],
  };
  const signers = [{ signerName: "a.b/c", issuer: "svid", profile: { spiffe: SPIFFE } }];
  expect(issuerWarnings(load({ ...below, signers }))).toEqual([
    expect.stringContaining("a.b/c makes X.509-SVIDs below a root"),
  ]);
  expect(issuerWarnings(load({ issuers: [{ name: "svid", commonName: "svid" }], signers }))).toEqual([]);
});
