import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import type { CertificateSigningRequest } from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import { NO_CONFIGURED_SIGNERS } from "../../services/certificate-authority/domain/configured-signer.ts";
import type { Decision, TraceEntry } from "../../services/certificate-authority/domain/decision.ts";
import { openLocalChain, type StatedVerdict } from "../../services/certificate-authority/local-chain.ts";
import { recordedReviews } from "../../services/certificate-authority/recorded-reviews.ts";
import { replayPolicy } from "../../services/certificate-authority/replay.ts";
import type { ReplayReport } from "../../services/certificate-authority/replay-report.ts";
import { buildCsr } from "../builders/csr.ts";
import { openTestLedger, type TestLedger } from "../builders/ledger.ts";
import { certificateRecord } from "../builders/records.ts";
import { CLIENT_KUBELET, type RequestArguments, request } from "../builders/request.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";

const { logger } = recordingLogger();
const DAY = 86_400;
const DECIDED = new Date("2026-01-01T12:00:00.250Z");
const DEFAULT = [{ manual: {} }, { "kubelet-client": {} }];
/** Denies what asks for more than a day. */
const SHORT = { policy: { rules: [rule("short", "deny", `request.expirationSeconds > ${DAY}`)] } };

let opened: TestLedger;
const directory = temporaryDirectory();

beforeEach(async () => {
  opened = await openTestLedger();
});

afterEach(() => opened.close());

function rule(name: string, effect: "deny" | "approve", expression: string): object {
  return { name, [effect]: expression, message: `${name} says so` };
}

function configured(hooks: readonly object[], guards: object = {}): string {
  const file = join(directory, `chain-${Math.random().toString(36).slice(2)}.yaml`);
  const head = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
  writeFileSync(file, JSON.stringify({ ...head, approval: { hooks, guards } }));
  return file;
}

const csrs = new Map<string, string>();

function csrOf(node: string): string {
  const known = csrs.get(node) ?? buildCsr({ commonName: `system:node:${node}` }).requestBase64;
  csrs.set(node, known);
  return known;
}

function asked(name: string, { spec, metadata }: RequestArguments = {}): CertificateSigningRequest {
  const csr = request({ metadata: { name, uid: `uid-${name}`, ...metadata } });
  return { ...csr, spec: { ...csr.spec, request: csrOf(name), signerName: CLIENT_KUBELET, ...spec } };
}

function entry(hook: string, kind: TraceEntry["kind"], more: Partial<TraceEntry> = {}): TraceEntry {
  return { hook, kind, required: false, reason: "R", message: "m", evidence: {}, durationMicroseconds: 1, ...more };
}

const APPROVAL = [entry("manual", "noOpinion"), entry("kubelet-client", "approved", { reason: "AutoApproved" })];

/** Stores a request with what was decided on it. */
async function record(csr: CertificateSigningRequest, decision: Partial<Decision> & { readonly by?: string } = {}) {
  const { by: decidedBy = "gatehouse", ...said } = decision;
  const { metadata, spec } = csr;
  const { requests } = opened.ledger;
  if ((await requests.get(metadata.name)) === undefined) await requests.create(csr);
  const { signerName, username: requester = "" } = spec;
  await requests.recordDecision({
    ...{ outcome: "approved", hook: "kubelet-client", reason: "AutoApproved", message: "", trace: APPROVAL },
    ...said,
    ...{ requestName: metadata.name, requestUid: metadata.uid, signerName, requester, decidedBy, decidedAt: DECIDED },
  });
}

async function replay(hooks: readonly object[], more: object = {}): Promise<ReplayReport> {
  const reviews = recordedReviews(opened.ledger.recorded, NO_CONFIGURED_SIGNERS);
  const fetchPage = (since: Date, continueToken: string | undefined) =>
    reviews.page({ since, limit: 3, continueToken });
  const options = { since: new Date(0), source: { fetchPage }, asksOutside: false, maximumExamples: 2 };
  return replayPolicy({ configFile: configured(hooks), onProgress: () => undefined, ...options, ...more });
}

