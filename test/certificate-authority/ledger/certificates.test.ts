import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type {
  CertificateRecord,
  CertificateSummary,
} from "../../../services/certificate-authority/domain/certificate.ts";
import type { CertificateQuery } from "../../../services/certificate-authority/domain/ports.ts";
import type { Clock } from "../../../services/shared/clock.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord } from "../../builders/records.ts";
import { buildSans } from "../../builders/subject.ts";

const NOW = new Date("2026-01-15T12:00:00Z");
const clock: Clock = { now: () => NOW };
const SERVING = "kubernetes.io/kubelet-serving";
const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const DAY_MILLISECONDS = 86_400_000;

const inDays = (days: number) => new Date(NOW.getTime() + days * DAY_MILLISECONDS);

/** `00` to `09`: what each is, is said by its overrides. */
const RECORDS: readonly CertificateRecord[] = [
  certificateRecord({ serial: "00", spkiSha256: "44".repeat(32), notAfter: inDays(-1), notBefore: inDays(-30) }),
  certificateRecord({ serial: "01", notAfter: new Date(NOW.getTime() - 1), notBefore: inDays(-20) }),
  certificateRecord({ serial: "02", notAfter: NOW, notBefore: inDays(-10) }),
  certificateRecord({
    ...{ serial: "03", notAfter: inDays(3), notBefore: inDays(-5), signerName: SERVING },
    sans: buildSans({ dnsNames: ["Node-1.example", "*.apps.example"], ipAddresses: ["10.0.0.1"] }),
  }),
  certificateRecord({ serial: "04", notAfter: inDays(2), nodeName: "node-2", requestName: "csr-two" }),
  certificateRecord({ serial: "05", notAfter: inDays(2), nodeName: "node-2", state: "revoked" }),
  certificateRecord({
    serial: "06",
    notAfter: inDays(9),
    nodeName: undefined,
    requestUid: undefined,
    spkiSha256: "55".repeat(32),
  }),
  certificateRecord({ serial: "07", notAfter: inDays(9), nodeName: "node-1", notBefore: inDays(-6) }),
  certificateRecord({
    ...{ serial: "08", notAfter: inDays(1), nodeName: "node-3", signerName: SERVING },
    sans: buildSans({ dnsNames: ["node-1.example"] }),
  }),
  certificateRecord({ serial: "08", notAfter: inDays(5), issuerId: "33".repeat(32), der: Buffer.from("other issuer") }),
  certificateRecord({ serial: "09", notAfter: inDays(-2), nodeName: "node-4", state: "revoked" }),
];

let opened: TestLedger;

beforeAll(async () => {
  opened = await openTestLedger({ clock });
  for (const record of RECORDS) await opened.ledger.certificates.record(record);
});

afterAll(() => opened.close());

const find = (query: Partial<CertificateQuery>) => opened.ledger.certificates.find({ limit: 100, ...query });
const label = ({ serial, issuerId }: CertificateSummary) => (issuerId.startsWith("33") ? `${serial}'` : serial);

