import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { FACT_TYPES } from "../../../../services/certificate-authority/approval/hooks/policy/facts.ts";
import { readPolicyFile } from "../../../../services/certificate-authority/approval/hooks/policy/policy-files.ts";
import type { PreviousCertificate } from "../../../../services/certificate-authority/domain/review-document.ts";
import { ask, openPolicy, policyOf } from "../../../builders/policy.ts";
import { type DocumentArguments, document } from "../../../builders/review-document.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";

const LIBRARY = join(import.meta.dirname, "../../../../config/policies");

interface Case {
  readonly name: string;
  readonly parts: DocumentArguments;
  /** The reason of the verdict; undefined where the rules have nothing to say against it. */
  readonly reason?: string;
  readonly says?: RegExp;
}

interface LibraryFile {
  readonly file: string;
  readonly with?: object;
  readonly cases: readonly Case[];
}

const node = (nodeName: string): DocumentArguments => ({
  nodeName,
  subject: { commonName: `system:node:${nodeName}` },
});
const at = (now: string): DocumentArguments => ({ now });
const asNode: DocumentArguments = { requester: { username: "system:node:worker-1", groups: ["system:nodes"] } };

function certificate(overrides: Partial<PreviousCertificate> = {}): PreviousCertificate {
  return {
    ...{ serial: "0a", fingerprint: "ab".repeat(32), state: "valid", spkiSha256: "cd".repeat(32), requester: "a" },
    ...{ notBefore: "2025-12-01T00:00:00.000Z", notAfter: "2026-02-01T00:00:00.000Z" },
    ...{ issuedAt: "2025-12-01T00:00:00.000Z", sans: document().sans },
    ...overrides,
  };
}

