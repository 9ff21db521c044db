import { expect, test } from "@jest/globals";
import { userReader } from "../../../../services/certificate-authority/access/authenticators/claim-mappings.ts";
import { jwtSettingsSchema } from "../../../../services/certificate-authority/access/authenticators/jwt-settings.ts";
import { serviceAccountOfClaims } from "../../../../services/certificate-authority/access/authenticators/service-account-claims.ts";

const USERNAME = { claim: "sub", prefix: "oidc:" };

function map(
  claims: Record<string, unknown>,
  claimMappings: object = {},
  claimValidationRules: object[] = [],
  userValidationRules: object[] = [],
) {
  const issuer = { url: "https://login.example.com", audiences: ["gatehouse"] };
  const mappings = { username: USERNAME, ...claimMappings };
  const rules = { claimValidationRules, userValidationRules };
  return userReader(jwtSettingsSchema.parse({ issuer, claimMappings: mappings, ...rules }))(claims);
}

const GROUPS = { groups: { claim: "groups", prefix: "oidc:" } };
const TEAM = { extra: [{ key: "example.com/team", claim: "team" }] };

test.each<{ name: string; claims: Record<string, unknown>; mappings?: object; user: object }>([
  {
    name: "a name and nothing else",
    claims: { sub: "alice", groups: ["x"] },
    user: { username: "oidc:alice", uid: "", groups: ["system:authenticated"], extra: {} },
  },
  {
    name: "a list of groups",
    claims: { sub: "alice", groups: ["a", "b"] },
    mappings: GROUPS,
    user: { groups: ["oidc:a", "oidc:b", "system:authenticated"] },
  },
  {
    name: "one group as text",
    claims: { sub: "a", groups: "x" },
    mappings: GROUPS,
    user: { groups: ["oidc:x", "system:authenticated"] },
  },
  { name: "no groups", claims: { sub: "a" }, mappings: GROUPS, user: { groups: ["system:authenticated"] } },
  { name: "a uid", claims: { sub: "a", id: "7" }, mappings: { uid: { claim: "id" } }, user: { uid: "7" } },
  { name: "an extra", claims: { sub: "a", team: "x" }, mappings: TEAM, user: { extra: { "example.com/team": ["x"] } } },
  {
    name: "extras",
    claims: { sub: "a", team: ["x", "y"] },
    mappings: TEAM,
    user: { extra: { "example.com/team": ["x", "y"] } },
  },
  { name: "no extra", claims: { sub: "a", team: [] }, mappings: TEAM, user: { extra: {} } },
  {
    name: "a verified address",
    claims: { email: "a@b", email_verified: true },
    mappings: { username: { claim: "email", prefix: "" } },
    user: { username: "a@b" },
  },
  {
    name: "an address of which nothing is said",
    claims: { email: "a@b" },
    mappings: { username: { claim: "email", prefix: "" } },
    user: { username: "a@b" },
  },
  {
    name: "a reserved name that the prefix asks for",
    claims: { sub: "a", groups: ["administrators"] },
    mappings: { groups: { claim: "groups", prefix: "gatehouse:" } },
    user: { groups: ["gatehouse:administrators", "system:authenticated"] },
  },
])("claims with $name", ({ claims, mappings, user }) => {
  expect(map(claims, mappings)).toMatchObject(user);
});

const byExpression = (username: string, more: object = {}) => ({ username: { expression: username }, ...more });