const QUERIES: readonly { name: string; query: Partial<CertificateQuery>; expected: readonly string[] }[] = [
  { name: "everything", query: {}, expected: ["09", "08'", "08", "07", "06", "05", "04", "03", "02", "01", "00"] },
  { name: "a node", query: { nodeName: "node-2" }, expected: ["05", "04"] },
  { name: "a node and signer", query: { nodeName: "node-1", signerName: SERVING }, expected: ["03"] },
  { name: "a signer", query: { signerName: SERVING }, expected: ["08", "03"] },
  { name: "a request", query: { requestName: "csr-two" }, expected: ["04"] },
  { name: "a serial that two issuers used", query: { id: "08" }, expected: ["08'", "08"] },
  { name: "a fingerprint", query: { id: RECORDS[9]?.fingerprint ?? "" }, expected: ["08'"] },
  { name: "an id of another node", query: { id: "00", nodeName: "node-2" }, expected: [] },
  { name: "valid", query: { state: "valid" }, expected: ["08'", "08", "07", "06", "04", "03", "02"] },
  { name: "expired", query: { state: "expired" }, expected: ["01", "00"] },
  { name: "revoked", query: { state: "revoked" }, expected: ["09", "05"] },
  { name: "valid of a signer", query: { state: "valid", signerName: SERVING }, expected: ["08", "03"] },
  { name: "expired of a node", query: { state: "expired", nodeName: "node-1" }, expected: ["01", "00"] },
  { name: "expired of a node, but revoked", query: { state: "expired", nodeName: "node-4" }, expected: [] },
  {
    name: "expired and expiring",
    query: { expiresBefore: inDays(3), state: "expired" },
    expected: ["00", "01"],
  },
  {
    name: "expiring before an instant, which is excluded",
    query: { expiresBefore: inDays(3) },
    expected: ["09", "00", "01", "02", "08", "04", "05"],
  },
  {
    name: "valid and expiring",
    query: { expiresBefore: inDays(9), state: "valid" },
    expected: ["02", "08", "04", "03", "08'"],
  },
  {
    name: "of a node and expiring, soonest first",
    query: { expiresBefore: inDays(10), state: "valid", nodeName: "node-1" },
    expected: ["02", "03", "08'", "07"],
  },
  {
    name: "of a signer and expiring",
    query: { expiresBefore: inDays(10), signerName: SERVING },
    expected: ["08", "03"],
  },
  { name: "an issuer, soonest first", query: { issuerId: "33".repeat(32) }, expected: ["08'"] },
  {
    name: "another issuer, what is valid",
    query: { issuerId: "11".repeat(32), state: "valid" },
    expected: ["02", "08", "04", "03", "06", "07"],
  },
  { name: "an issuer and a node", query: { issuerId: "11".repeat(32), nodeName: "node-2" }, expected: ["05", "04"] },
  { name: "an issuer and expiring", query: { issuerId: "33".repeat(32), expiresBefore: inDays(5) }, expected: [] },
  { name: "a key of nodes", query: { spkiSha256: "44".repeat(32) }, expected: ["00"] },
  { name: "a key of nobody's node", query: { spkiSha256: "55".repeat(32) }, expected: ["06"] },
  {
    name: "a key of many",
    query: { spkiSha256: "22".repeat(32) },
    expected: ["09", "08'", "08", "07", "05", "04", "03", "02", "01"],
  },
  {
    name: "a key and expiring",
    query: { spkiSha256: "22".repeat(32), expiresAfter: inDays(4) },
    expected: ["08'", "07"],
  },
  { name: "a DNS name", query: { name: "node-1.example" }, expected: ["08", "03"] },
  { name: "a DNS name and expiring", query: { name: "node-1.example", expiresAfter: NOW }, expected: ["08", "03"] },
  {
    name: "a DNS name and a window",
    query: { name: "node-1.example", expiresAfter: inDays(2), expiresBefore: inDays(4) },
    expected: ["03"],
  },
  { name: "a DNS name of a node", query: { name: "node-1.example", nodeName: "node-3" }, expected: ["08"] },
  { name: "a wildcard, as it stands", query: { name: "*.apps.example" }, expected: ["03"] },
  { name: "a name under a wildcard", query: { name: "a.apps.example" }, expected: [] },
  { name: "an address", query: { name: "10.0.0.1" }, expected: ["03"] },
  { name: "expiring after an instant, which is included", query: { expiresAfter: inDays(9) }, expected: ["06", "07"] },
  {
    name: "a window of expiry",
    query: { expiresAfter: inDays(2), expiresBefore: inDays(5) },
    expected: ["04", "05", "03"],
  },
  { name: "an unknown node", query: { nodeName: "node-9" }, expected: [] },
];

test.each(QUERIES)("find: $name", async ({ query, expected }) => {
  const { items, continueToken } = await find(query);
  expect(items.map(label)).toEqual(expected);
  expect(continueToken).toBeUndefined();
});