test("the same chain changes nothing", async () => {
  for (const name of ["a", "b", "c", "d"]) await record(asked(name));
  expect(await replay(DEFAULT)).toMatchObject({
    ...{ recorded: 4, unchanged: 4, changed: 0, undetermined: 0, lost: 0, changes: [] },
    stated: ["manual", "kubelet-client"],
  });
});

test("a stricter policy: which outcomes change in which direction, by which rule, with examples", async () => {
  await record(asked("short", { spec: { expirationSeconds: 3600 } }));
  for (const name of ["a", "b", "c"]) await record(asked(name, { spec: { expirationSeconds: 30 * DAY } }));
  const report = await replay([SHORT, ...DEFAULT]);
  expect(report).toMatchObject({ recorded: 4, unchanged: 1, changed: 3 });
  expect(report.changes).toMatchObject([
    {
      ...{ from: "approved", to: "denied", count: 3 },
      causes: [{ hook: "policy", count: 3 }],
      examples: [
        {
          request: { name: "a", signerName: CLIENT_KUBELET },
          ...{ nodeName: "a", decidedAt: DECIDED.toISOString() },
          recorded: { outcome: "approved", hook: "kubelet-client", reason: "AutoApproved" },
          replayed: { outcome: "denied", hook: "policy" },
        },
        { request: { name: "b" } },
      ],
    },
  ]);
});

test("a hook that becomes required leaves requests pending, and says which", async () => {
  await record(asked("a"));
  const [change] = (await replay([{ manual: { required: true } }, { "kubelet-client": {} }])).changes;
  expect(change).toMatchObject({ from: "approved", to: "pending", causes: [{ hook: "manual" }] });
});

test("without the hook that approved nobody does", async () => {
  await record(asked("a"));
  const [change] = (await replay([{ manual: {} }])).changes;
  expect(change).toMatchObject({
    from: "approved",
    to: "pending",
    causes: [{ hook: "kubelet-client", reason: "NoLongerAsked" }],
  });
});

test("what would be approved that people had to decide: with what they decided", async () => {
  const trace = [entry("manual", "noOpinion"), entry("kubelet-client", "noOpinion")];
  const pending = { outcome: "pending", hook: undefined, reason: "Pending", trace } as const;
  for (const name of ["a", "b", "c"]) await record(asked(name), pending);
  await record(asked("a"), { by: "alice", trace: [entry("manual", "approved")], hook: "manual" });
  await record(asked("b"), { by: "alice", trace: [entry("manual", "denied")], outcome: "denied", hook: "manual" });
  const all = { policy: { rules: [rule("all", "approve", "true")] } };
  const [change] = (await replay([all, ...DEFAULT])).changes;
  expect(change).toMatchObject({ from: "pending", to: "approved", count: 3, approvedByPeople: 1, deniedByPeople: 1 });
});

test("a hook that was not asked then, behind a denial, leaves the outcome undetermined", async () => {
  const denied = { outcome: "denied", hook: "policy", reason: "R", trace: [entry("policy", "denied")] } as const;
  await record(asked("a"), denied);
  const report = await replay(DEFAULT);
  expect(report).toMatchObject({
    changed: 0,
    undetermined: 1,
    unknown: [{ hook: "kubelet-client", count: 1, examples: ["a"] }],
  });
});

test("what is no kubelet's request is none whoever looks, and people are known to decide beside the chain", async () => {
  const denied = { outcome: "denied", hook: "policy", reason: "R", trace: [entry("policy", "denied")] } as const;
  await record(asked("a", { spec: { signerName: "kubernetes.io/kubelet-serving", usages: ["server auth"] } }), denied);
  expect(await replay(DEFAULT)).toMatchObject({ undetermined: 0, changes: [{ from: "denied", to: "pending" }] });
});

