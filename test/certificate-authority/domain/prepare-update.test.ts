import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type {
  CertificateSigningRequest,
  CsrCondition,
} from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { DraftCondition } from "../../../services/certificate-authority/domain/draft.ts";
import {
  changesStatus,
  isUnchanged,
  prepareUpdate,
} from "../../../services/certificate-authority/domain/prepare-update.ts";
import { condition, draft, draftCondition, draftOf, request } from "../../builders/request.ts";

const NOW = new Date("2026-03-04T05:06:07.890Z");
const NOW_TEXT = "2026-03-04T05:06:07Z";
const THEN = "2026-01-01T00:00:00Z";

/** A condition without times, as `kubectl certificate approve` and controllers send it. */
const bare = (type: string, status = "True"): DraftCondition => ({ type, status, reason: "R", message: "m" });

interface TimeRow {
  readonly name: string;
  readonly stored: readonly CsrCondition[];
  readonly sent: DraftCondition;
  readonly update: string;
  readonly transition: string;
}

test.each<TimeRow>([
  { name: "a new condition gets now", stored: [], sent: bare("Approved"), update: NOW_TEXT, transition: NOW_TEXT },
  {
    name: "the client's update time is kept",
    stored: [],
    sent: { ...bare("Approved"), lastUpdateTime: "1999-01-01T00:00:00Z" },
    update: "1999-01-01T00:00:00Z",
    transition: NOW_TEXT,
  },
  {
    name: "the client's transition time is kept",
    stored: [condition("Approved")],
    sent: { ...bare("Approved"), lastTransitionTime: "2099-01-01T00:00:00Z" },
    update: NOW_TEXT,
    transition: "2099-01-01T00:00:00Z",
  },
  {
    name: "same type and status: the stored transition time",
    stored: [condition("Approved")],
    sent: bare("Approved"),
    update: NOW_TEXT,
    transition: THEN,
  },
  {
    name: "same type, another status: now",
    stored: [condition("Custom", { status: "False" })],
    sent: bare("Custom"),
    update: NOW_TEXT,
    transition: NOW_TEXT,
  },
  {
    name: "another type: now",
    stored: [condition("Other")],
    sent: bare("Custom"),
    update: NOW_TEXT,
    transition: NOW_TEXT,
  },
])("times: $name", ({ stored, sent, update, transition }) => {
  const csr = request({ status: { conditions: stored } });
  const next = prepareUpdate("approval", csr, draft({ status: { conditions: [sent] } }), NOW);
  const { reason, message } = sent;
  expect(next.status.conditions).toEqual([
    { type: sent.type, status: "True", reason, message, lastUpdateTime: update, lastTransitionTime: transition },
  ]);
});

test("/status restores approvals in place and leaves the others", () => {
  const csr = request({ status: { conditions: [condition("Approved"), condition("Custom")] } });
  const conditions = [bare("Failed"), { ...bare("Approved"), message: "forged" }, bare("Custom", "False")];
  const next = prepareUpdate("status", csr, draft({ status: { conditions } }), NOW);
  expect(next.status.conditions?.map(({ type, status, message }) => [type, status, message])).toEqual([
    ["Failed", "True", "m"],
    ["Approved", "True", "Approved message"],
    ["Custom", "False", "m"],
  ]);
});

test("a certificate comes through /status only", () => {
  const sent = draft({ status: { certificate: "bmV3" } });
  expect(prepareUpdate("status", request(), sent, NOW).status.certificate).toBe("bmV3");
  expect(prepareUpdate("approval", request(), sent, NOW).status.certificate).toBeUndefined();
  expect(prepareUpdate("main", request(), sent, NOW).status.certificate).toBeUndefined();
});

const condition$ = fc.record({
  type: fc.constantFrom("Approved", "Denied", "Failed", "Custom", ""),
  status: fc.constantFrom("True", "False", "Unknown", ""),
  reason: fc.constantFrom("", "R", "S"),
  message: fc.constantFrom("", "m"),
  lastUpdateTime: fc.constantFrom(undefined, THEN, NOW_TEXT),
  lastTransitionTime: fc.constantFrom(undefined, THEN, NOW_TEXT),
});
/** `exactOptionalPropertyTypes`: an undefined time is one that is not there. */
const draftCondition$ = condition$.map(
  (row) =>
    Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as unknown as DraftCondition,
);
/** What is empty is not stored. */
const asStored = (row: DraftCondition) =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== "")) as unknown as CsrCondition;
const meta$ = fc.record({
  name: fc.string(),
  generateName: fc.string(),
  namespace: fc.string(),
  uid: fc.string(),
  resourceVersion: fc.string(),
  labels: fc.dictionary(fc.string(), fc.string()),
  annotations: fc.dictionary(fc.string(), fc.string()),
  ownerReferences: fc.array(
    fc.record({ apiVersion: fc.string(), kind: fc.string(), name: fc.string(), uid: fc.string() }),
  ),
  finalizers: fc.array(fc.string()),
});
const draft$ = fc.record({
  metadata: meta$,
  spec: fc.record({
    request: fc.string(),
    signerName: fc.string(),
    usages: fc.array(fc.string()),
    expirationSeconds: fc.integer(),
  }),
  status: fc.record({ conditions: fc.array(draftCondition$), certificate: fc.string() }),
});
const stored$ = fc.record({ conditions: fc.array(draftCondition$), certificate: fc.constantFrom("", "b2xk") }).map(
  ({ conditions, certificate }): CertificateSigningRequest =>
    request({
      metadata: { generateName: "csr-", deletionTimestamp: THEN, labels: { old: "label" }, finalizers: ["a.b/c"] },
      spec: { expirationSeconds: 7200, extra: { a: ["b"] } },
      status: {
        ...(conditions.length > 0 && { conditions: conditions.map(asStored) }),
        ...(certificate && { certificate }),
      },
    }),
);

