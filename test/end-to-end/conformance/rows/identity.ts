import { csr } from "../csr-body.ts";
import { get, type Headers, list, post, postTo, type Row } from "../row.ts";
import type { UserName } from "../users.ts";

const WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const BODY = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };

/** kube-apiserver names the request or what is impersonated, whichever it remembers to have failed. */
const REFUSAL = "the details of a refusal depend on earlier requests";

function impersonating(name: string, as: UserName, headers: Headers): Row {
  return {
    name: `impersonate: ${name}, ${as}`,
    ...(as !== "admin" && { loosely: REFUSAL }),
    asked: [
      postTo(WHO, BODY, { as, headers: { "content-type": "application/json", ...headers } }),
      post(csr(), { as, headers: { "content-type": "application/json", ...headers } }),
    ],
  };
}

const USER = "Impersonate-User";
const GROUP = "Impersonate-Group";
const UID = "Impersonate-Uid";

const BY_ADMIN: readonly Row[] = (
  [
    ["a user", { [USER]: "jane" }],
    ["an empty user", { [USER]: "" }],
    ["user and group", { [USER]: "jane", [GROUP]: "conformance:creators" }],
    ["user and groups", { [USER]: "jane", [GROUP]: ["b", "a", "b"] }],
    ["a group with a comma", { [USER]: "jane", [GROUP]: "a,b" }],
    ["an empty group", { [USER]: "jane", [GROUP]: "" }],
    ["system:masters", { [USER]: "jane", [GROUP]: "system:masters" }],
    ["system:authenticated", { [USER]: "jane", [GROUP]: "system:authenticated" }],
    ["system:unauthenticated", { [USER]: "jane", [GROUP]: "system:unauthenticated" }],
    ["group alone", { [GROUP]: "conformance:creators" }],
    ["uid", { [USER]: "jane", [UID]: "u-1" }],
    ["uid alone", { [UID]: "u-1" }],
    ["an empty uid", { [USER]: "jane", [UID]: "" }],
    ["extra", { [USER]: "jane", "Impersonate-Extra-Scopes": ["view", "edit"] }],
    ["extra with an encoded key", { [USER]: "jane", "Impersonate-Extra-example.com%2Fk": "v" }],
    ["extra with a badly encoded key", { [USER]: "jane", "Impersonate-Extra-a%zz": "v" }],
    ["extra empty", { [USER]: "jane", "Impersonate-Extra-a": "" }],
    ["extra without a key", { [USER]: "jane", "Impersonate-Extra-": "v" }],
    ["extra alone", { "Impersonate-Extra-a": "v" }],
    ["an unknown header", { [USER]: "jane", "Impersonate-Nothing": "v" }],
    ["an unknown header alone", { "Impersonate-Nothing": "v" }],
    ["anonymous", { [USER]: "system:anonymous" }],
    ["anonymous, called authenticated", { [USER]: "system:anonymous", [GROUP]: "system:authenticated" }],
    ["a service account", { [USER]: "system:serviceaccount:ns:robot" }],
    ["a service account with groups", { [USER]: "system:serviceaccount:ns:robot", [GROUP]: "x" }],
    ["a service account that is none", { [USER]: "system:serviceaccount:robot" }],
    ["a service account of an impossible name", { [USER]: "system:serviceaccount:NS:Robot" }],
    ["a node", { [USER]: "system:node:worker-1", [GROUP]: "system:nodes" }],
    ["itself", { [USER]: "admin" }],
  ] as const
).map(([name, headers]) => impersonating(name, "admin", headers as Headers));

const BY_LIMITED: readonly Row[] = (
  [
    ["an allowed user", { [USER]: "jane" }],
    ["another user", { [USER]: "joe" }],
    ["an allowed group", { [USER]: "jane", [GROUP]: "developers" }],
    ["another group", { [USER]: "jane", [GROUP]: "testers" }],
    ["an allowed and another group", { [USER]: "jane", [GROUP]: ["developers", "testers"] }],
    ["an allowed group with a comma", { [USER]: "jane", [GROUP]: "a,b" }],
    ["an allowed uid", { [USER]: "jane", [UID]: "u-1" }],
    ["another uid", { [USER]: "jane", [UID]: "u-2" }],
    ["an allowed extra", { [USER]: "jane", "Impersonate-Extra-Scopes": "view" }],
    ["another value of an extra", { [USER]: "jane", "Impersonate-Extra-Scopes": ["view", "delete"] }],
    ["another extra", { [USER]: "jane", "Impersonate-Extra-Other": "view" }],
    ["an allowed extra with a slash", { [USER]: "jane", "Impersonate-Extra-Example.com%2fK": "edit" }],
    ["an allowed service account", { [USER]: "system:serviceaccount:ns:robot" }],
    ["another service account", { [USER]: "system:serviceaccount:ns:other" }],
    ["an allowed user who may read", { [USER]: "reader" }],
    ["anonymous", { [USER]: "system:anonymous" }],
    ["everything at once", { [USER]: "joe", [GROUP]: "testers", [UID]: "u-2", "Impersonate-Extra-Other": "x" }],
  ] as const
).map(([name, headers]) => impersonating(name, "impersonator", headers as Headers));

const OTHERS: readonly Row[] = [
  ...(["nobody", "anonymous", "masters"] as const).map((as) => impersonating("a user", as, { [USER]: "jane" })),
  {
    name: "impersonate: rights are those of the user",
    given: [post(csr())],
    asked: [
      get(undefined, { headers: { [USER]: "x", [GROUP]: "conformance:readers" } }),
      get(undefined, { headers: { [USER]: "x", [GROUP]: "conformance:creators" } }),
      list("labelSelector=none", { headers: { [USER]: "system:anonymous" } }),
    ],
  },
  {
    name: "impersonate: a node is held to its name",
    asked: [
      post(csr({ spec: { signerName: "kubernetes.io/kubelet-serving" } }), {
        headers: { "content-type": "application/json", [USER]: "system:node:worker-9", [GROUP]: "system:nodes" },
      }),
    ],
  },
];

const CREDENTIALS: readonly Row[] = [
  { name: "credentials: none", asked: [list("labelSelector=none", { as: "anonymous" })] },
  { name: "credentials: none, writing", asked: [post(csr(), { as: "anonymous" })] },
  ...["Bearer wrong", "Bearer abcdef.0123456789abcdef", "Bearer", "Basic YTpi", "bearer x", "Nonsense", ""].map(
    (authorization) => ({
      name: `credentials: Authorization ${authorization}`,
      asked: [
        list("labelSelector=none", { as: "anonymous" as const, headers: { authorization } }),
        list("labelSelector=none", { as: "reader" as const, headers: { authorization } }),
      ],
    }),
  ),
  ...[
    "/healthz",
    "/livez",
    "/readyz",
    "/version",
    "/api",
    "/apis",
    "/apis/certificates.k8s.io/v1",
    "/openapi/v3",
    "/metrics",
  ].map((path) => ({
    name: `credentials: none for ${path}`,
    asked: [get(path, { as: "anonymous" as const, headers: { accept: "application/json" } })],
  })),
  ...["/api", "/apis", "/openapi/v3", "/metrics", "/version", "/nothing"].map((path) => ({
    name: `credentials: nobody in particular for ${path}`,
    asked: [{ ...get(path, { as: "nobody" as const }), method: "HEAD" }],
  })),
];

/** Who is calling: impersonation and missing, wrong or odd credentials. */
export const IDENTITY: readonly Row[] = [...BY_ADMIN, ...BY_LIMITED, ...OTHERS, ...CREDENTIALS];
