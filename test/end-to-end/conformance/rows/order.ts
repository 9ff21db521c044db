import { REQUESTS_PATH } from "../../support/certificate-requests-client.ts";
import { APPROVED, csr, DENIED, withConditions } from "../csr-body.ts";
import { type Exchange, get, type Headers, list, patch, post, put, type Row, remove, removeAll } from "../row.ts";

const BAD_ACCEPT: Headers = { accept: "text/html", "content-type": "application/json" };
const BAD_TYPE: Headers = { "content-type": "text/html" };
const BAD_BOTH: Headers = { accept: "text/html", "content-type": "text/html" };
const BAD_OPTIONS = "dryRun=Some";
const INVALID = csr({ spec: { usages: [] } });
const TOO_LARGE = JSON.stringify(csr({ metadata: { annotations: { a: "x".repeat(3 * 1024 * 1024) } } }));
const MASTERS_SIGNER = csr({ spec: { signerName: "kubernetes.io/kube-apiserver-client" } });

const row = (name: string, ...asked: readonly Exchange[]): Row => ({ name: `order: ${name}`, asked });
const there = (name: string, ...asked: readonly Exchange[]): Row => ({
  name: `order: ${name}`,
  given: [post(csr())],
  asked,
});

const CREATE: readonly Row[] = [
  row("create, no rights, bad Accept", post(csr(), { as: "reader", headers: BAD_ACCEPT })),
  row("create, no rights, bad body", post("{", { as: "reader" })),
  row("create, bad Accept and Content-Type", post(csr(), { headers: BAD_BOTH })),
  row("create, bad Accept, bad body", post("{", { headers: BAD_ACCEPT })),
  row("create, bad Content-Type, bad options", post(csr(), { headers: BAD_TYPE, query: BAD_OPTIONS })),
  row("create, bad Content-Type, bad body", post("{", { headers: BAD_TYPE })),
  row("create, bad Content-Type, too large", post(TOO_LARGE, { headers: BAD_TYPE })),
  row("create, too large", post(TOO_LARGE)),
  row("create, too large, bad options", post(TOO_LARGE, { query: BAD_OPTIONS })),
  row("create, bad options, bad body", post("{", { query: BAD_OPTIONS })),
  row("create, bad options, invalid", post(INVALID, { query: BAD_OPTIONS })),
  row("create, bad Accept, bad options", post(csr(), { headers: BAD_ACCEPT, query: BAD_OPTIONS })),
  row(
    "create, unknown fields in strict mode, invalid",
    post({ ...INVALID, more: 1 }, { query: "fieldValidation=Strict" }),
  ),
  row(
    "create, invalid, forbidden subject",
    post(csr({ spec: { usages: [], signerName: "kubernetes.io/kube-apiserver-client" } }), { as: "node" }),
  ),
  there("create, invalid, name taken", post(INVALID)),
  there("create, name taken, not dry", post(MASTERS_SIGNER, { query: "dryRun=All" })),
  there("create, name taken, resourceVersion set", post(csr({ metadata: { resourceVersion: "5" } }))),
  row("create, invalid, resourceVersion set", post(csr({ metadata: { resourceVersion: "5" }, spec: { usages: [] } }))),
  row("create, another kind, bad fields", post({ ...csr(), kind: "Pod", spec: 5 })),
  row("create, another version, bad fields", post({ ...csr(), apiVersion: "v1", spec: 5 })),
];

const UPDATE: readonly Row[] = [
  row("update, no rights, nothing there", put("", csr(), { as: "nobody" })),
  row("update, no rights, bad Accept", put("", csr(), { as: "nobody", headers: BAD_ACCEPT })),
  row("update, bad Accept, nothing there", put("", csr(), { headers: BAD_ACCEPT })),
  row("update, bad Accept, too large", put("", TOO_LARGE, { headers: BAD_ACCEPT })),
  row("update, bad Content-Type, too large", put("", TOO_LARGE, { headers: BAD_TYPE })),
  row("update, bad Content-Type, bad options", put("", csr(), { headers: BAD_TYPE, query: BAD_OPTIONS })),
  row("update, too large, bad options", put("", TOO_LARGE, { query: BAD_OPTIONS })),
  row("update, bad options, bad body", put("", "{", { query: BAD_OPTIONS })),
  row("update, bad options, nothing there", put("", csr(), { query: BAD_OPTIONS })),
  row("update, bad body, nothing there", put("", "{")),
  row("update, another name, nothing there", put("", csr({ metadata: { name: "x" } }))),
  row(
    "update, another name, strict",
    put("", { ...csr({ metadata: { name: "x" } }), more: 1 }, { query: "fieldValidation=Strict" }),
  ),
  row("update, invalid, nothing there", put("", csr({ metadata: { labels: { "a b": "" } } }))),
  there("update, wrong uid, stale", put("", csr({ metadata: { uid: "x", resourceVersion: "1" } }))),
  there("update, stale, invalid", put("", csr({ metadata: { resourceVersion: "1", labels: { "a b": "" } } }))),
  there(
    "update, stale, may not approve",
    put("/approval", csr({ metadata: { resourceVersion: "1" } }), { as: "editor" }),
  ),
  there("update, invalid, may not approve", put("/approval", withConditions(APPROVED, DENIED), { as: "editor" })),
  there(
    "update, invalid labels, may not approve",
    put("/approval", csr({ metadata: { labels: { "a b": "" } } }), { as: "editor" }),
  ),
  there(
    "update, may not approve, dry run",
    put("/approval", withConditions(APPROVED), { as: "editor", query: "dryRun=All" }),
  ),
  row("update, may not approve, nothing there", put("/approval", csr(), { as: "editor" })),
];

