import { expect, test } from "@jest/globals";
import { type Impersonation, impersonate } from "../../../services/certificate-authority/access/impersonation.ts";
import type { AccessAttributes } from "../../../services/certificate-authority/domain/authorization.ts";
import { user } from "../../builders/users.ts";

const alice = user("alice");
const BOT = "system:serviceaccount:ns:bot";

const wanting = (overrides: Partial<Impersonation>): Impersonation => ({ groups: [], extra: {}, ...overrides });

/** `verb group/resource/subresource namespace:name` of every right asked for, and the user that comes of it. */
function trace(wanted: Impersonation, refuseAt = Number.POSITIVE_INFINITY) {
  const asked: string[] = [];
  const decide = (_who: unknown, attributes: AccessAttributes) => {
    if (attributes.kind === "path") throw new Error("no path is asked for");
    const { verb, group, resource, subresource = "", namespace = "", name } = attributes;
    asked.push(`${verb} ${group}/${resource}/${subresource} ${namespace}:${name}`);
    return { allowed: asked.length <= refuseAt, reason: "" };
  };
  return { asked, run: () => impersonate(alice, wanted, decide) };
}

test.each<{ name: string; wanted: Impersonation; asked: readonly string[]; result: object }>([
  {
    name: "a user",
    wanted: wanting({ user: "bob" }),
    asked: ["impersonate /users/ :bob"],
    result: { username: "bob", uid: "", groups: ["system:authenticated"], extra: {} },
  },
  {
    name: "a user and groups",
    wanted: wanting({ user: "bob", groups: ["b", "a"] }),
    asked: ["impersonate /users/ :bob", "impersonate /groups/ :b", "impersonate /groups/ :a"],
    result: { username: "bob", groups: ["b", "a", "system:authenticated"] },
  },
  {
    name: "everything, in the order of kube-apiserver",
    wanted: wanting({ user: "bob", uid: "7", groups: ["g"], extra: { scopes: ["x", "y"], "example.com/team": ["t"] } }),
    asked: [
      "impersonate /users/ :bob",
      "impersonate /groups/ :g",
      "impersonate authentication.k8s.io/userextras/scopes :x",
      "impersonate authentication.k8s.io/userextras/scopes :y",
      "impersonate authentication.k8s.io/userextras/example.com/team :t",
      "impersonate authentication.k8s.io/uids/ :7",
    ],
    result: {
      username: "bob",
      uid: "7",
      groups: ["g", "system:authenticated"],
      extra: { scopes: ["x", "y"], "example.com/team": ["t"] },
    },
  },
  {
    name: "a service account, with its own groups",
    wanted: wanting({ user: BOT }),
    asked: ["impersonate /serviceaccounts/ ns:bot"],
    result: { username: BOT, groups: ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"] },
  },
  {
    name: "a service account with groups that were asked for instead",
    wanted: wanting({ user: BOT, groups: ["g"] }),
    asked: ["impersonate /serviceaccounts/ ns:bot", "impersonate /groups/ :g"],
    result: { username: BOT, groups: ["g", "system:authenticated"] },
  },
  {
    name: "something like a service account",
    wanted: wanting({ user: "system:serviceaccount:NS:bot" }),
    asked: ["impersonate /users/ :system:serviceaccount:NS:bot"],
    result: { username: "system:serviceaccount:NS:bot", groups: ["system:authenticated"] },
  },
  {
    name: "a service account of too many parts",
    wanted: wanting({ user: `${BOT}:x` }),
    asked: [`impersonate /users/ :${BOT}:x`],
    result: { username: `${BOT}:x` },
  },
  {
    name: "a group that says authenticated already",
    wanted: wanting({ user: "bob", groups: ["system:authenticated"] }),
    asked: ["impersonate /users/ :bob", "impersonate /groups/ :system:authenticated"],
    result: { groups: ["system:authenticated"] },
  },
  {
    name: "a user said to be unauthenticated",
    wanted: wanting({ user: "bob", groups: ["system:unauthenticated"] }),
    asked: ["impersonate /users/ :bob", "impersonate /groups/ :system:unauthenticated"],
    result: { groups: ["system:unauthenticated"] },
  },
  {
    name: "the anonymous user",
    wanted: wanting({ user: "system:anonymous" }),
    asked: ["impersonate /users/ :system:anonymous"],
    result: { username: "system:anonymous", groups: ["system:unauthenticated"] },
  },
  {
    name: "the anonymous user with its group",
    wanted: wanting({ user: "system:anonymous", groups: ["system:unauthenticated"] }),
    asked: ["impersonate /users/ :system:anonymous", "impersonate /groups/ :system:unauthenticated"],
    result: { groups: ["system:unauthenticated"] },
  },
])("impersonating $name", async ({ wanted, asked, result }) => {
  const { asked: seen, run } = trace(wanted);
  expect(await run()).toMatchObject(result);
  expect(seen).toEqual(asked);
});

test("the requester's own uid, groups and extras never pass over", async () => {
  const requester = { ...alice, uid: "1", groups: ["admins"], extra: { "gatehouse.dev/bound-node-name": ["a"] } };
  expect(await impersonate(requester, wanting({ user: "bob" }), () => ({ allowed: true, reason: "" }))).toEqual({
    username: "bob",
    uid: "",
    groups: ["system:authenticated"],
    extra: {},
    impersonatedBy: "alice",
  });
});

test.each([
  { refuseAt: 0, name: "bob", group: undefined, kind: "users" },
  { refuseAt: 1, name: "g", group: undefined, kind: "groups" },
  { refuseAt: 2, name: "x", group: "authentication.k8s.io", kind: "userextras" },
  { refuseAt: 3, name: "7", group: "authentication.k8s.io", kind: "uids" },
])("without the right on $kind it is 403 and nothing more is asked", async ({ refuseAt, name, group, kind }) => {
  const { asked, run } = trace(wanting({ user: "bob", uid: "7", groups: ["g"], extra: { k: ["x"] } }), refuseAt);
  await expect(run()).rejects.toThrow(
    expect.objectContaining({ reason: "Forbidden", code: 403, details: { name, ...(group && { group }), kind } }),
  );
  expect(asked).toHaveLength(refuseAt + 1);
});

test("a refusal names the requester and what it lacks", async () => {
  await expect(trace(wanting({ user: BOT }), 0).run()).rejects.toThrow(
    'serviceaccounts "bot" is forbidden: User "alice" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "ns"',
  );
  await expect(trace(wanting({ user: "bob", extra: { k: ["x"] } }), 1).run()).rejects.toThrow(
    'userextras.authentication.k8s.io "x" is forbidden: User "alice" cannot impersonate resource "userextras/k" in API group "authentication.k8s.io" at the cluster scope',
  );
});

test.each([
  { name: "groups", wanted: wanting({ groups: ["g"] }) },
  { name: "a uid", wanted: wanting({ uid: "7" }) },
  { name: "extras", wanted: wanting({ extra: { k: ["v"] } }) },
  { name: "groups and an empty user", wanted: wanting({ user: "", groups: ["g"] }) },
])("$name without a user are a bad request, whatever the rights", async ({ wanted }) => {
  const { asked, run } = trace(wanted);
  await expect(run()).rejects.toThrow(expect.objectContaining({ reason: "BadRequest", code: 400 }));
  expect(asked).toEqual([]);
});

test.each([wanting({}), wanting({ user: "" })])("asking for nothing (%j) changes nothing", async (wanted) => {
  expect(await impersonate(alice, wanted, () => ({ allowed: false, reason: "" }))).toBe(alice);
});
