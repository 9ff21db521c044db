import { encodeProtobuf, PROTOBUF_TYPE } from "../../../../services/shared/kubernetes/protobuf.ts";
import { get, type Headers, JSON_HEADERS, type Options, postTo, type Row } from "../row.ts";
import type { UserName } from "../users.ts";

const AUTHORIZATION = "/apis/authorization.k8s.io/v1";
const SUBJECT = `${AUTHORIZATION}/subjectaccessreviews`;
const SELF = `${AUTHORIZATION}/selfsubjectaccessreviews`;
const RULES = `${AUTHORIZATION}/selfsubjectrulesreviews`;
const WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

const review = (kind: string, spec: unknown, more: object = {}): object => ({
  apiVersion: "authorization.k8s.io/v1",
  kind,
  spec,
  ...more,
});

function subject(name: string, spec: unknown, options: Options = {}, more: object = {}): Row {
  return {
    name: `subject review: ${name}`,
    asked: [postTo(SUBJECT, review("SubjectAccessReview", spec, more), options)],
  };
}

function self(name: string, as: UserName, spec: unknown, more: object = {}): Row {
  return {
    name: `self review: ${name}, ${as}`,
    asked: [postTo(SELF, review("SelfSubjectAccessReview", spec, more), { as })],
  };
}

const CSRS = { group: "certificates.k8s.io", resource: "certificatesigningrequests" };
const on = (verb: string, more: object = {}): object => ({ resourceAttributes: { ...CSRS, verb, ...more } });
const signer = (verb: string, name: string): object => ({
  resourceAttributes: { group: "certificates.k8s.io", resource: "signers", verb, name },
});
const path = (verb: string, url: string): object => ({ nonResourceAttributes: { verb, path: url } });
const jane = { user: "jane" };
const readers = { user: "x", groups: ["conformance:readers"] };