test.each<{ name: string; claims: Record<string, unknown>; mappings: object; user: object }>([
  { name: "the name", claims: { sub: "a" }, mappings: byExpression("'x:' + claims.sub"), user: { username: "x:a" } },
  {
    name: "a claim whose name is no identifier",
    claims: { sub: "a", "my-team.example": "t" },
    mappings: byExpression("claims.my__dash__team__dot__example + ':' + claims['sub']"),
    user: { username: "t:a" },
  },
  {
    name: "an address that is verified",
    claims: { email: "a@b", email_verified: true },
    mappings: byExpression("claims.?email_verified.orValue(false) ? claims.email : claims.sub"),
    user: { username: "a@b" },
  },
  {
    name: "an address that is not",
    claims: { sub: "a", email: "a@b" },
    mappings: byExpression("claims.?email_verified.orValue(false) ? claims.email : claims.sub"),
    user: { username: "a" },
  },
  {
    name: "groups of several claims",
    claims: { sub: "a", roles: ["r", ""], teams: ["t"] },
    mappings: byExpression("claims.sub", { groups: { expression: "(claims.roles + claims.teams).map(g, g)" } }),
    user: { groups: ["r", "t", "system:authenticated"] },
  },
  {
    name: "one group as text",
    claims: { sub: "a", role: "r" },
    mappings: byExpression("claims.sub", { groups: { expression: "claims.role" } }),
    user: { groups: ["r", "system:authenticated"] },
  },
  {
    name: "no groups",
    claims: { sub: "a", groups: null },
    mappings: byExpression("claims.sub", { groups: { expression: "claims.groups" } }),
    user: { groups: ["system:authenticated"] },
  },
  {
    name: "an empty group",
    claims: { sub: "a" },
    mappings: byExpression("claims.sub", { groups: { expression: "claims.?role.orValue('')" } }),
    user: { groups: ["system:authenticated"] },
  },
  {
    name: "a uid of a number",
    claims: { sub: "a", id: 7 },
    mappings: byExpression("claims.sub", { uid: { expression: "string(claims.id)" } }),
    user: { uid: "7" },
  },
  {
    name: "extras",
    claims: { sub: "a", team: { name: "t", ids: ["1", "2"] } },
    mappings: byExpression("claims.sub", {
      extra: [
        { key: "example.com/team", valueExpression: "claims.team.name" },
        { key: "example.com/ids", valueExpression: "claims.team.ids" },
        { key: "example.com/none", valueExpression: "claims.?none.orValue('')" },
      ],
    }),
    user: { extra: { "example.com/team": ["t"], "example.com/ids": ["1", "2"] } },
  },
])("expressions make $name", ({ claims, mappings, user }) => {
  expect(map(claims, mappings)).toMatchObject(user);
});

const RULE = { expression: "claims.hd == 'example.com'", message: "only our own domain" };
const DAY = {
  expression: "claims.exp - claims.nbf <= 86400",
  message: "total token lifetime must not exceed 24 hours",
};
const NOBODY_OF_SYSTEM = { expression: "!user.username.startsWith('system:')", message: "reserved" };
const NO_ADMINISTRATOR = { expression: "user.groups.all(group, group != 'admins')", message: "no administrators" };

test("rules that hold are no hindrance", () => {
  const claims = { sub: "a", hd: "example.com", exp: 1_800_000_100, nbf: 1_800_000_000, groups: ["x"] };
  const user = map(claims, GROUPS, [RULE, DAY], [NOBODY_OF_SYSTEM, NO_ADMINISTRATOR]);
  expect(user).toMatchObject({ username: "oidc:a", groups: ["oidc:x", "system:authenticated"] });
});

test("rules for users see what the mappings made, before the group of all authenticated is added", () => {
  const expression =
    "user.username == 'oidc:a' && user.uid == '7' && user.groups == ['g'] && user.extra['a.b/c'] == ['e']";
  const mappings = {
    groups: { expression: "'g'" },
    uid: { claim: "id" },
    extra: [{ key: "a.b/c", claim: "e" }],
  };
  expect(map({ sub: "a", id: "7", e: "e" }, mappings, [], [{ expression }]).username).toBe("oidc:a");
});