const FILES: readonly LibraryFile[] = [
  {
    file: "node-name",
    with: { pattern: "^worker-[0-9]+$" },
    cases: [
      { name: "follows the pattern", parts: {} },
      {
        name: "does not",
        parts: node("worker-1x"),
        reason: "NodeNameNotOurs",
        says: /\^worker-\[0-9\]\+\$.*worker-1x/,
      },
      { name: "is no node's request", parts: node("") },
    ],
  },
  {
    file: "addresses",
    with: { ranges: ["10.20.0.0/16", "fd00:20::/64"] },
    cases: [
      { name: "names no address", parts: {} },
      { name: "is inside", parts: { sans: { ipAddresses: ["10.20.0.1", "10.20.255.255", "fd00:20::1"] } } },
      {
        name: "is outside",
        parts: { sans: { ipAddresses: ["10.20.0.1", "10.21.0.1"] } },
        reason: "AddressNotOurs",
        says: /holds 10\.21\.0\.1$/,
      },
      { name: "is just outside", parts: { sans: { ipAddresses: ["fd00:20:0:1::"] } }, reason: "AddressNotOurs" },
    ],
  },
  {
    file: "dns-names",
    with: { domains: ["blue.example.com"] },
    cases: [
      { name: "is the node's name", parts: { sans: { dnsNames: ["worker-1", "worker-1.blue.example.com"] } } },
      { name: "is another node's", parts: { sans: { dnsNames: ["worker-2"] } }, reason: "DnsNameNotTheNodes" },
      {
        name: "is below the node's",
        parts: { sans: { dnsNames: ["a.worker-1.blue.example.com"] } },
        reason: "DnsNameNotTheNodes",
      },
      { name: "has no node", parts: { ...node(""), sans: { dnsNames: [""] } }, reason: "DnsNameNotTheNodes" },
    ],
  },
  {
    file: "lifetime",
    with: { maximumHours: 24, requireLifetime: true },
    cases: [
      { name: "is short enough", parts: { request: { expirationSeconds: 86_400 } } },
      {
        name: "is too long",
        parts: { request: { expirationSeconds: 86_401 } },
        reason: "LivesTooLong",
        says: /24 hours.*86401 seconds/,
      },
      { name: "is not named", parts: {}, reason: "NoLifetime" },
    ],
  },
  { file: "lifetime", with: { maximumHours: 24 }, cases: [{ name: "need not be named", parts: {} }] },
  {
    file: "key-type",
    cases: [
      { name: "is P-256", parts: {} },
      { name: "is Ed25519", parts: { key: { algorithm: "Ed25519", curve: "" } } },
      {
        name: "is RSA",
        parts: { key: { algorithm: "RSA", bits: 4096, curve: "" } },
        reason: "KeyTypeNotAllowed",
        says: /ECDSA, Ed25519.*RSA/,
      },
    ],
  },
  {
    file: "key-type",
    with: { algorithms: ["RSA", "ECDSA"], curves: ["P-384"] },
    cases: [
      { name: "is long enough", parts: { key: { algorithm: "RSA", bits: 3072, curve: "" } } },
      { name: "is too short", parts: { key: { algorithm: "RSA", bits: 2048, curve: "" } }, reason: "KeyTooShort" },
      { name: "is on another curve", parts: {}, reason: "CurveNotAllowed", says: /P-384.*P-256/ },
    ],
  },
  {
    file: "one-machine",
    cases: [
      { name: "has no certificate yet", parts: {} },
      {
        name: "has one for another key",
        parts: { previous: [certificate()] },
        reason: "NameInUse",
        says: /worker-1.*serial 0a/,
      },
      { name: "has one for the same key", parts: { previous: [certificate({ spkiSha256: "ab".repeat(32) })] } },
      { name: "has a revoked one", parts: { previous: [certificate({ state: "revoked" })] } },
      { name: "has an expired one", parts: { previous: [certificate({ state: "expired" })] } },
      { name: "is the node itself", parts: { ...asNode, previous: [certificate()] } },
    ],
  },
  {
    file: "one-machine",
    with: { graceHours: 24 },
    cases: [
      { name: "has one that ends soon", parts: { previous: [certificate({ notAfter: "2026-01-01T23:00:00.000Z" })] } },
      {
        name: "has one that ends later",
        parts: { previous: [certificate({ notAfter: "2026-01-02T01:00:00.000Z" })] },
        reason: "NameInUse",
      },
    ],
  },
  {
    file: "join-window",
    with: { from: "2026-01-01T00:00:00Z", until: "2026-01-01T12:00:00Z" },
    cases: [
      { name: "is inside", parts: at("2026-01-01T00:00:00.000Z") },
      { name: "is too early", parts: at("2025-12-31T23:59:59.999Z"), reason: "OutsideJoinWindow" },
      {
        name: "is too late",
        parts: at("2026-01-01T12:00:00.000Z"),
        reason: "OutsideJoinWindow",
        says: /from 2026-01-01T00:00:00Z until/,
      },
      { name: "renews", parts: { ...asNode, ...at("2027-01-01T00:00:00.000Z") } },
    ],
  },
  {
    file: "working-hours",
    with: { zone: "Europe/Berlin" },
    cases: [
      { name: "is on a Thursday at eight in winter", parts: at("2026-01-01T07:00:00.000Z") },
      {
        name: "is before",
        parts: at("2026-01-01T06:59:59.999Z"),
        reason: "OutsideWorkingHours",
        says: /8 to 18 o'clock, Europe\/Berlin/,
      },
      { name: "is at eight in summer", parts: at("2026-07-01T06:00:00.000Z") },
      { name: "is in the evening", parts: at("2026-07-01T16:00:00.000Z"), reason: "OutsideWorkingHours" },
      { name: "is on a Sunday", parts: at("2026-01-04T10:00:00.000Z"), reason: "OutsideWorkingHours" },
    ],
  },
  {
    file: "working-hours",
    with: { zone: "UTC", weekend: true },
    cases: [{ name: "is on a Sunday that counts", parts: at("2026-01-04T10:00:00.000Z") }],
  },
  {
    file: "usages",
    with: { allowed: ["digital signature", "client auth"], required: ["client auth"] },
    cases: [
      { name: "are allowed", parts: {} },
      {
        name: "are not all allowed",
        parts: { request: { usages: ["client auth", "server auth"] } },
        reason: "UsageNotAllowed",
        says: /allowed: server auth$/,
      },
      {
        name: "are not all there",
        parts: { request: { usages: ["digital signature"] } },
        reason: "UsageMissing",
        says: /missing: client auth$/,
      },
    ],
  },
  {
    file: "organization",
    cases: [
      { name: "is the nodes'", parts: {} },
      {
        name: "is another",
        parts: { subject: { organization: ["system:nodes", "b"] } },
        reason: "OrganizationNotAllowed",
        says: /allowed: b$/,
      },
    ],
  },
  {
    file: "organization",
    with: { allowed: ["system:masters"] },
    cases: [
      {
        name: "is never the masters'",
        parts: { subject: { organization: ["system:masters"] } },
        reason: "OrganizationNotAllowed",
        says: /system:masters/,
      },
    ],
  },
  {
    file: "first-join",
    cases: [
      {
        name: "is bound to the node",
        parts: { boundNodeName: "worker-1" },
        reason: "FirstJoin",
        says: /worker-1 joins/,
      },
      { name: "is bound to another", parts: { boundNodeName: "worker-2" }, reason: "NotApproved" },
      { name: "is not bound", parts: {}, reason: "NotApproved" },
      { name: "names an address besides", parts: { boundNodeName: "worker-1", sans: { ipAddresses: ["10.0.0.1"] } } },
      { name: "is of another group", parts: { boundNodeName: "worker-1", requester: { groups: ["a"] } } },
      {
        name: "has another usage",
        parts: { boundNodeName: "worker-1", request: { usages: ["client auth", "server auth"] } },
      },
    ],
  },
  {
    file: "first-join",
    with: { boundOnly: false },
    cases: [
      { name: "need not be bound", parts: {}, reason: "FirstJoin" },
      { name: "is bound to another all the same", parts: { boundNodeName: "worker-2" }, reason: "NotApproved" },
    ],
  },
];

