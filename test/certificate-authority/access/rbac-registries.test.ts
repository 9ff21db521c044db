import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  chainAuthorizers,
  privilegedGroups,
} from "../../../services/certificate-authority/access/authorization/chain.ts";
import type { RbacObject } from "../../../services/certificate-authority/access/rbac/objects.ts";
import { openRbac } from "../../../services/certificate-authority/access/rbac/open-rbac.ts";
import { createRbacRegistries } from "../../../services/certificate-authority/access/rbac/registries.ts";
import type { DraftMeta } from "../../../services/certificate-authority/domain/draft.ts";
import type { RuleFields } from "../../../services/certificate-authority/domain/rbac/objects.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import type { UserInfo } from "../../../services/shared/user-info.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { clusterRole, clusterRoleBinding, subject } from "../../builders/rbac.ts";
import { onResource, user } from "../../builders/users.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const administrator = user("root", "gatehouse:administrators");
const granter = user("granter");
const REAL = { dryRun: false };
const RBAC_GROUP = "rbac.authorization.k8s.io";

/** May write roles and bindings, and read requests. */
const GRANTER: readonly RbacObject[] = [
  clusterRole(
    "granters",
    {
      verbs: ["create", "update", "delete"],
      apiGroups: [RBAC_GROUP],
      resources: ["clusterroles", "clusterrolebindings"],
    },
    { verbs: ["get", "list"], apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"] },
  ),
  clusterRoleBinding("granters", "granters", subject("User", "granter")),
];

let opened: TestLedger;
beforeEach(async () => {
  opened = await openTestLedger();
});
afterEach(() => opened.close());

async function setUp(files: readonly RbacObject[] = []) {
  const { clusterRoles, clusterRoleBindings } = opened.ledger;
  const { logger } = recordingLogger();
  const stores = { clusterRoles, clusterRoleBindings };
  const policy = await openRbac({ ...stores, files, clock: systemClock, logger, newUid: randomUUID });
  const decide = chainAuthorizers([privilegedGroups, policy]);
  const registries = createRbacRegistries({
    ...{ ...stores, policy, clock: systemClock, newUid: randomUUID, newNameSuffix: () => "abcde" },
    authorizer: { authorize: async (who, what) => decide(who, what) },
  });
  const may = async (who: UserInfo, verb: string) => (await decide(who, onResource({ verb }))).allowed;
  return { ...registries, stores, policy, may };
}

const meta = (name: string, more: Partial<DraftMeta> = {}): DraftMeta => ({
  ...{ name, generateName: "", namespace: "", uid: "", resourceVersion: "", labels: {}, annotations: {} },
  ...{ ownerReferences: [], finalizers: [] },
  ...more,
});
const rule = (...verbs: readonly string[]): RuleFields => {
  return { verbs, apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"] };
};
const roleDraft = (name: string, rules: readonly RuleFields[], more: Partial<DraftMeta> = {}) => {
  return { metadata: meta(name, more), content: { rules } };
};
const bindingDraft = (name: string, role: string, username: string) => {
  const roleRef = { apiGroup: "", kind: "ClusterRole", name: role };
  return { metadata: meta(name), content: { subjects: [{ kind: "User", name: username }], roleRef } };
};

test("what is granted holds from the answer on, and what is taken away does not", async () => {
  const { clusterRoles, clusterRoleBindings, may } = await setUp();
  const jane = user("jane");
  await clusterRoles.create(administrator, roleDraft("readers", [rule("get")]), REAL);
  expect(await may(jane, "get")).toBe(false);
  await clusterRoleBindings.create(administrator, bindingDraft("readers", "readers", "jane"), REAL);
  expect(await may(jane, "get")).toBe(true);
  await clusterRoles.update(administrator, "readers", () => roleDraft("readers", [rule("list")]), REAL);
  expect([await may(jane, "get"), await may(jane, "list")]).toEqual([false, true]);
  await clusterRoles.update(administrator, "readers", () => roleDraft("readers", [rule("get")]), { dryRun: true });
  expect(await may(jane, "get")).toBe(false);
  await clusterRoleBindings.remove(administrator, "readers", {}, REAL);
  expect(await may(jane, "list")).toBe(false);
});

test("nobody grants what they do not hold, by a role, a change or a binding", async () => {
  const { clusterRoles, clusterRoleBindings } = await setUp(GRANTER);
  await clusterRoles.create(granter, roleDraft("readers", [rule("get")]), REAL);
  const refused = { reason: "Forbidden", message: expect.stringContaining("not currently held") };
  await expect(clusterRoles.create(granter, roleDraft("big", [rule("get", "sign")]), REAL)).rejects.toMatchObject(
    refused,
  );
  const widen = () => roleDraft("readers", [rule("*")]);
  await expect(clusterRoles.update(granter, "readers", widen, REAL)).rejects.toMatchObject(refused);
  const admin = bindingDraft("mine", "cluster-admin", "granter");
  await expect(clusterRoleBindings.create(granter, admin, REAL)).rejects.toMatchObject(refused);
  await expect(
    clusterRoleBindings.create(granter, bindingDraft("mine", "gone", "granter"), REAL),
  ).rejects.toMatchObject({
    reason: "NotFound",
  });
  const anything = { metadata: meta("all"), content: { rules: null, aggregationRule: { clusterRoleSelectors: [{}] } } };
  await expect(clusterRoles.create(granter, anything, REAL)).rejects.toMatchObject({ reason: "Forbidden" });
  expect(
    (await clusterRoleBindings.create(granter, bindingDraft("mine", "readers", "granter"), REAL)).roleRef.apiGroup,
  ).toBe(RBAC_GROUP);
});

test("rules of absurdly many rights are refused instead of compared", async () => {
  const { clusterRoles } = await setUp(GRANTER);
  const many = Array.from({ length: 1000 }, (_, index) => `r${index}`);
  const draft = roleDraft("many", [{ verbs: ["get"], apiGroups: ["x"], resources: many, resourceNames: many }]);
  await expect(clusterRoles.create(granter, draft, REAL)).rejects.toMatchObject({
    reason: "Forbidden",
    message: expect.stringContaining("split them"),
  });
});

test("administrators keep every right, whatever becomes of their binding", async () => {
  const { clusterRoles, clusterRoleBindings, may, policy } = await setUp();
  await clusterRoleBindings.remove(administrator, "gatehouse:administrators", {}, REAL);
  await clusterRoles.remove(administrator, "cluster-admin", {}, REAL);
  expect(await may(administrator, "delete")).toBe(true);
  expect(policy.rulesFor(administrator, "")).toContainEqual(
    expect.objectContaining({ verbs: ["*"], resources: ["*"] }),
  );
  const { stores } = await setUp();
  expect(await stores.clusterRoles.get("cluster-admin")).toBeDefined();
  expect(await stores.clusterRoleBindings.get("gatehouse:administrators")).toBeDefined();
});

test("objects of files are read only, and no object may claim to be one", async () => {
  const { clusterRoles, clusterRoleBindings, may } = await setUp(GRANTER);
  const change = () => roleDraft("granters", []);
  const refused = { reason: "Forbidden", message: expect.stringContaining("rbac.files") };
  await expect(clusterRoles.update(administrator, "granters", change, REAL)).rejects.toMatchObject(refused);
  await expect(clusterRoleBindings.remove(administrator, "granters", {}, REAL)).rejects.toMatchObject(refused);
  expect(await may(granter, "list")).toBe(true);
  const claiming = roleDraft("own", [], { annotations: { "gatehouse.dev/managed-by": "rbac.files" } });
  await expect(clusterRoles.create(administrator, claiming, REAL)).rejects.toMatchObject({ reason: "Invalid" });
});

test("what a file no longer grants is gone at the next start, what was made through the API stays", async () => {
  const first = await setUp(GRANTER);
  await first.clusterRoles.create(administrator, roleDraft("readers", [rule("get")]), REAL);
  await first.clusterRoleBindings.create(administrator, bindingDraft("readers", "readers", "jane"), REAL);
  const revision = opened.ledger.clusterRoles.revision();
  await opened.reopen();
  const same = await setUp(GRANTER);
  expect(opened.ledger.clusterRoles.revision()).toBe(revision);
  expect(await same.may(granter, "list")).toBe(true);
  await opened.reopen();
  const second = await setUp();
  expect(await second.may(granter, "list")).toBe(false);
  expect(await second.may(user("jane"), "get")).toBe(true);
});

test("a start with a file whose binding names no role is refused", async () => {
  await expect(setUp([clusterRoleBinding("b", "gone", subject("User", "x"))])).rejects.toThrow('ClusterRole "gone"');
  await setUp([clusterRoleBinding("b", "cluster-admin", subject("User", "x"))]);
});

test("a PUT makes what is not there for who may create, and a name can be generated", async () => {
  const { clusterRoles } = await setUp(GRANTER);
  const change = () => roleDraft("made", [rule("get")]);
  expect(await clusterRoles.update(granter, "made", change, REAL)).toMatchObject({ isNew: true });
  expect(await clusterRoles.update(granter, "made", change, REAL)).toMatchObject({ isNew: false });
  await expect(clusterRoles.update(user("jane"), "other", () => roleDraft("other", []), REAL)).rejects.toMatchObject({
    reason: "Forbidden",
  });
  const named = await clusterRoles.create(granter, roleDraft("", [], { generateName: "made-" }), REAL);
  expect(named.metadata.name).toBe("made-abcde");
  await expect(clusterRoles.create(granter, roleDraft("", [], { generateName: "made-" }), REAL)).rejects.toMatchObject({
    reason: "AlreadyExists",
  });
});

test("finalizers hold an object until they are gone; it grants what it grants until then", async () => {
  const { clusterRoles, stores } = await setUp();
  await clusterRoles.create(administrator, roleDraft("held", [], { finalizers: ["example.com/x"] }), REAL);
  expect(await clusterRoles.remove(administrator, "held", {}, REAL)).toMatchObject({ removed: false });
  const added = () => roleDraft("held", [], { finalizers: ["example.com/x", "example.com/y"] });
  await expect(clusterRoles.update(administrator, "held", added, REAL)).rejects.toMatchObject({ reason: "Invalid" });
  await clusterRoles.update(administrator, "held", () => roleDraft("held", []), REAL);
  expect(await stores.clusterRoles.get("held")).toBeUndefined();
});

test("a change without resourceVersion is put on top of what others wrote meanwhile", async () => {
  const { clusterRoles, stores } = await setUp();
  await clusterRoles.create(administrator, roleDraft("shared", []), REAL);
  const start = stores.clusterRoles.revision();
  let tries = 0;
  const others: Promise<unknown>[] = [];
  const change = () => {
    tries += 1;
    const labelled = () => roleDraft("shared", [], { labels: { other: "was-here" } });
    if (tries === 1) others.push(clusterRoles.update(administrator, "shared", labelled, REAL));
    return roleDraft("shared", [rule("get")]);
  };
  await clusterRoles.update(administrator, "shared", change, REAL);
  await Promise.all(others);
  expect(stores.clusterRoles.revision()).toBe(start + 2);
  const before = await stores.clusterRoles.get("shared");
  const stale = () => roleDraft("shared", [], { resourceVersion: "1" });
  await expect(clusterRoles.update(administrator, "shared", stale, REAL)).rejects.toMatchObject({ reason: "Conflict" });
  expect(await stores.clusterRoles.get("shared")).toBe(before);
});
