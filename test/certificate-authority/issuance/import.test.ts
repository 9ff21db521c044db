import { createHash, generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createImporting, type Importing } from "../../../services/certificate-authority/issuance/import.ts";
import { createImportReader } from "../../../services/certificate-authority/signer/imported-certificates.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { buildLeafCertificate, type LeafArguments } from "../../builders/leaf-certificate.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { issuerRecord } from "../../builders/records.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const NOW = new Date("2026-01-20T00:00:00Z");
const OURS = buildIssuer();
/** Of the same name, and of another key. */
const NAMESAKE = buildIssuer();
const RSA = buildIssuer("rsa-2048");
const { privateKey: KEY } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
let opened: TestLedger;
let importing: Importing;

beforeAll(async () => {
  opened = await openTestLedger();
  const { certificates, issuers } = opened.ledger;
  for (const [index, { certificateDer, certificatePem }] of [OURS, RSA].entries()) {
    const id = createHash("sha256").update(certificateDer).digest("hex");
    await issuers.record(issuerRecord({ id, name: `issuer-${index}`, certificateDer, certificatePem }));
  }
  const { logger } = recordingLogger();
  const clock = { now: () => NOW };
  importing = createImporting({ certificates, issuers, reader: createImportReader(), clock, logger });
});
afterAll(() => opened.close());

function leaf(overrides: Partial<LeafArguments> = {}): string {
  return buildLeafCertificate({
    issuer: OURS,
    commonName: "system:node:node-1",
    organization: "system:nodes",
    key: KEY,
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2026-12-31T00:00:00Z"),
    ...overrides,
  });
}

const hand = (pems: readonly string[], dryRun = false) =>
  importing.import(
    pems.map((certificatePem) => ({ certificatePem, signerName: undefined })),
    "alice",
    dryRun,
  );

test("certificates of issuers on record are recorded, whatever their keys", async () => {
  const commonName = "system:node:kind";
  const [first, second] = await hand([
    leaf({ commonName }),
    leaf({ issuer: RSA, commonName: "someone", organization: "dev" }),
  ]);
  expect(first).toMatchObject({
    kind: "imported",
    record: {
      ...{ nodeName: "kind", signerName: "kubernetes.io/kube-apiserver-client-kubelet", importedAt: NOW },
      ...{ organizations: ["system:nodes"], issuedAt: new Date("2026-01-01T00:00:00Z"), requestName: undefined },
    },
  });
  expect(second).toMatchObject({
    kind: "imported",
    record: { commonName: "someone", nodeName: undefined, signerName: "kubernetes.io/kube-apiserver-client" },
  });
});

test("the same again is known, in one request and in the next", async () => {
  const pem = leaf({ commonName: "system:node:again" });
  expect((await hand([pem, pem])).map(({ kind }) => kind)).toEqual(["imported", "known"]);
  expect((await hand([pem])).map(({ kind }) => kind)).toEqual(["known"]);
});

test("the older comes first, whatever the order, and is what the younger replaces", async () => {
  const commonName = "system:node:chained";
  const young = leaf({ commonName, notBefore: new Date("2026-01-10T00:00:00Z") });
  await hand([young, leaf({ commonName })]);
  const { items } = await opened.ledger.certificates.find({ nodeName: "chained", limit: 10 });
  expect(items.map(({ predecessor }) => predecessor)).toEqual([items[1]?.fingerprint, undefined]);
});

test("a dry run tells the same and records nothing", async () => {
  const pem = leaf({ commonName: "system:node:dry" });
  expect((await hand([pem, pem], true)).map(({ kind }) => kind)).toEqual(["imported", "known"]);
  expect((await opened.ledger.certificates.find({ nodeName: "dry", limit: 10 })).items).toEqual([]);
});

test("a signer that is known is taken", async () => {
  const signerName = "example.org/ours";
  const item = { certificatePem: leaf({ commonName: "known signer", organization: "dev" }), signerName };
  expect(await importing.import([item], "alice", false)).toMatchObject([{ kind: "imported", record: { signerName } }]);
});

const keyPem = KEY.export({ type: "pkcs8", format: "pem" }).toString();

test.each([
  { name: "of a namesake of the issuer", pem: leaf({ issuer: NAMESAKE }), reason: "unknownIssuer" },
  { name: "of a CA", pem: OURS.certificatePem, reason: "authority" },
  { name: "with a key behind it", pem: leaf() + keyPem, reason: "privateKey" },
  { name: "that is a key", pem: keyPem, reason: "privateKey" },
  { name: "twice", pem: leaf() + leaf(), reason: "malformed" },
  { name: "under another label", pem: leaf().replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE"), reason: "malformed" },
  { name: "that is text", pem: "hello", reason: "malformed" },
  {
    name: "that is cut short",
    pem: `-----BEGIN CERTIFICATE-----\n${Buffer.from("no certificate").toString("base64")}\n-----END CERTIFICATE-----\n`,
    reason: "malformed",
  },
])("a certificate $name is refused: $reason, and does not keep the others", async ({ pem, reason }) => {
  const [refused, other] = await hand([pem, leaf({ commonName: `beside ${reason}` })]);
  expect(refused).toMatchObject({ kind: "refused", reason, message: expect.any(String) });
  expect(JSON.stringify(refused)).not.toContain("PRIVATE KEY");
  expect(other?.kind).not.toBe("refused");
});

test("a certificate whose signature was touched is nobody's", async () => {
  const der = Buffer.from(leaf().replace(/-----[A-Z ]+-----|\n/g, ""), "base64");
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  const pem = `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`;
  expect(await hand([pem])).toMatchObject([{ kind: "refused", reason: "unknownIssuer" }]);
});
