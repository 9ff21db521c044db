import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { Change } from "../../../services/certificate-authority/domain/ports.ts";
import type { ClusterRole } from "../../../services/certificate-authority/domain/rbac/objects.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { apiBinding, apiRole } from "../../builders/rbac-objects.ts";
import { storedCsr } from "../../builders/stored-csr.ts";

let opened: TestLedger;
beforeEach(async () => {
  opened = await openTestLedger();
});
afterEach(() => opened.close());

const roles = () => opened.ledger.clusterRoles;
const fresh = (name: string, overrides: Parameters<typeof apiRole>[1] = {}) =>
  apiRole(name, { ...overrides, metadata: { uid: `uid-of-${name}`, resourceVersion: "", ...overrides.metadata } });

test("an object is stored, changed, removed and found again after a restart", async () => {
  const created = await roles().create(fresh("a"), "alice");
  expect(created.metadata.resourceVersion).toBe("2");
  expect(await roles().get("a")).toBe(created);
  const updated = await roles().update({ ...created, rules: null }, "alice");
  expect(updated).toEqual({ ...created, rules: null, metadata: { ...created.metadata, resourceVersion: "3" } });
  await roles().create(fresh("b"), "alice");
  await opened.reopen();
  expect(await roles().list()).toEqual({
    items: [updated, expect.objectContaining({ kind: "ClusterRole" })],
    revision: 4,
  });
  expect(await roles().list({ name: "b" })).toMatchObject({ items: [{ metadata: { name: "b" } }] });
  const last = await roles().remove("a", { uid: "uid-of-a", resourceVersion: "3" }, "bob");
  expect(last.metadata.resourceVersion).toBe("5");
  expect(await roles().get("a")).toBeUndefined();
  expect((await roles().list({ name: "a" })).items).toEqual([]);
});

test("what is not as expected is refused, and stores nothing", async () => {
  const created = await roles().create(fresh("a"), "alice");
  const stale = { ...created, metadata: { ...created.metadata, resourceVersion: "1" } };
  const other = { ...created, metadata: { ...created.metadata, uid: "other" } };
  await expect(roles().create(fresh("a"), "alice")).rejects.toMatchObject({
    reason: "AlreadyExists",
    details: { name: "a", group: "rbac.authorization.k8s.io", kind: "clusterroles" },
  });
  await expect(roles().update(stale, "alice")).rejects.toMatchObject({ reason: "Conflict" });
  await expect(roles().update(other, "alice")).rejects.toMatchObject({ reason: "Conflict" });
  await expect(roles().update(fresh("gone"), "alice")).rejects.toMatchObject({ reason: "NotFound" });
  await expect(roles().remove("gone", {}, "alice")).rejects.toMatchObject({ reason: "NotFound" });
  await expect(roles().remove("a", { uid: "other" }, "alice")).rejects.toMatchObject({ reason: "Conflict" });
  const large = fresh("large", { metadata: { annotations: { a: "x".repeat(1024 * 1024) } } });
  await expect(roles().create(large, "alice")).rejects.toMatchObject({ reason: "RequestEntityTooLarge" });
  expect(roles().revision()).toBe(2);
});

test("objects of several kinds and requests may have one name, and share one counter", async () => {
  await opened.ledger.requests.create(storedCsr("a"));
  await roles().create(fresh("a"), "alice");
  await opened.ledger.clusterRoleBindings.create(apiBinding("a", "a"), "alice");
  expect((await opened.ledger.requests.get("a"))?.metadata.resourceVersion).toBe("2");
  expect((await roles().get("a"))?.metadata.resourceVersion).toBe("3");
  expect((await opened.ledger.clusterRoleBindings.get("a"))?.metadata.resourceVersion).toBe("4");
  expect((await opened.ledger.requests.list()).revision).toBe(4);
  expect((await opened.ledger.requests.list()).items).toHaveLength(1);
  expect((await opened.ledger.maintenance.verify()).problems).toEqual([]);
});

async function seenAfter(revision: number, subscription: "roles" | "requests", name?: string): Promise<string[]> {
  const seen: string[] = [];
  const note = (changes: readonly Pick<Change<ClusterRole>, "type" | "object" | "revision">[]) => {
    seen.push(
      ...changes.map(({ type, object, revision: at }) => `${type} ${object.kind} ${object.metadata.name} ${at}`),
    );
  };
  const selection = name === undefined ? {} : { name };
  const source = subscription === "roles" ? roles() : opened.ledger.requests;
  source.subscribe(revision, selection, note as never, () => undefined);
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return seen;
}