const SUBJECTS: readonly Row[] = [
  subject("denied", { ...jane, ...on("get") }),
  subject("allowed by group", { ...readers, ...on("get") }),
  subject("allowed by group alone", { groups: ["conformance:readers"], ...on("get") }),
  subject("another verb", { ...readers, ...on("create") }),
  subject("any verb", { ...readers, ...on("*") }),
  subject("any verb by an administrator", { user: "x", groups: ["conformance:admins"], ...on("*") }),
  subject("system:masters", { user: "x", groups: ["system:masters"], ...on("anything") }),
  subject("any group", { ...readers, ...on("get", { group: "*" }) }),
  subject("any resource", { ...readers, ...on("get", { resource: "*" }) }),
  subject("another group", { ...readers, ...on("get", { group: "apps" }) }),
  subject("a subresource", { ...readers, ...on("get", { subresource: "status" }) }),
  subject("a subresource, allowed", {
    user: "x",
    groups: ["conformance:editors"],
    ...on("update", { subresource: "approval" }),
  }),
  subject("a name", { ...readers, ...on("get", { name: "x" }) }),
  subject("a namespace", { ...readers, ...on("get", { namespace: "x" }) }),
  subject("a version", { ...readers, ...on("get", { version: "v7" }) }),
  subject("a signer", { user: "x", groups: ["conformance:approvers"], ...signer("approve", "example.com/one") }),
  subject("another signer", { user: "x", groups: ["conformance:approvers"], ...signer("approve", "example.com/two") }),
  subject("a domain", { user: "x", groups: ["conformance:domain-approvers"], ...signer("approve", "example.com/*") }),
  subject("one of a domain", {
    user: "x",
    groups: ["conformance:domain-approvers"],
    ...signer("approve", "example.com/one"),
  }),
  subject("a path", { groups: ["system:authenticated"], ...path("get", "/version") }),
  subject("a path denied", { groups: ["system:authenticated"], ...path("get", "/metrics") }),
  subject("a path, another verb", { groups: ["system:authenticated"], ...path("post", "/version") }),
  subject("everything", { groups: ["conformance:admins"], ...path("get", "/anything") }),
  subject("uid and extra", { ...readers, uid: "u", extra: { a: ["b", "c"] }, ...on("get") }),
  subject("extra null", { ...readers, extra: { a: null }, ...on("get") }),
  subject("no user", on("get")),
  subject("user empty", { user: "", ...on("get") }),
  subject("groups empty", { groups: [], ...on("get") }),
  subject("no attributes", jane),
  subject("both attributes", { ...jane, ...on("get"), ...path("get", "/x") }),
  subject("attributes empty", { ...jane, resourceAttributes: {} }),
  subject("attributes null", { ...jane, resourceAttributes: null }),
  subject("path attributes empty", { ...jane, nonResourceAttributes: {} }),
  subject("no spec", undefined),
  subject("spec null", null),
  subject("spec text", "x"),
  subject("metadata with a name", { ...jane, ...on("get") }, {}, { metadata: { name: "x" } }),
  subject("metadata with labels", { ...jane, ...on("get") }, {}, { metadata: { labels: { a: "b" } } }),
  subject("metadata with a namespace", { ...jane, ...on("get") }, {}, { metadata: { namespace: "x" } }),
  subject("metadata empty", { ...jane, ...on("get") }, {}, { metadata: {} }),
  subject(
    "metadata with managedFields",
    { ...jane, ...on("get") },
    {},
    { metadata: { managedFields: [{ manager: "x", operation: "Update" }] } },
  ),
  subject("a status", { ...jane, ...on("get") }, {}, { status: { allowed: true } }),
  subject("unknown fields", { ...jane, ...on("get"), more: 1 }),
  subject("unknown fields, strict", { ...jane, ...on("get"), more: 1 }, { query: "fieldValidation=Strict" }),
  subject("dry run", { ...jane, ...on("get") }, { query: "dryRun=All" }),
  subject("dry run of some", { ...jane, ...on("get") }, { query: "dryRun=Some" }),
  subject("field selector", { ...readers, ...on("list", { fieldSelector: { rawSelector: "metadata.name=x" } }) }),
  subject("field selector, bad", { ...readers, ...on("list", { fieldSelector: { rawSelector: "metadata.name" } }) }),
  subject("field requirements", {
    ...readers,
    ...on("list", { fieldSelector: { requirements: [{ key: "metadata.name", operator: "In", values: ["x"] }] } }),
  }),
  subject("field requirements without key", {
    ...readers,
    ...on("list", { fieldSelector: { requirements: [{ operator: "In", values: ["x"] }] } }),
  }),
  subject("field requirements without operator", {
    ...readers,
    ...on("list", { fieldSelector: { requirements: [{ key: "a", operator: "" }] } }),
  }),
  subject("field requirements of an unknown operator", {
    ...readers,
    ...on("list", { fieldSelector: { requirements: [{ key: "a", operator: "Like", values: ["x"] }] } }),
  }),
  subject("field requirements without values", {
    ...readers,
    ...on("list", { fieldSelector: { requirements: [{ key: "a", operator: "In" }] } }),
  }),
  subject("field requirements, Exists with values", {
    ...readers,
    ...on("list", { fieldSelector: { requirements: [{ key: "a", operator: "Exists", values: ["x"] }] } }),
  }),
  subject("field selector, both", {
    ...readers,
    ...on("list", { fieldSelector: { rawSelector: "a=b", requirements: [{ key: "a", operator: "Exists" }] } }),
  }),
  subject("field selector, empty", { ...readers, ...on("list", { fieldSelector: {} }) }),
  ...Object.entries({
    "raw set": { rawSelector: "a=b,c in (d)" },
    "raw words": { rawSelector: "a b" },
    "In of two": { requirements: [{ key: "a", operator: "In", values: ["x", "y"] }] },
    "NotIn of two": { requirements: [{ key: "a", operator: "NotIn", values: ["x", "y"] }] },
    "NotIn of one": { requirements: [{ key: "a", operator: "NotIn", values: ["x"] }] },
    "NotIn of none": { requirements: [{ key: "a", operator: "NotIn" }] },
    Exists: { requirements: [{ key: "a", operator: "Exists" }] },
    DoesNotExist: { requirements: [{ key: "a", operator: "DoesNotExist" }] },
    "DoesNotExist with a value": { requirements: [{ key: "a", operator: "DoesNotExist", values: ["x"] }] },
    "an unknown operator": { requirements: [{ key: "a", operator: "Like" }] },
    "an unknown operator and a known": {
      requirements: [
        { key: "a", operator: "Like" },
        { key: "a", operator: "Exists" },
      ],
    },
    "a bad value": { requirements: [{ key: "a", operator: "In", values: ["x y"] }] },
    "a bad key and an unknown operator": { requirements: [{ key: "a b", operator: "Like", values: ["x y"] }] },
    "an empty key": { requirements: [{ key: "", operator: "Exists" }] },
    "an operator in lower case": { requirements: [{ key: "a", operator: "in", values: ["x"] }] },
    "two broken": {
      requirements: [
        { key: "a", operator: "In" },
        { key: "", operator: "Exists", values: ["x"] },
      ],
    },
  }).flatMap(([name, selector]) => [
    subject(`field selector: ${name}`, { ...readers, ...on("list", { fieldSelector: selector }) }),
    subject(`label selector: ${name}`, { ...readers, ...on("list", { labelSelector: selector }) }),
  ]),
  subject("both selectors not understood", {
    ...readers,
    ...on("list", { fieldSelector: { rawSelector: "a" }, labelSelector: { rawSelector: "a b" } }),
  }),
  subject("label selector, raw", { ...readers, ...on("list", { labelSelector: { rawSelector: "a=b" } }) }),
  subject("label requirements", {
    ...readers,
    ...on("list", { labelSelector: { requirements: [{ key: "a", operator: "NotIn", values: ["x"] }] } }),
  }),
  subject("label requirements, bad key", {
    ...readers,
    ...on("list", { labelSelector: { requirements: [{ key: "a b", operator: "Exists" }] } }),
  }),
  subject("label selector, empty", { ...readers, ...on("list", { labelSelector: {} }) }),
  ...(["nobody", "reader", "masters", "anonymous"] as const).map((as) =>
    subject(`asked by ${as}`, { ...jane, ...on("get") }, { as }),
  ),
];