test.each<{
  name: string;
  claims: Record<string, unknown>;
  mappings?: object;
  rules?: object[];
  users?: object[];
  says: string;
}>([
  { name: "a claim rule", claims: { sub: "a", hd: "other" }, rules: [RULE], says: "is not met: only our own domain" },
  { name: "a claim rule, for want of the claim", claims: { sub: "a" }, rules: [RULE], says: "No such key: hd" },
  {
    name: "a rule for lifetimes",
    claims: { sub: "a", exp: 1_800_086_401, nbf: 1_800_000_000 },
    rules: [DAY],
    says: "must not exceed 24 hours",
  },
  {
    name: "a rule for users",
    claims: { sub: "a", groups: ["admins"] },
    mappings: { groups: { claim: "groups", prefix: "" } },
    users: [NO_ADMINISTRATOR],
    says: "is not met: no administrators",
  },
  {
    name: "an empty name",
    claims: { sub: "" },
    mappings: byExpression("claims.sub"),
    says: "username.expression is empty",
  },
  { name: "a name that is a number", claims: { sub: 1 }, mappings: byExpression("claims.sub"), says: "answers number" },
  { name: "no name", claims: {}, mappings: byExpression("claims.sub"), says: "No such key: sub" },
  {
    name: "a node's name",
    claims: { sub: "node:a" },
    mappings: byExpression("'system:' + claims.sub"),
    says: "reserved name",
  },
  {
    name: "our administrators' group",
    claims: { sub: "a" },
    mappings: byExpression("claims.sub", { groups: { expression: "['gatehouse:administrators']" } }),
    says: "reserved name",
  },
  {
    name: "groups that are numbers",
    claims: { sub: "a", groups: [1] },
    mappings: byExpression("claims.sub", { groups: { expression: "claims.groups" } }),
    says: "answers a list, and must answer string or list<string>",
  },
  {
    name: "a uid that is null",
    claims: { sub: "a", id: null },
    mappings: byExpression("claims.sub", { uid: { expression: "claims.id" } }),
    says: "answers null, and must answer string",
  },
  {
    name: "an expression without end",
    claims: { sub: "a", groups: Array.from({ length: 3_000 }, (_, index) => `group-${index}`) },
    rules: [{ expression: "claims.groups.all(a, claims.groups.all(b, a != b + '!'))" }],
    says: "is too costly",
  },
  {
    name: "claims deeper than any issuer writes them",
    claims: { sub: "a", deep: JSON.parse(`${"[".repeat(50)}${"]".repeat(50)}`) },
    mappings: byExpression("claims.sub"),
    says: "nests deeper",
  },
])("$name refuses the claims", ({ claims, mappings, rules, users, says }) => {
  expect(() => map(claims, mappings, rules, users)).toThrow(
    expect.objectContaining({ name: "ClaimsError", message: expect.stringContaining(says) }),
  );
});

const BARE = { username: { claim: "sub", prefix: "" }, groups: { claim: "groups", prefix: "" } };

test.each<{ name: string; claims: Record<string, unknown>; mappings?: object; rules?: object[]; says: string }>([
  { name: "no name", claims: {}, says: "the claim sub is missing or no string" },
  { name: "a name that is a number", claims: { sub: 1 }, says: "the claim sub is missing or no string" },
  { name: "an empty name", claims: { sub: "" }, says: "the claim sub is empty" },
  {
    name: "a name that every object inherits",
    claims: {},
    mappings: { username: { claim: "constructor", prefix: "" } },
    says: "missing",
  },
  {
    name: "groups that are numbers",
    claims: { sub: "a", groups: [1] },
    mappings: GROUPS,
    says: "neither a string nor",
  },
  {
    name: "groups that are an object",
    claims: { sub: "a", groups: {} },
    mappings: GROUPS,
    says: "neither a string nor",
  },
  { name: "no uid", claims: { sub: "a" }, mappings: { uid: { claim: "id" } }, says: "the claim id is missing" },
  {
    name: "an address that is not verified",
    claims: { email: "a@b", email_verified: false },
    mappings: { username: { claim: "email", prefix: "" } },
    says: "not verified",
  },
  {
    name: "an address verified by text",
    claims: { email: "a@b", email_verified: "true" },
    mappings: { username: { claim: "email", prefix: "" } },
    says: "not verified",
  },
  {
    name: "a node's name",
    claims: { sub: "system:node:a" },
    mappings: BARE,
    says: '"system:node:a" is a reserved name',
  },
  {
    name: "our administrators' group",
    claims: { sub: "a", groups: ["gatehouse:administrators"] },
    mappings: BARE,
    says: "reserved",
  },
  {
    name: "a group of Kubernetes",
    claims: { sub: "a", groups: ["x", "system:masters"] },
    mappings: BARE,
    says: "reserved",
  },
  {
    name: "a reserved name pieced together",
    claims: { sub: "tem:node:a" },
    mappings: { username: { claim: "sub", prefix: "sys" } },
    says: "reserved",
  },
  { name: "a required claim missing", claims: { sub: "a" }, rules: [{ claim: "hd", requiredValue: "x" }], says: "hd" },
  { name: "another value", claims: { sub: "a", hd: "y" }, rules: [{ claim: "hd", requiredValue: "x" }], says: "hd" },
  {
    name: "a list of the value",
    claims: { sub: "a", hd: ["x"] },
    rules: [{ claim: "hd", requiredValue: "x" }],
    says: "hd",
  },
])("claims with $name are refused", ({ claims, mappings, rules, says }) => {
  expect(() => map(claims, mappings, rules)).toThrow(
    expect.objectContaining({ name: "ClaimsError", message: expect.stringContaining(says) }),
  );
});