test("find answers with all of a certificate but its encoding", async () => {
  const [{ der: _, ...summary }] = RECORDS.slice(-1) as [CertificateRecord];
  const { items } = await find({ id: summary.fingerprint });
  expect((await find({ limit: 1 })).items).toEqual([summary]);
  expect(items).toEqual([summary]);
});

test.each(QUERIES)("find in pages of any size gives the same: $name", async ({ query, expected }) => {
  for (const limit of [1, 2, 3, 7]) {
    const found: string[] = [];
    let continueToken: string | undefined;
    do {
      const page = await find({ ...query, limit, ...(continueToken !== undefined && { continueToken }) });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      found.push(...page.items.map(label));
      continueToken = page.continueToken;
    } while (continueToken !== undefined);
    expect(found).toEqual(expected);
  }
});

test("a full page that is also the last has no token", async () => {
  expect(await find({ nodeName: "node-2", limit: 2 })).toMatchObject({ continueToken: undefined });
  expect((await find({ nodeName: "node-2", limit: 1 })).continueToken).toEqual(expect.any(String));
});

test("a record is read back as it was given", async () => {
  const [first] = RECORDS;
  expect(await opened.ledger.certificates.get(first?.fingerprint ?? "")).toEqual(first);
  expect(await opened.ledger.certificates.get("00")).toEqual(first);
  expect(await opened.ledger.certificates.get("ff")).toBeUndefined();
});

test.each([
  { name: "limit 0", query: { limit: 0 } },
  { name: "limit 1001", query: { limit: 1_001 } },
  { name: "a limit that is no whole number", query: { limit: 1.5 } },
  { name: "a token that is not ours", query: { continueToken: "!!" } },
  { name: "a token of another shape", query: { continueToken: Buffer.from("[1]").toString("base64url") } },
  { name: "a token of other types", query: { continueToken: Buffer.from('["1",2]').toString("base64url") } },
])("find refuses $name", async ({ query }) => {
  await expect(find(query)).rejects.toMatchObject({ reason: "BadRequest" });
});

test("limits of 1 and 1000 are taken", async () => {
  expect((await find({ limit: 1 })).items).toHaveLength(1);
  expect((await find({ limit: 1_000 })).items).toHaveLength(RECORDS.length);
});

test("the latest of a node and signer is the one that began last", async () => {
  const { certificates } = opened.ledger;
  expect(await certificates.latestOf("node-1", CLIENT)).toMatchObject({ serial: "07" });
  expect(await certificates.latestOf("node-1", SERVING)).toMatchObject({ serial: "03" });
  expect(await certificates.latestOf("node-2", SERVING)).toBeUndefined();
});

test.each([
  { name: "in order", days: [0, 2, 3, 100], counts: [0, 2, 3, 7] },
  { name: "in any order, repeated, some past", days: [3, -5, 2, 3, 0], counts: [3, 0, 2, 3, 0] },
  { name: "none", days: [], counts: [] },
])("valid certificates are counted by when they expire: bounds $name", async ({ days, counts }) => {
  expect(await opened.ledger.certificates.countByExpiry(NOW, days.map(inDays))).toEqual({ counts, valid: 7 });
});

test("what expires this very instant is valid still, and expires before the next one", async () => {
  const next = new Date(NOW.getTime() + 1);
  expect((await opened.ledger.certificates.countByExpiry(NOW, [next])).counts).toEqual([1]);
  expect(await opened.ledger.certificates.countByExpiry(next, [next])).toEqual({ counts: [0], valid: 6 });
});

