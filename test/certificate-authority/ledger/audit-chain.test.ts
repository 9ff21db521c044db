import { createHash } from "node:crypto";
import { afterEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import fc from "fast-check";
import type { AuditEntry } from "../../../services/certificate-authority/domain/ports.ts";
import { canonicalJson } from "../../../services/certificate-authority/ledger/canonical-json.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord, decisionRecord, issuerRecord } from "../../builders/records.ts";
import { request } from "../../builders/request.ts";

let opened: TestLedger | undefined;

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

test.each([
  {
    name: "keys in order, at every level",
    value: { b: 1, a: { d: [{ f: 1, e: 2 }], c: 2 } },
    text: '{"a":{"c":2,"d":[{"e":2,"f":1}]},"b":1}',
  },
  {
    name: "keys by UTF-16 code unit",
    value: { "\uff21": 1, "\ud83d\ude00": 2, Z: 3, a: 4, "10": 5, "9": 6 },
    text: '{"10":5,"9":6,"Z":3,"a":4,"\ud83d\ude00":2,"\uff21":1}',
  },
  { name: "absent members left out", value: { a: undefined, b: null }, text: '{"b":null}' },
  { name: "dates as ISO 8601", value: { at: new Date(1) }, text: '{"at":"1970-01-01T00:00:00.001Z"}' },
  {
    name: "a key named __proto__",
    value: JSON.parse('{"b":1,"__proto__":{"a":1}}'),
    text: '{"__proto__":{"a":1},"b":1}',
  },
])("canonical JSON: $name", ({ value, text }) => {
  expect(canonicalJson(value)).toBe(text);
});

test("canonical JSON says the same whatever the order of keys, and means the same as JSON", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const reversed = Object.fromEntries(Object.entries(object).reverse());
      expect(canonicalJson(reversed)).toBe(canonicalJson(object));
      expect(JSON.parse(canonicalJson(object))).toEqual(JSON.parse(JSON.stringify(object)));
    }),
  );
});

test("the chain is what its description says, recomputed by hand", async () => {
  opened = await openTestLedger();
  const entry: AuditEntry = {
    at: new Date("2026-01-01T00:00:00Z"),
    actor: "alice",
    kind: "test.done",
    subject: "something",
    details: { b: 1, a: "ü" },
  };
  await opened.ledger.audit.append(entry);
  await opened.ledger.audit.append({ ...entry, subject: "else" });
  const payload = (subject: string) =>
    `{"actor":"alice","at":"2026-01-01T00:00:00.000Z","details":{"a":"ü","b":1},"kind":"test.done","subject":"${subject}"}`;
  const sha256 = (...parts: readonly (string | Buffer)[]) =>
    createHash("sha256")
      .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
      .digest();
  const first = sha256(Buffer.alloc(32), Buffer.from("0000000000000001", "hex"), payload("something"));
  const second = sha256(first, Buffer.from("0000000000000002", "hex"), payload("else"));
  expect(await opened.ledger.maintenance.verify()).toMatchObject({
    auditEntries: 2,
    auditHead: second.toString("hex"),
    problems: [],
  });
});

test("every decision, certificate, token and issuer change and every removal has its entry", async () => {
  opened = await openTestLedger();
  const { requests, certificates, issuers, tokens } = opened.ledger;
  const at = new Date("2026-01-01T00:00:00Z");
  const token = {
    ...{ id: "abcdef", description: "", extraGroups: [], nodeName: undefined, createdBy: "alice" },
    ...{ createdAt: at, expiresAt: at },
  };
  await issuers.record(issuerRecord());
  await issuers.record(issuerRecord({ slot: "old" }));
  await requests.recordDecision(decisionRecord());
  await certificates.record(certificateRecord());
  await tokens.create(token, new Uint8Array(1));
  await tokens.remove("abcdef", "bob");
  await tokens.create(token, new Uint8Array(1));
  await tokens.removeExpired(new Date("2026-01-02T00:00:00Z"));
  await tokens.create(token, new Uint8Array(1));
  await tokens.removeExpired(new Date("2026-01-02T00:00:00Z"), "carol");
  await requests.create(request({ metadata: { name: "a", uid: "uid-a" } }));
  await requests.create(request({ metadata: { name: "b", uid: "uid-b" } }));
  await requests.remove("a", {}, "dave");
  await requests.remove("b", {});
  await expect(requests.remove("b", {}, "eve")).rejects.toMatchObject({ reason: "NotFound" });
  const connection = new Database(opened.file, { readonly: true });
  const payloads = connection.prepare<[], string>("SELECT payload FROM audit ORDER BY sequence").pluck().all();
  connection.close();
  for (const payload of payloads) expect(canonicalJson(JSON.parse(payload))).toBe(payload);
  const entries = payloads.map((payload) => JSON.parse(payload) as Record<string, unknown>);
  expect(entries.map(({ kind, actor, subject }) => [kind, actor, subject])).toEqual([
    ["issuer.recorded", "gatehouse", issuerRecord().id],
    ["issuer.moved", "gatehouse", issuerRecord().id],
    ["decision.recorded", "gatehouse", "csr-abcde"],
    ["certificate.issued", "gatehouse", certificateRecord().fingerprint],
    ["token.created", "alice", "abcdef"],
    ["token.removed", "bob", "abcdef"],
    ["token.created", "alice", "abcdef"],
    ["token.expired", "gatehouse", "abcdef"],
    ["token.created", "alice", "abcdef"],
    ["token.expired", "carol", "abcdef"],
    ["request.deleted", "dave", "a"],
    ["request.deleted", "gatehouse", "b"],
  ]);
  expect(entries.slice(-2).map(({ details }) => details)).toEqual([
    { content: expect.stringMatching(/^[0-9a-f]{64}$/), requestUid: "uid-a", revision: 4 },
    { content: expect.stringMatching(/^[0-9a-f]{64}$/), requestUid: "uid-b", revision: 5 },
  ]);
});
