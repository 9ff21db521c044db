import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { ExpiryNotice } from "../../../services/certificate-authority/domain/expiry-records.ts";
import { fingerprintAt, holderAt } from "../../../services/certificate-authority/domain/fleet.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord } from "../../builders/records.ts";
import { buildSans } from "../../builders/subject.ts";

const EPOCH = new Date(0);
const DAY = 86_400_000;
const SERVING = "kubernetes.io/kubelet-serving";
const none = { nodeName: undefined, requestName: undefined, requestUid: undefined, requester: undefined };
const at = (day: number) => new Date(Date.UTC(2026, 0, 1) + day * DAY);

let opened: TestLedger;

beforeEach(async () => {
  opened = await openTestLedger();
});
afterEach(() => opened.close());

let serials = 0;

async function recordNode(nodeName: string, from: number, to: number, signerName?: string): Promise<string> {
  serials += 1;
  const serial = serials.toString(16).padStart(4, "0");
  const record = certificateRecord({
    ...{ serial, nodeName, commonName: `system:node:${nodeName}`, notBefore: at(from), notAfter: at(to) },
    ...(signerName !== undefined && { signerName }),
  });
  await opened.ledger.certificates.record(record);
  return record.fingerprint;
}

async function holders(endedBefore = EPOCH) {
  const fleet = await opened.ledger.expiry.scan(endedBefore);
  return Array.from(fleet.ids, (_, index) => ({ ...holderAt(fleet, index), fingerprint: fingerprintAt(fleet, index) }));
}

test("an empty ledger has no holders", async () => {
  expect(await holders()).toEqual([]);
});

test("of each node and signer the newest certificate is found, the first to end first", async () => {
  await recordNode("node-é", 0, 30);
  const renewed = await recordNode("node-é", 20, 50);
  const other = await recordNode("node-b", 0, 40);
  const serving = await recordNode("node-b", 0, 35, SERVING);
  expect(await holders()).toMatchObject([
    { name: "node-b", signerName: SERVING, fingerprint: serving, notAfter: at(35), isNode: true, namesHash: 0 },
    { name: "node-b", fingerprint: other, notAfter: at(40) },
    { name: "node-é", fingerprint: renewed, notBefore: at(20), notAfter: at(50) },
  ]);
});

test("of two that begin at the same time the later record counts", async () => {
  await recordNode("node-1", 0, 60);
  const later = await recordNode("node-1", 0, 30);
  expect((await holders()).map(({ fingerprint }) => fingerprint)).toEqual([later]);
});

test("what was revoked does not count, and who has nothing else is no holder", async () => {
  const older = await recordNode("node-1", 0, 30);
  const newer = await recordNode("node-1", 10, 40);
  const only = await recordNode("node-2", 0, 30);
  const order = { reason: "keyCompromise", message: "", by: "admin" } as const;
  const target = { kind: "certificates", fingerprints: [newer, only] } as const;
  await opened.ledger.revocations.revoke({ target, ...order });
  expect((await holders()).map(({ name, fingerprint }) => [name, fingerprint])).toEqual([["node-1", older]]);
});

test("machines whose last certificate ended long ago are left out", async () => {
  await recordNode("gone", 0, 30);
  await recordNode("there", 0, 31);
  expect((await holders(at(31))).map(({ name }) => name)).toEqual(["there"]);
});

test("certificates of nobody's node are told apart by signer, common name and other names", async () => {
  const record = (serial: string, from: number, to: number, commonName: string, dnsNames: readonly string[]) =>
    opened.ledger.certificates.record(
      certificateRecord({
        ...{ ...none, serial, commonName, sans: buildSans({ dnsNames }), signerName: "example.com/service" },
        ...{ notBefore: at(from), notAfter: at(to) },
      }),
    );
  await record("aa01", 0, 10, "web", ["a.example"]);
  await record("aa02", 5, 20, "web", ["a.example"]);
  await record("aa03", 0, 12, "web", ["b.example"]);
  await record("aa04", 0, 13, "", ["c.example"]);
  const found = await holders();
  expect(found.map(({ name, notAfter, isNode }) => [name, notAfter, isNode])).toEqual([
    ["web", at(12), false],
    ["c.example", at(13), false],
    ["web", at(20), false],
  ]);
  expect(new Set(found.map(({ namesHash }) => namesHash)).size).toBe(3);
});

test("more holders than a page has are all found", async () => {
  const names = Array.from({ length: 2_050 }, (_, index) => `node-${index}`);
  await Promise.all(names.map((name) => recordNode(name, 0, 30)));
  expect(new Set((await holders()).map(({ name }) => name))).toEqual(new Set(names));
}, 60_000);

function notice(overrides: Partial<ExpiryNotice> = {}): ExpiryNotice {
  const holder = { signerName: SERVING, name: "node-1", namesHash: 0, certificateId: 7 };
  const targets = ["hook"];
  return { ...holder, state: "overdue", notAfter: at(30), targets, document: '{"of":"node-1"}', ...overrides };
}

test("what is said is noted and waits for each target, in one commit", async () => {
  const { expiry } = opened.ledger;
  const targets = ["hook", "mail"];
  await expiry.record([notice({ targets }), notice({ name: "node-2", document: "2", targets })]);
  expect(await expiry.told(undefined, 1)).toMatchObject([{ name: "node-1", certificateId: 7, state: "overdue" }]);
  const [first] = await expiry.told(undefined, 1);
  expect(await expiry.told(first, 10)).toMatchObject([{ name: "node-2" }]);
  expect(await expiry.waiting("hook", 10)).toMatchObject([{ document: '{"of":"node-1"}' }, { document: "2" }]);
  expect(await expiry.countWaiting()).toBe(4);
});

test("a newer notice takes the place of one that still waits, and outlives its delivery", async () => {
  const { expiry } = opened.ledger;
  await expiry.record([notice()]);
  const [sent] = await expiry.waiting("hook", 10);
  await expiry.record([notice({ state: "lost", document: "lost" })]);
  await expiry.settle([sent?.id ?? 0]);
  expect(await expiry.waiting("hook", 10)).toMatchObject([{ document: "lost" }]);
});

test("a renewal takes back what was said; old words and outboxes of nobody go", async () => {
  const { expiry } = opened.ledger;
  const targets = ["hook", "gone"];
  await expiry.record([notice({ targets }), notice({ name: "node-2", notAfter: at(10), targets })]);
  await expiry.record([notice({ state: "renewed", document: "renewed" })]);
  expect(await expiry.told(undefined, 10)).toMatchObject([{ name: "node-2" }]);
  await expiry.prune(at(11), ["hook"]);
  expect(await expiry.told(undefined, 10)).toEqual([]);
  expect(await expiry.waiting("gone", 10)).toEqual([]);
  expect((await expiry.waiting("hook", 10)).map(({ document }) => document)).toContain("renewed");
});