test("generateName is the client's, also to drop", () => {
  const stored = request({ metadata: { generateName: "csr-" } });
  expect(prepareUpdate("main", stored, draft({ metadata: { generateName: "new-" } }), NOW).metadata.generateName).toBe(
    "new-",
  );
  expect(prepareUpdate("status", stored, draft(), NOW).metadata).not.toHaveProperty("generateName");
});

test("property: no endpoint changes spec or the server's metadata", () => {
  fc.assert(
    fc.property(stored$, draft$, fc.constantFrom("main", "approval", "status"), (stored, sent, target) => {
      const next = prepareUpdate(target, stored, sent, NOW);
      expect(next.spec).toBe(stored.spec);
      const {
        generateName: _g,
        labels: _l,
        annotations: _a,
        ownerReferences: _o,
        finalizers: _f,
        ...before
      } = stored.metadata;
      const {
        generateName: _G,
        labels: _L,
        annotations: _A,
        ownerReferences: _O,
        finalizers: _F,
        ...after
      } = next.metadata;
      expect(after).toEqual(before);
      expect(next.metadata.labels ?? {}).toEqual(sent.metadata.labels);
      expect(next.metadata.annotations ?? {}).toEqual(sent.metadata.annotations);
      expect(next.metadata.ownerReferences ?? []).toEqual(sent.metadata.ownerReferences);
      expect(next.metadata.finalizers ?? []).toEqual(sent.metadata.finalizers);
    }),
  );
});

test("property: each endpoint takes from status what is its own", () => {
  const textOf = ({ type, status, reason, message }: DraftCondition | CsrCondition) =>
    [type, status, reason, message].map((text) => text ?? "").join("|");
  fc.assert(
    fc.property(stored$, draft$, (stored, sent) => {
      expect(prepareUpdate("main", stored, sent, NOW).status).toBe(stored.status);

      const approval = prepareUpdate("approval", stored, sent, NOW).status;
      expect(approval.certificate ?? "").toBe(stored.status.certificate ?? "");
      expect((approval.conditions ?? []).map(textOf)).toEqual(sent.status.conditions.map(textOf));

      const status = prepareUpdate("status", stored, sent, NOW).status;
      expect(status.certificate ?? "").toBe(sent.status.certificate);
      expect((status.conditions ?? []).map(({ type }) => type)).toEqual(sent.status.conditions.map(({ type }) => type));
      for (const type of ["Approved", "Denied"]) {
        const ofType = (rows: readonly (DraftCondition | CsrCondition)[]) => rows.filter((row) => row.type === type);
        const before = ofType(stored.status.conditions ?? []).map(textOf);
        const wanted = ofType(sent.status.conditions).map(textOf);
        const expected = before.length === wanted.length ? before : wanted;
        expect(ofType(status.conditions ?? []).map(textOf)).toEqual(expected);
      }
    }),
  );
});

test("property: what is sent back as it was read changes nothing", () => {
  const settled$ = stored$.filter((csr) =>
    (csr.status.conditions ?? []).every((row) => row.lastUpdateTime && row.lastTransitionTime),
  );
  fc.assert(
    fc.property(settled$, fc.constantFrom("main", "approval", "status"), (stored, target) => {
      const next = prepareUpdate(target, stored, draftOf(stored), NOW);
      expect(isUnchanged(stored, next)).toBe(true);
      expect(changesStatus(stored, next)).toBe(false);
    }),
  );
});

test.each([
  { name: "nothing", change: {}, unchanged: true, status: false },
  { name: "a label", change: { metadata: { labels: { a: "b" } } }, unchanged: false, status: false },
  { name: "a finalizer", change: { metadata: { finalizers: ["a.b/c"] } }, unchanged: false, status: false },
  { name: "a certificate", change: { status: { certificate: "bmV3" } }, unchanged: false, status: true },
  {
    name: "a condition's message",
    change: { status: { conditions: [{ ...draftCondition(condition("Custom")), message: "x" }] } },
    unchanged: false,
    status: true,
  },
])("isUnchanged, changesStatus: $name", ({ change, unchanged, status }) => {
  const stored = request({ status: { conditions: [condition("Custom")] } });
  const sent = draftOf(stored);
  const next = prepareUpdate(
    "status",
    stored,
    {
      metadata: { ...sent.metadata, ...change.metadata },
      spec: sent.spec,
      status: { ...sent.status, ...change.status },
    },
    NOW,
  );
  expect(isUnchanged(stored, next)).toBe(unchanged);
  expect(changesStatus(stored, next)).toBe(status);
});