test("a hook that failed then fails again, and one that was asked about others then is not known", async () => {
  const failed = [entry("manual", "noOpinion"), entry("kubelet-client", "failed", { message: "was away" })];
  await record(asked("a"), { outcome: "pending", hook: undefined, reason: "HookFailed", trace: failed });
  const skipped = [entry("manual", "noOpinion"), entry("kubelet-client", "skipped", { reason: "NotSelected" })];
  await record(asked("b"), { outcome: "pending", hook: undefined, reason: "Pending", trace: skipped });
  expect(await replay(DEFAULT)).toMatchObject({ unchanged: 1, undetermined: 1 });
});

test("a program that is new is asked when that is wanted, and told that it is a rehearsal; else nobody knows", async () => {
  for (const name of ["a", "b"]) await record(asked(name));
  const answer = `import json, sys
review = json.load(sys.stdin)
assert review["isRehearsal"] and review["now"] == "${DECIDED.toISOString()}"
print(json.dumps({"decision": "deny" if review["nodeName"] == "b" else "approve", "reason": "Asked"}))`;
  const hooks = [{ script: { command: ["/usr/bin/env", "python3", "-c", answer] } }, ...DEFAULT];
  expect(await replay(hooks)).toMatchObject({ undetermined: 2, unknown: [{ hook: "script", count: 2 }] });
  expect(await replay(hooks, { asksOutside: true })).toMatchObject({
    ...{ unchanged: 1, undetermined: 0, stated: ["manual", "kubelet-client"] },
    changes: [{ from: "approved", to: "denied", causes: [{ hook: "script", reason: "Asked" }] }],
  });
});

test("a guard's denial of then stands", async () => {
  const trace = [entry("supersede", "denied", { reason: "Superseded" })];
  await record(asked("a"), { outcome: "denied", hook: "supersede", reason: "Superseded", trace });
  expect(await replay(DEFAULT)).toMatchObject({ unchanged: 1 });
});

test.each([
  {
    name: "superseding is switched off",
    guard: "supersede",
    kind: "denied",
    guards: { supersede: false },
    found: { undetermined: 1 },
  },
  {
    name: "a name that changes hands waits",
    guard: "first-join",
    kind: "denied",
    guards: { firstJoin: "hold" },
    found: { undetermined: 1 },
  },
  {
    name: "it is denied",
    guard: "first-join",
    kind: "noOpinion",
    guards: { firstJoin: "deny" },
    found: { changes: [{ to: "denied" }] },
  },
  {
    name: "it is let pass",
    guard: "first-join",
    kind: "noOpinion",
    guards: { firstJoin: "allow" },
    found: { changes: [{ to: "approved" }] },
  },
] as const)("guards are replayed as they are configured now: $name", async ({ guard, kind, guards, found }) => {
  const said = entry(guard, kind, { required: guard === "first-join" });
  const isDenied = kind === "denied";
  const trace = isDenied ? [said] : [said, ...APPROVAL];
  await record(asked("a"), { outcome: isDenied ? "denied" : "pending", hook: isDenied ? guard : undefined, trace });
  expect(await replay(DEFAULT)).toMatchObject(
    isDenied && guard === "first-join" ? { undetermined: 1 } : { unchanged: 1 },
  );
  expect(await replay(DEFAULT, { configFile: configured(DEFAULT, guards) })).toMatchObject(found);
});

test("the profile of now judges what is approved; names that the issuer refused are refused again", async () => {
  const names = entry("name-constraints", "denied", { required: true, reason: "NameConstraintViolation" });
  await record(asked("a"), { outcome: "denied", hook: "name-constraints", trace: [...APPROVAL, names] });
  await record(asked("b", { spec: { usages: ["client auth", "server auth"] } }));
  expect(await replay(DEFAULT)).toMatchObject({
    unchanged: 1,
    changes: [{ from: "approved", to: "denied", causes: [{ hook: "signer-profile" }] }],
  });
});