const SELVES: readonly Row[] = (["nobody", "reader", "masters", "node", "creator"] as const).flatMap((as) => [
  self("get", as, on("get")),
  self("create", as, on("create")),
  self("path", as, path("get", "/version")),
  self("secret path", as, path("get", "/metrics")),
  self("selfnodeclient", as, on("create", { subresource: "selfnodeclient" })),
]);

const SELF_ODD: readonly Row[] = [
  self("no attributes", "reader", {}),
  self("both", "reader", { ...on("get"), ...path("get", "/x") }),
  self("no spec", "reader", undefined),
  self("another user", "reader", { user: "admin", ...on("create") }),
  self("metadata", "reader", on("get"), { metadata: { name: "x" } }),
  self("anonymous", "anonymous", on("get")),
];

const who = (
  name: string,
  options: Options,
  body: object = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
): Row => ({
  name: `who am I: ${name}`,
  asked: [postTo(WHO, body, options)],
});

const WHO_ROWS: readonly Row[] = [
  ...(["admin", "nobody", "grouped", "withUid", "masters", "node", "anonymous"] as const).map((as) => who(as, { as })),
  who("metadata", {}, { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: { name: "x" } }),
  who("a status", {}, { status: { userInfo: { username: "x" } } }),
  who("another kind", {}, { kind: "Pod" }),
  who("another version", {}, { apiVersion: "authentication.k8s.io/v1beta1", kind: "SelfSubjectReview" }),
  who("unknown fields", {}, { more: 1 }),
  who("no JSON", {}, "{" as unknown as object),
  who("dry run", { query: "dryRun=All" }),
];

const FORMS: readonly Row[] = [SUBJECT, SELF, WHO].flatMap((url) => {
  const kind =
    { [SUBJECT]: "SubjectAccessReview", [SELF]: "SelfSubjectAccessReview", [WHO]: "SelfSubjectReview" }[url] ?? "";
  const apiVersion = url === WHO ? "authentication.k8s.io/v1" : "authorization.k8s.io/v1";
  const body = {
    apiVersion,
    kind,
    ...(url !== WHO && { spec: url === SUBJECT ? { ...readers, ...on("get") } : on("get") }),
  };
  const accepting = (accept: string): Headers => ({ ...JSON_HEADERS, accept });
  const form = (name: string, options: Options, sent: object | Uint8Array | string = body): Row => ({
    name: `review form: ${kind} ${name}`,
    asked: [postTo(url, sent, options)],
  });
  return [
    form("as protobuf", { headers: accepting(PROTOBUF_TYPE) }),
    form("as YAML", { headers: accepting("application/yaml") }),
    form("as a table", { headers: accepting("application/json;as=Table;v=v1;g=meta.k8s.io") }),
    form("as text", { headers: accepting("text/html") }),
    form("in protobuf", { headers: { "content-type": PROTOBUF_TYPE } }, encodeProtobuf(body)),
    form("in text", { headers: { "content-type": "text/plain" } }),
    form("empty", {}, ""),
    form("null", {}, "null"),
    form("another kind", {}, { ...body, kind: "Pod" }),
    form("another version", {}, { ...body, apiVersion: "v1" }),
    form("an older version", {}, { ...body, apiVersion: apiVersion.replace("/v1", "/v1alpha1") }),
    form("no type", {}, { ...body, apiVersion: undefined, kind: undefined }),
    form("pretty", { query: "pretty=true" }),
    { name: `review form: ${kind} GET`, asked: [get(url)] },
    { name: `review form: ${kind} GET of one`, asked: [get(`${url}/x`)] },
    { name: `review form: ${kind} PUT`, asked: [{ ...postTo(url, body), method: "PUT" }] },
    { name: `review form: ${kind} DELETE`, asked: [{ method: "DELETE", path: url }] },
  ];
});

const LISTED: readonly Row[] = [
  { name: "rules review: no namespace", asked: [postTo(RULES, review("SelfSubjectRulesReview", {}))] },
  { name: "rules review: no spec", asked: [postTo(RULES, review("SelfSubjectRulesReview", undefined))] },
  {
    name: "rules review: anonymous",
    asked: [postTo(RULES, review("SelfSubjectRulesReview", { namespace: "x" }), { as: "anonymous" })],
  },
];

/** What SubjectAccessReview and its relatives answer. */
export const REVIEWS: readonly Row[] = [...SUBJECTS, ...SELVES, ...SELF_ODD, ...WHO_ROWS, ...FORMS, ...LISTED];
