import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";
import type { RecordedEntry } from "../../services/certificate-authority/domain/ports.ts";
import { run } from "../../services/cli/program.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { startAdminServer } from "./admin-server.ts";
import { fakeTerminal, gatehouse, NOW } from "./fixture.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.audit.entries.length = 0;
  server.audit.queries.length = 0;
  server.audit.more = undefined;
});

function entry(sequence: number, overrides: Partial<RecordedEntry> = {}): RecordedEntry {
  const at = new Date(NOW.getTime() - 60_000 + sequence * 1000);
  const what = { actor: "alice", kind: "request.deleted", subject: `csr-${sequence}`, details: {} };
  return { sequence, at, ...what, hash: "ab".repeat(32), ...overrides };
}

function event(overrides: object = {}) {
  return {
    ...{ kind: "Event", apiVersion: "audit.k8s.io/v1", stage: "ResponseComplete", verb: "create" },
    ...{ requestURI: "/apis/x", user: { username: "alice" }, responseStatus: { code: 201 } },
    ...{ objectRef: { resource: "csrs", name: "csr-1" }, stageTimestamp: "2026-01-02T03:04:05.000000Z" },
    ...overrides,
  };
}

const SIGNED = { actor: "gatehouse", kind: "certificate.issued", subject: "ab12", details: { requestName: "csr-1" } };
const APPROVAL = event({
  verb: "update",
  user: { username: "bob" },
  objectRef: { resource: "csrs", subresource: "approval", name: "csr-2" },
});
const DELETION = event({
  ...{ verb: "delete", requestURI: "/v1/bootstrap-tokens/abcdef", objectRef: undefined },
  ...{
    user: { username: "root" },
    impersonatedUser: { username: "carol" },
    stageTimestamp: "2026-01-02T01:04:05.000000Z",
  },
});

/** A log of these events, the last line without its break when `torn` is given. */
function log(events: readonly object[], torn = ""): string {
  const path = join(temporaryDirectory(), "audit.log");
  writeFileSync(path, events.map((each) => `${JSON.stringify(each)}\n`).join("") + torn);
  return path;
}