test("a certificate's predecessor is the newest of its node and signer that does not begin later", async () => {
  const other = await openTestLedger();
  const { ledger } = other;
  const record = async (serial: string, overrides: Partial<CertificateRecord>) => {
    await ledger.certificates.record(certificateRecord({ serial, ...overrides }));
    return (await ledger.certificates.get(serial))?.predecessor;
  };
  const fingerprint = (serial: string) => certificateRecord({ serial }).fingerprint;
  const at = (day: number) => ({ notBefore: inDays(day) });
  expect(await record("01", at(1))).toBeUndefined();
  expect(await record("02", at(2))).toBe(fingerprint("01"));
  expect(await record("03", at(2))).toBe(fingerprint("02"));
  expect(await record("04", { ...at(3), signerName: SERVING })).toBeUndefined();
  expect(await record("05", { ...at(3), nodeName: "node-2" })).toBeUndefined();
  expect(await record("06", { ...at(3), nodeName: undefined })).toBeUndefined();
  expect(await record("07", at(1.5))).toBe(fingerprint("01"));
  expect(await record("08", { ...at(4), predecessor: fingerprint("01") })).toBe(fingerprint("01"));
  await other.close();
});

test("a certificate tells whether it has the key of the one it replaces", async () => {
  const other = await openTestLedger();
  const { certificates } = other.ledger;
  const [one, two] = ["66".repeat(32), "77".repeat(32)];
  const keys = [one, one, two];
  for (const [index, spkiSha256] of keys.entries()) {
    await certificates.record(certificateRecord({ serial: `0${index}`, spkiSha256, notBefore: inDays(index) }));
  }
  const { items } = await certificates.find({ limit: 10 });
  expect(items.map(({ keyReused }) => keyReused)).toEqual([false, true, undefined]);
  expect((await certificates.get("01"))?.keyReused).toBe(true);
  expect(certificates.summaryOfLatest("node-1", CLIENT)).toEqual(items[0]);
  expect(certificates.summaryOfLatest("node-1", SERVING)).toBeUndefined();
  await other.close();
});

test("otherHoldersOf: whose valid certificate has a name, of nodes and of others", async () => {
  const other = await openTestLedger({ clock });
  const { certificates } = other.ledger;
  const sans = (dnsNames: readonly string[], ipAddresses: readonly string[] = []) => ({
    sans: { dnsNames, emailAddresses: [], ipAddresses, uris: [] },
  });
  const held = [
    { serial: "01", nodeName: "node-1", notAfter: inDays(1), ...sans(["Node-1", "node-1"], ["10.0.0.1"]) },
    { serial: "02", nodeName: "node-2", notAfter: inDays(-1), ...sans(["old"]) },
    { serial: "03", nodeName: "node-2", notAfter: inDays(1), state: "revoked" as const, ...sans(["revoked"]) },
    { serial: "04", nodeName: undefined, notAfter: inDays(1), commonName: "gatehouse", ...sans(["gatehouse"]) },
    { serial: "05", nodeName: "node-2", notAfter: NOW, ...sans(["last", "", "x".repeat(254)]) },
  ];
  for (const record of held) await certificates.record(certificateRecord(record));
  const holder = (name: string, nodeName = "node-9") => certificates.otherHoldersOf(name, nodeName, NOW)[0]?.serial;
  expect(certificates.otherHoldersOf("node-1", "node-9", NOW)).toEqual([
    {
      serial: "01",
      signerName: CLIENT,
      nodeName: "node-1",
      commonName: "system:node:node-1",
      notAfter: inDays(1),
    },
  ]);
  expect([holder("10.0.0.1"), holder("10.0.0.1", "node-1"), holder("node-1", "node-1")]).toEqual([
    "01",
    undefined,
    undefined,
  ]);
  expect([holder("old"), holder("revoked"), holder("gatehouse"), holder("last")]).toEqual([
    undefined,
    undefined,
    "04",
    "05",
  ]);
  expect([holder(""), holder("x".repeat(254)), holder("nobody")]).toEqual([undefined, undefined, undefined]);
  await other.close();
});