describe.each(FILES)("library: $file $with", ({ file, with: values = {}, cases }) => {
  const hook = policyOf([{ library: file, with: values }]);
  test.each(cases)("$name", async ({ parts, reason = "NothingObjected", says = /./ }) => {
    const documentAsked = document(parts);
    const bound = parts.boundNodeName;
    const extra = bound === undefined ? {} : { "gatehouse.dev/bound-node-name": [bound] };
    const asked = { ...documentAsked, requester: { ...documentAsked.requester, extra } };
    expect(await ask(hook, asked)).toMatchObject({ reason, message: expect.stringMatching(says) });
  });
});

test("every file of the library is tested", () => {
  const files = readdirSync(LIBRARY)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => name.replace(/\.yaml$/, ""));
  const tested = new Set(FILES.map(({ file }) => file));
  expect(files.filter((name) => !name.startsWith("example") && !tested.has(name))).toEqual([]);
});

const DOCUMENTATION = readFileSync(join(LIBRARY, "README.md"), "utf8");

test("every file of the library is documented with its parameters", () => {
  for (const { file } of FILES) {
    const [, parameters = ""] =
      new RegExp(`\\| \\[${file}\\]\\(${file}\\.yaml\\) \\| ([^|]*) \\|`).exec(DOCUMENTATION) ?? [];
    const declared = Object.keys(readPolicyFile(join(LIBRARY, `${file}.yaml`)).parameters ?? {});
    expect([file, parameters.replaceAll("`", "").split(", ")]).toEqual([file, declared]);
  }
});

test("every fact is documented, and what the documentation writes can be used", () => {
  for (const fact of Object.keys(FACT_TYPES)) expect(DOCUMENTATION).toContain(`| \`${fact}\` |`);
  const missing = ["has(request.labels.site)", "request.labels[?'site'].orValue('') == 'a'"];
  const rules = missing.map((require, index) => ({ name: `missing-${index}`, require, otherwise: "hold" }));
  expect(ask(policyOf(rules))).toMatchObject({ kind: "noOpinion", reason: "PolicyHolds" });
  const [, policy = ""] = /# policy\.yaml\n(.*?)```/s.exec(DOCUMENTATION) ?? [];
  const file = join(temporaryDirectory(), "policy.yaml");
  writeFileSync(file, policy);
  expect(ask(openPolicy({ file }))).toMatchObject({ kind: "skipped", evidence: { rules: ["node-name", "rack"] } });
});