test.each(["from memory", "from the log"])("a watch sees the changes of its own kind alone: %s", async (where) => {
  await opened.ledger.requests.create(storedCsr("a"));
  const created = await roles().create(fresh("a"), "alice");
  await roles().update({ ...created, rules: null }, "alice");
  await roles().create(fresh("b"), "alice");
  await opened.ledger.requests.create(storedCsr("b"));
  await roles().remove("a", {}, "alice");
  if (where === "from the log") await opened.reopen();
  const ofA = ["ADDED ClusterRole a 3", "MODIFIED ClusterRole a 4", "DELETED ClusterRole a 7"];
  expect(await seenAfter(1, "roles")).toEqual([...ofA.slice(0, 2), "ADDED ClusterRole b 5", ...ofA.slice(2)]);
  expect(await seenAfter(1, "roles", "a")).toEqual(ofA);
  expect(await seenAfter(4, "roles")).toEqual(["ADDED ClusterRole b 5", "DELETED ClusterRole a 7"]);
  const requests = ["ADDED CertificateSigningRequest a 2", "ADDED CertificateSigningRequest b 6"];
  expect(await seenAfter(1, "requests")).toEqual(requests);
});

test("watchers that are up to date are told of their own kind before the writer is answered", async () => {
  const seen: string[] = [];
  const note = (what: string) => (changes: readonly unknown[]) => void seen.push(`${what} ${changes.length}`);
  roles().subscribe(1, {}, note("roles"), () => undefined);
  opened.ledger.clusterRoleBindings.subscribe(1, {}, note("bindings"), () => undefined);
  opened.ledger.requests.subscribe(1, {}, note("requests"), () => undefined);
  await Promise.all([
    roles().create(fresh("a"), "alice"),
    opened.ledger.requests.create(storedCsr("a")),
    roles()
      .create(fresh("b"), "alice")
      .then(() => seen.push("answered")),
  ]);
  expect(seen.sort()).toEqual(["answered", "requests 1", "roles 2"]);
});

test("each write is on the audit trail with who wrote", async () => {
  const created = await roles().create(fresh("a"), "alice");
  await roles().update({ ...created, rules: null }, "bob");
  await roles().remove("a", {}, "carol");
  const { items } = await opened.ledger.audit.find({ noun: "clusterrole", after: 0, limit: 10 });
  expect(items.map(({ actor, kind, subject, details }) => [actor, kind, subject, details["revision"]])).toEqual([
    ["alice", "clusterrole.created", "a", 2],
    ["bob", "clusterrole.updated", "a", 3],
    ["carol", "clusterrole.deleted", "a", 4],
  ]);
  expect(items[0]?.details).toMatchObject({ resource: "clusterroles", uid: "uid-of-a" });
});

test.each([
  {
    name: "a role whose rules were widened",
    sql: `UPDATE changes SET object = replace(object, '"get"', '"*"') WHERE name LIKE 'clusterroles%'`,
    problem: /object clusterroles\.rbac\.authorization\.k8s\.io\/a: no audit entry records it as it is stored/,
  },
  {
    name: "a role that was taken away",
    sql: "DELETE FROM objects",
    problem: /object clusterroles\.rbac\.authorization\.k8s\.io\/a: revision 2 stored it, and it is not there/,
  },
  {
    name: "a role that points elsewhere",
    sql: "UPDATE objects SET revision = 3",
    problem: /object clusterroles\.rbac\.authorization\.k8s\.io\/a: it is not what the change log says it became/,
  },
])("verification notices $name", async ({ sql, problem }) => {
  await roles().create(fresh("a"), "alice");
  await opened.ledger.requests.create(storedCsr("b"));
  await opened.ledger.close();
  const connection = new Database(opened.file);
  connection.exec(sql);
  connection.close();
  await opened.reopen();
  expect((await opened.ledger.maintenance.verify()).problems).toEqual([expect.stringMatching(problem)]);
});

test("compaction keeps what is stored", async () => {
  const created = await roles().create(fresh("a"), "alice");
  const updated = await roles().update({ ...created, rules: null }, "alice");
  await opened.ledger.maintenance.compact(new Date(Date.now() + 1000));
  expect(() =>
    roles().subscribe(
      1,
      {},
      () => undefined,
      () => undefined,
    ),
  ).toThrow(expect.objectContaining({ reason: "Expired" }));
  await opened.reopen();
  expect(await roles().get("a")).toEqual(updated);
  expect((await opened.ledger.maintenance.verify()).problems).toEqual([]);
});
