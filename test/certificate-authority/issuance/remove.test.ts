import { expect, test } from "@jest/globals";
import { StatusError } from "../../../services/shared/status-error.ts";
import { buildIssuance } from "../../builders/issuance.ts";
import { request } from "../../builders/request.ts";
import { user } from "../../builders/users.ts";

const ALICE = user("alice");
const REAL = { dryRun: false };
const UID = request().metadata.uid;

test.each([
  { name: "none", preconditions: {}, reason: undefined },
  { name: "both as they are", preconditions: { uid: UID, resourceVersion: "1" }, reason: undefined },
  { name: "another uid", preconditions: { uid: "x" }, reason: "Conflict" },
  { name: "another resourceVersion", preconditions: { resourceVersion: "2" }, reason: "Conflict" },
])("preconditions: $name", async ({ preconditions, reason }) => {
  const { issuance, requests } = buildIssuance({ initial: [request()] });
  const removal = issuance.remove(ALICE, "csr-1", preconditions, REAL);
  if (reason) await expect(removal).rejects.toMatchObject({ reason, details: { kind: "CertificateSigningRequest" } });
  else await expect(removal).resolves.toMatchObject({ removed: true, object: { metadata: { resourceVersion: "2" } } });
  expect(requests.changes).toHaveLength(reason ? 1 : 2);
  expect(requests.removals).toEqual(reason ? [] : ["csr-1 by alice"]);
});

test("an unknown name is not found, whatever the preconditions", async () => {
  const { issuance } = buildIssuance();
  await expect(issuance.remove(ALICE, "csr-1", { uid: "x" }, REAL)).rejects.toMatchObject({ reason: "NotFound" });
});

test("finalizers hold the object, which is marked once", async () => {
  const { issuance, requests } = buildIssuance({ initial: [request({ metadata: { finalizers: ["a.b/c"] } })] });
  const first = await issuance.remove(ALICE, "csr-1", {}, REAL);
  expect(first).toMatchObject({
    removed: false,
    object: {
      metadata: { deletionTimestamp: "2026-01-02T03:04:05Z", deletionGracePeriodSeconds: 0, resourceVersion: "2" },
    },
  });
  const second = await issuance.remove(ALICE, "csr-1", {}, REAL);
  expect(second.object).toEqual(first.object);
  expect(requests.changes).toHaveLength(2);
});

test.each([
  { finalizers: ["orphan"], left: undefined },
  { finalizers: ["orphan", "a.b/c", "foregroundDeletion"], left: ["a.b/c"] },
])("finalizers $finalizers: a garbage collector would have nothing to do", async ({ finalizers, left }) => {
  const { issuance } = buildIssuance({ initial: [request({ metadata: { finalizers } })] });
  const { removed, object: csr } = await issuance.remove(ALICE, "csr-1", {}, REAL);
  expect(removed).toBe(left === undefined);
  if (left !== undefined) expect(csr.metadata.finalizers).toEqual(left);
});

test.each([
  { name: "a free object", finalizers: [], removed: true },
  { name: "a held object", finalizers: ["a.b/c"], removed: false },
])("dry run on $name writes nothing", async ({ finalizers, removed }) => {
  const { issuance, requests } = buildIssuance({ initial: [request({ metadata: { finalizers } })] });
  await expect(issuance.remove(ALICE, "csr-1", {}, { dryRun: true })).resolves.toMatchObject({ removed });
  expect(requests.changes).toHaveLength(1);
});

test("a write in between is looked at again, unless a resourceVersion was asked for", async () => {
  const conflict = () => new StatusError("Conflict", "stale");
  const { issuance, requests } = buildIssuance({ initial: [request()] });
  requests.failNext("remove", conflict());
  await expect(issuance.remove(ALICE, "csr-1", {}, REAL)).resolves.toMatchObject({ removed: true });
  expect(requests.calls.get("remove")).toBe(2);

  const other = buildIssuance({ initial: [request()] });
  const remove = other.requests.remove.bind(other.requests);
  other.requests.remove = async (...args) => {
    await other.requests.update(request({ metadata: { labels: { a: "b" } } }));
    other.requests.remove = remove;
    return remove(...args);
  };
  const removal = other.issuance.remove(ALICE, "csr-1", { resourceVersion: "1" }, REAL);
  await expect(removal).rejects.toMatchObject({ reason: "Conflict" });
});