test("previous certificates are those of the time of the decision", async () => {
  await record(asked("a"));
  const at = (milliseconds: number) => new Date(DECIDED.getTime() + milliseconds);
  for (const [serial, milliseconds] of [
    ["01", -5_000],
    ["02", 5_000],
  ] as const) {
    const times = { notBefore: at(milliseconds), issuedAt: at(milliseconds), notAfter: at(DAY * 1000) };
    await opened.ledger.certificates.record(certificateRecord({ serial, nodeName: "a", ...times }));
  }
  const { items } = await recordedReviews(opened.ledger.recorded, NO_CONFIGURED_SIGNERS).page({
    ...{ since: new Date(0), limit: 3, continueToken: undefined },
  });
  expect(items[0]?.document?.previous).toMatchObject([{ serial: "01" }]);
  const single = { policy: { rules: [rule("one", "approve", "size(previous) == 1 && previous[0].serial == '01'")] } };
  expect(await replay([single])).toMatchObject({ changes: [], unchanged: 1, changed: 0 });
});

test("deleted requests are decided again; pruned ones, and those that only people decided, are counted", async () => {
  for (const name of ["a", "b"]) await record(asked(name));
  await record(asked("c"), { by: "alice" });
  await opened.ledger.requests.remove("a", {});
  expect(await replay(DEFAULT)).toMatchObject({ recorded: 3, unchanged: 2, lost: 0, decidedByPeople: 1 });
  await opened.ledger.maintenance.pruneArchive(new Date(0), 0);
  expect(await replay(DEFAULT)).toMatchObject({ recorded: 3, unchanged: 1, lost: 1, decidedByPeople: 1 });
});

test("a ledger in use, at rest and a backup tell the same, and nothing is left beside them", async () => {
  for (const name of ["a", "b", "c"]) await record(asked(name));
  const backup = join(directory, "backup.db");
  await opened.ledger.maintenance.backup(backup);
  const before = readdirSync(directory).filter((name) => name.startsWith("backup"));
  const online = await replay(DEFAULT);
  expect(await replay(DEFAULT, { source: { database: opened.file } })).toEqual(online);
  expect(await replay(DEFAULT, { source: { database: backup } })).toEqual(online);
  expect(readdirSync(directory).filter((name) => name.startsWith("backup"))).toEqual(before);
});

test("a chain that cannot be built is refused by its setting", async () => {
  await expect(replay([{ policy: { rules: [rule("bad", "deny", "request.")] } }])).rejects.toThrow(/bad|rules/);
});

test("property: replaying through the same chain changes nothing, whatever the hooks say", async () => {
  const hooks = [
    SHORT,
    { manual: {} },
    { script: { name: "first", command: ["/bin/true"] } },
    { "kubelet-client": {} },
  ];
  const chain = openLocalChain(loadConfiguration({ configFile: configured(hooks) }), { logger });
  const kinds = fc.constantFrom(
    "approved" as const,
    "denied" as const,
    "noOpinion" as const,
    "skipped" as const,
    "failed" as const,
  );
  const cases = fc.array(
    fc.record({ first: kinds, client: kinds, seconds: fc.constantFrom(3_600, DAY, DAY + 1, 30 * DAY) }),
    { minLength: 40, maxLength: 40 },
  );
  const [sampled = []] = fc.sample(cases, 1);
  for (const [index, { first, client, seconds }] of sampled.entries()) {
    const csr = asked(`n-${index % 5}-${index}`, {
      spec: { request: csrOf(`n-${index % 5}`), expirationSeconds: seconds },
    });
    await opened.ledger.requests.create(csr);
    await record(csr, { outcome: "pending", hook: undefined, trace: [] });
    const [item] = (
      await recordedReviews(opened.ledger.recorded, NO_CONFIGURED_SIGNERS).page({ since: new Date(0), limit: 500 })
    ).items.slice(-1);
    if (item?.document === undefined) throw new Error("no document");
    const verdicts = new Map<string, StatedVerdict>([
      ["first", { kind: first }],
      ["kubelet-client", { kind: client }],
    ]);
    await record(
      csr,
      await chain.review({
        document: item.document,
        verdicts: new Map([...verdicts, ["manual", { kind: "noOpinion" }]]),
      }),
    );
  }
  await chain.close();
  const report = await replay(hooks);
  expect(report).toMatchObject({ recorded: 40, unchanged: 40, changed: 0, undetermined: 0 });
});
