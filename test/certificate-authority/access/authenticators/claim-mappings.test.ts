import { expect, test } from "@jest/globals";
import { userOfClaims } from "../../../../services/certificate-authority/access/authenticators/claim-mappings.ts";
import { jwtSettingsSchema } from "../../../../services/certificate-authority/access/authenticators/jwt-settings.ts";
import { serviceAccountOfClaims } from "../../../../services/certificate-authority/access/authenticators/service-account-claims.ts";

const USERNAME = { claim: "sub", prefix: "oidc:" };

function map(claims: Record<string, unknown>, claimMappings: object = {}, claimValidationRules: object[] = []) {
  const issuer = { url: "https://login.example.com", audiences: ["gatehouse"] };
  const mappings = { username: USERNAME, ...claimMappings };
  return userOfClaims(claims, jwtSettingsSchema.parse({ issuer, claimMappings: mappings, claimValidationRules }));
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