test.each([
  { name: "the same serial of the same issuer", overrides: { der: Buffer.from("other") } },
  { name: "the same encoding under another serial", overrides: { serial: "77", der: RECORDS[0]?.der ?? Buffer.of() } },
])("a certificate is refused with $name", async ({ overrides }) => {
  const attempt = opened.ledger.certificates.record(certificateRecord({ serial: "00", ...overrides }));
  await expect(attempt).rejects.toMatchObject({ reason: "Conflict" });
});

test("a rare match among many is found, and many are counted, without holding the event loop", async () => {
  const other = await openTestLedger({ clock });
  const { certificates } = other.ledger;
  const serials = Array.from({ length: 21_000 }, (_, index) => index.toString(16).padStart(4, "0"));
  const records = serials.map((serial) => certificateRecord({ serial, notAfter: inDays(serial === "0000" ? -1 : 1) }));
  for (let start = 0; start < records.length; start += 7_000) {
    await Promise.all(records.slice(start, start + 7_000).map((record) => certificates.record(record)));
  }
  let turns = 0;
  let isCounting = true;
  setImmediate(function count() {
    turns += 1;
    if (isCounting) setImmediate(count);
  });
  const { items, continueToken } = await certificates.find({ state: "expired", limit: 5 });
  expect({ labels: items.map(label), continueToken }).toEqual({ labels: ["0000"], continueToken: undefined });
  expect(turns).toBeGreaterThan(1);
  turns = 0;
  expect(await certificates.countByExpiry(NOW, [inDays(1), inDays(2)])).toEqual({ counts: [0, 20_999], valid: 20_999 });
  expect(turns).toBeGreaterThan(1);
  isCounting = false;
  await other.close();
});

test.each([
  {
    name: "a key of two nodes, asked for one",
    key: "22",
    nodeName: "node-1",
    other: expect.stringMatching(/^node-[23]$/),
  },
  { name: "asked for a third", key: "22", nodeName: "node-9", other: expect.stringMatching(/^node-[123]$/) },
  { name: "asked for none", key: "22", nodeName: undefined, other: expect.stringMatching(/^node-[123]$/) },
  { name: "a key of one node, asked for it", key: "44", nodeName: "node-1", other: undefined },
  { name: "asked for another, the certificate having expired", key: "44", nodeName: "node-2", other: "node-1" },
  { name: "a key that was certified for no node", key: "55", nodeName: "node-1", other: undefined },
  { name: "an unknown key", key: "66", nodeName: undefined, other: undefined },
])("otherNodeOfKey: $name", ({ key, nodeName, other }) => {
  expect(opened.ledger.certificates.otherNodeOfKey(key.repeat(32), nodeName)).toEqual(other);
});

test.each([
  { name: "an issued certificate", fingerprint: () => RECORDS[4]?.fingerprint ?? "", revoked: false },
  { name: "a revoked one", fingerprint: () => RECORDS[5]?.fingerprint ?? "", revoked: true },
  { name: "one that is not on record", fingerprint: () => "ab".repeat(32), revoked: false },
  { name: "what is no fingerprint", fingerprint: () => "x", revoked: false },
])("isRevoked: $name is $revoked", ({ fingerprint, revoked }) => {
  expect(opened.ledger.certificates.isRevoked(fingerprint())).toBe(revoked);
});

test("otherNodeOfKey: what was found before is not said any more once a certificate was recorded", async () => {
  const other = await openTestLedger({ clock });
  const { certificates } = other.ledger;
  const spkiSha256 = "77".repeat(32);
  const asked = () => [undefined, "node-1", "node-2"].map((node) => certificates.otherNodeOfKey(spkiSha256, node));
  expect(asked()).toEqual([undefined, undefined, undefined]);
  expect(certificates.otherNodeOfKey(spkiSha256, "node-2")).toBeUndefined();
  await certificates.record(certificateRecord({ spkiSha256, nodeName: "node-1" }));
  expect(certificates.otherNodeOfKey(spkiSha256, "node-2")).toBe("node-1");
  expect(asked()).toEqual(["node-1", undefined, "node-1"]);
  await other.close();
});