const PATCH: readonly Row[] = [
  row("patch, no rights, bad Content-Type", patch("merge", "", {}, { as: "nobody", headers: BAD_TYPE })),
  row("patch, bad Accept and Content-Type", patch("merge", "", {}, { headers: BAD_BOTH })),
  row(
    "patch, bad Accept, too large",
    patch("merge", "", TOO_LARGE, { headers: { accept: "text/html", "content-type": "application/merge-patch+json" } }),
  ),
  row("patch, too large, bad options", patch("merge", "", TOO_LARGE, { query: BAD_OPTIONS })),
  row("patch, bad options, bad body", patch("merge", "", "{", { query: BAD_OPTIONS })),
  row("patch, bad options, nothing there", patch("merge", "", {}, { query: BAD_OPTIONS })),
  there("patch, bad options, bad body, there", patch("merge", "", "{", { query: BAD_OPTIONS })),
  there(
    "patch, strict and unknown, another name",
    patch("merge", "", { more: 1, metadata: { name: "x" } }, { query: "fieldValidation=Strict" }),
  ),
  there(
    "patch, invalid, may not approve",
    patch("merge", "/approval", { status: { conditions: [{}] } }, { as: "editor" }),
  ),
  there("patch, stale, invalid", patch("merge", "", { metadata: { resourceVersion: "1", labels: { "a b": "" } } })),
  there(
    "patch, apply",
    patch("merge", "", {}, { headers: { "content-type": "application/apply-patch+yaml" }, query: "fieldManager=x" }),
  ),
];

const OTHERS: readonly Row[] = [
  row("get, no rights, bad Accept", get(undefined, { as: "nobody", headers: { accept: "text/html" } })),
  row("get, bad Accept, nothing there", get(undefined, { headers: { accept: "text/html" } })),
  row("get, nothing there", get()),
  row("list, bad Accept, bad selector", list("fieldSelector=x", { headers: { accept: "text/html" } })),
  row("list, bad options, bad selector", list("resourceVersionMatch=Exact&fieldSelector=x%3Dy")),
  row("list, bad selector, bad version", list("fieldSelector=x%3Dy&resourceVersion=x")),
  row("list, bad number, bad selector", list("limit=x&fieldSelector=x%3Dy")),
  row("list, bad number, bad Accept", list("limit=x", { headers: { accept: "text/html" } })),
  row(
    "watch, bad Accept, bad options",
    list("watch=1&resourceVersionMatch=Exact", { headers: { accept: "text/html" } }),
  ),
  row("watch, bad options, bad selector", list("watch=1&sendInitialEvents=true&fieldSelector=x%3Dy")),
  row("watch, bad selector, future", list("watch=1&fieldSelector=x%3Dy&resourceVersion=$future")),
  row("delete, no rights, bad body", remove("{", { as: "reader" })),
  row("delete, bad Accept, nothing there", remove(undefined, { headers: { accept: "text/html" } })),
  row("delete, bad body, nothing there", remove("{")),
  row("delete, bad options, nothing there", remove({ dryRun: ["x"] })),
  row("delete, bad Content-Type, bad body", remove("{", { headers: BAD_TYPE })),
  row("delete, bad Accept, too large", remove(TOO_LARGE, { headers: BAD_ACCEPT })),
  row("delete all, bad selector, bad body", removeAll("fieldSelector=x%3Dy", "{")),
  row("delete all, bad body, bad Accept", removeAll("labelSelector=x%3Dnone", "{", { headers: BAD_ACCEPT })),
  row("delete all, bad options, bad selector", removeAll("fieldSelector=x%3Dy", { dryRun: ["x"] })),
  {
    name: "order: post, no rights, unknown resource",
    asked: [{ ...post(csr(), { as: "reader" }), path: `${REQUESTS_PATH}x` }],
  },
  { name: "order: get, unknown resource", asked: [get(`${REQUESTS_PATH}x`)] },
  { name: "order: get, unknown version", asked: [get(REQUESTS_PATH.replace("v1/", "v2/"))] },
  { name: "order: get, unknown group", asked: [get(REQUESTS_PATH.replace("certificates", "sertificates"))] },
];

/** Requests that break several rules: which one is answered. */
export const ORDER: readonly Row[] = [...CREATE, ...UPDATE, ...PATCH, ...OTHERS];