test("required claims that hold are no hindrance", () => {
  expect(map({ sub: "a", hd: "x" }, {}, [{ claim: "hd", requiredValue: "x" }]).username).toBe("oidc:a");
});

/** As kube-apiserver 1.36 lays out a token that is bound to a pod. */
const BOUND = {
  sub: "system:serviceaccount:apps:web",
  jti: "5c2b8a9e-6a0e-4d0b-8a52-0d1f0a8f6f11",
  "kubernetes.io": {
    namespace: "apps",
    node: { name: "worker-1", uid: "n-uid" },
    pod: { name: "web-0", uid: "p-uid" },
    serviceaccount: { name: "web", uid: "s-uid" },
    warnafter: 1_700_000_000,
  },
};

test("a token bound to a pod names account, pod and node as kube-apiserver does", () => {
  expect(serviceAccountOfClaims(BOUND)).toEqual({
    username: "system:serviceaccount:apps:web",
    uid: "s-uid",
    groups: ["system:serviceaccounts", "system:serviceaccounts:apps", "system:authenticated"],
    extra: {
      "authentication.kubernetes.io/credential-id": ["JTI=5c2b8a9e-6a0e-4d0b-8a52-0d1f0a8f6f11"],
      "authentication.kubernetes.io/pod-name": ["web-0"],
      "authentication.kubernetes.io/pod-uid": ["p-uid"],
      "authentication.kubernetes.io/node-name": ["worker-1"],
      "authentication.kubernetes.io/node-uid": ["n-uid"],
    },
  });
});

const bound = (more: object) => ({ ...BOUND, "kubernetes.io": { ...BOUND["kubernetes.io"], ...more } });

test("what a token is not bound to is not named", () => {
  const { jti: _, ...unnumbered } = bound({ pod: undefined, node: undefined });
  expect(serviceAccountOfClaims(unnumbered).extra).toEqual({});
  expect(serviceAccountOfClaims(bound({ pod: undefined, node: { name: "n" } })).extra).toEqual({
    "authentication.kubernetes.io/credential-id": [`JTI=${BOUND.jti}`],
    "authentication.kubernetes.io/node-name": ["n"],
  });
});

test.each([
  { name: "another subject", claims: { ...BOUND, sub: "system:serviceaccount:kube-system:web" } },
  { name: "a subject that is no account", claims: { ...BOUND, sub: "alice" } },
  { name: "no account", claims: bound({ serviceaccount: undefined }) },
  { name: "an account without uid", claims: bound({ serviceaccount: { name: "web" } }) },
  { name: "no namespace", claims: bound({ namespace: undefined }) },
  { name: "a name that is none", claims: { ...bound({ namespace: "a:b" }), sub: "system:serviceaccount:a:b:web" } },
  { name: "the layout of before 1.21", claims: { sub: BOUND.sub, "kubernetes.io/serviceaccount/namespace": "apps" } },
])("a service account's token with $name is refused", ({ claims }) => {
  expect(() => serviceAccountOfClaims(claims)).toThrow(expect.objectContaining({ name: "ClaimsError" }));
});