test("search asks the server's hash chain, the newest first", async () => {
  server.audit.entries.push(entry(1), entry(2, SIGNED));
  expect(await server.command(["audit", "search"])).toEqual({
    code: 0,
    stdout: [
      "SEQUENCE   TIME                       USER        VERB      RESOURCE      NAME",
      "2          2026-01-02T03:03:07.000Z   gatehouse   issued    certificate   ab12",
      "1          2026-01-02T03:03:06.000Z   alice       deleted   request       csr-1",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("search passes its filters on", async () => {
  const filters = ["--since", "2h", "--user", "u", "--verb", "v", "--resource", "r", "--name", "n", "--limit", "5"];
  await server.command(["audit", "search", ...filters]);
  const since = new Date(NOW.getTime() - 7_200_000);
  expect(server.audit.queries).toEqual([{ since, actor: "u", verb: "v", noun: "r", name: "n", limit: 5 }]);
  await server.command(["audit", "search", "--since", "2026-01-01T00:00:00Z"]);
  expect(server.audit.queries[1]).toEqual({ since: new Date("2026-01-01T00:00:00Z"), limit: 100 });
});

test("search takes page after page until it has enough, and tells that there may be more", async () => {
  server.audit.entries.push(entry(1), entry(2));
  server.audit.more = 1;
  const { stdout, stderr } = await server.command(["audit", "search", "--limit", "3", "-o", "json"]);
  expect(JSON.parse(stdout).items.map(({ sequence }: RecordedEntry) => sequence)).toEqual([2, 1, 2]);
  expect(server.audit.queries).toEqual([{ limit: 3 }, { before: 1, limit: 1 }]);
  expect(stderr).toBe("There may be more than these 3; --limit 0 shows all.\n");
});

test("an empty answer says so on standard error", async () => {
  expect(await server.command(["audit", "search"])).toEqual({ code: 0, stdout: "", stderr: "Nothing found.\n" });
  const { stdout } = await server.command(["audit", "search", "-o", "yaml"]);
  expect(parse(stdout)).toEqual({ apiVersion: "gatehouse.dev/v1", kind: "AuditEntryList", metadata: {}, items: [] });
});

test("tail shows the newest last", async () => {
  server.audit.entries.push(entry(1), entry(2), entry(3));
  const { stdout } = await server.command(["audit", "tail", "-n", "2", "-o", "json"]);
  expect(JSON.parse(stdout).items.map(({ sequence }: RecordedEntry) => sequence)).toEqual([2, 3]);
});

test("search in a log file shows requests, the newest first", async () => {
  const path = log([event(), APPROVAL, DELETION]);
  expect(await gatehouse(["audit", "search", "--file", path])).toEqual({
    code: 0,
    stdout: [
      "TIME                          USER            VERB     RESOURCE                      NAME    CODE   STAGE",
      "2026-01-02T01:04:05.000000Z   root as carol   delete   /v1/bootstrap-tokens/abcdef           201    ResponseComplete",
      "2026-01-02T03:04:05.000000Z   bob             update   csrs/approval                 csr-2   201    ResponseComplete",
      "2026-01-02T03:04:05.000000Z   alice           create   csrs                          csr-1   201    ResponseComplete",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test.each([
  { name: "a user", args: ["--user", "bob"], found: ["update"] },
  { name: "whom somebody impersonated", args: ["--user", "carol"], found: ["delete"] },
  { name: "who impersonated", args: ["--user", "root"], found: ["delete"] },
  { name: "a verb", args: ["--verb", "create"], found: ["create"] },
  { name: "a resource with its subresources", args: ["--resource", "csrs"], found: ["update", "create"] },
  { name: "a subresource", args: ["--resource", "csrs/approval"], found: ["update"] },
  { name: "a name", args: ["--name", "csr-1"], found: ["create"] },
  { name: "the last hour", args: ["--since", "1h"], found: ["update", "create"] },
  { name: "a time", args: ["--since", "2026-01-02T01:04:05Z"], found: ["delete", "update", "create"] },
  { name: "both", args: ["--user", "bob", "--verb", "create"], found: [] },
  { name: "a limit", args: ["--limit", "1"], found: ["delete"] },
])("a log file is searched by $name", async ({ args, found }) => {
  const path = log([event(), APPROVAL, DELETION]);
  const { stdout } = await gatehouse(["audit", "search", "--file", path, "-o", "json", ...args]);
  const list = JSON.parse(stdout);
  expect(list).toMatchObject({ apiVersion: "audit.k8s.io/v1", kind: "EventList" });
  expect(list.items.map(({ verb }: { verb: string }) => verb)).toEqual(found);
});

test("lines that are no events are passed over and told, half a line at the end is not", async () => {
  const path = join(temporaryDirectory(), "audit.log");
  writeFileSync(
    path,
    `${JSON.stringify(event())}\n{"kind":"Ev\n\n[1]\n${JSON.stringify(APPROVAL)}\n{"kind":"Event","ve`,
  );
  const { code, stdout, stderr } = await gatehouse(["audit", "tail", "--file", path, "-o", "json"]);
  expect({ code, count: JSON.parse(stdout).items.length, stderr }).toEqual({
    code: 0,
    count: 2,
    stderr: "2 lines are no events; a crash leaves at most one.\n",
  });
});

test("a log file larger than what is read at once is read whole", async () => {
  const many = Array.from({ length: 3000 }, (_, number) =>
    event({ auditID: `id-${number}`, note: "ü".repeat(number % 90) }),
  );
  const path = log(many);
  const { stdout } = await gatehouse(["audit", "search", "--file", path, "-o", "json", "--limit", "0"]);
  const ids = JSON.parse(stdout).items.map(({ auditID }: { auditID: string }) => auditID);
  expect(ids).toEqual(many.map((_, number) => `id-${number}`).toReversed());
  const newest = await gatehouse(["audit", "tail", "--file", path, "-o", "json", "-n", "0"]);
  expect(JSON.parse(newest.stdout).items).toEqual([]);
});

/** Runs a command that goes on until told to stop; `stdout` is what it wrote so far. */
function following(args: readonly string[]) {
  const stop = new AbortController();
  const { terminal, written } = fakeTerminal({ signal: stop.signal });
  const unexpected = async (): Promise<never> => Promise.reject(new Error("not expected"));
  const certificateAuthority = { serve: unexpected, verifyLedgerFile: unexpected };
  const code = run(args, {
    terminal,
    loadCertificateAuthority: async () => certificateAuthority as never,
    loadDoctor: unexpected,
    loadNodeAuthorizer: unexpected,
    loadNodeAgent: unexpected,
    benchmark: { checkout: "/nowhere/", run: unexpected },
  });
  const until = async (text: string): Promise<void> => {
    while (!written.stdout.includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const end = (): Promise<number> => {
    stop.abort();
    return code;
  };
  return { written, until, end };
}

test("following a log file shows what is added, also when the file is put aside", async () => {
  const path = log([event()]);
  const { written, until, end } = following(["audit", "tail", "--file", path, "--follow"]);
  await until("alice");
  appendFileSync(path, `${JSON.stringify(APPROVAL)}\n{"kind":"Event","user":{"username":"ha`);
  await until("bob");
  appendFileSync(path, 'lf"}}\n');
  await until("half");
  appendFileSync(path, `${JSON.stringify(event({ user: { username: "last-before" } }))}\n`);
  renameSync(path, `${path}.1`);
  writeFileSync(path, `${JSON.stringify(event({ user: { username: "first-after" } }))}\n`);
  await until("first-after");
  expect(await end()).toBe(0);
  const users = written.stdout
    .split("\n")
    .slice(1, -1)
    .map((line) => line.split(/ {2,}/)[1] ?? "");
  expect(users.map((user) => user || "half")).toEqual(["alice", "bob", "half", "last-before", "first-after"]);
});

test("following the server shows what comes, an object a line", async () => {
  server.audit.entries.push(entry(1));
  const args = ["audit", "tail", "--follow", "-o", "json", "--kubeconfig", server.kubeconfig];
  const { written, until, end } = following(args);
  await until("csr-1");
  server.audit.entries.push(entry(2), entry(3));
  await until("csr-3");
  expect(await end()).toBe(0);
  const sequences = written.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).sequence);
  expect(sequences).toEqual([1, 2, 3]);
  expect(server.audit.queries.slice(0, 2)).toEqual([{ limit: 10 }, { after: 1, limit: 1000 }]);
});

test("following in YAML separates documents", async () => {
  const path = log([event(), APPROVAL]);
  const { written, until, end } = following(["audit", "tail", "--file", path, "-f", "-o", "yaml"]);
  await until("csr-2");
  await end();
  expect(parseAllDocuments(written.stdout).map((document) => document.toJS())).toEqual([event(), APPROVAL]);
});

test.each([
  { args: ["--since", "soon"], says: "Give a duration such as 90m" },
  { args: ["--limit", "many"], says: "Give a whole number" },
])("a wrong option is told: $args", async ({ args, says }) => {
  const { code, stderr } = await gatehouse(["audit", "search", ...args]);
  expect({ code, isTold: stderr.includes(says) }).toEqual({ code: 2, isTold: true });
});

test("a log that is not there is told", async () => {
  const { code, stderr } = await gatehouse(["audit", "search", "--file", "/nowhere/audit.log"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: cannot read \/nowhere\/audit\.log: ENOENT/);
});
