import { REQUESTS_PATH } from "../../support/certificate-requests-client.ts";
import { APPROVED, CUSTOM, csr, DENIED, FAILED, withConditions } from "../csr-body.ts";
import { type Exchange, get, OWN, patch, post, put, type Row, remove, type Target } from "../row.ts";

const TARGETS: readonly Target[] = ["", "/approval", "/status"];

const LABELS = { labels: { a: "b" }, annotations: { c: "d" } };
const EXISTING = [post(csr({ metadata: LABELS }))];
const APPROVED_ONE: readonly Exchange[] = [post(csr()), put("/approval", withConditions(APPROVED))];

/** One row for each of the three endpoints, with a look at what is stored afterwards. */
function onEach(name: string, exchange: (target: Target) => Exchange, given: readonly Exchange[] = EXISTING): Row[] {
  return TARGETS.map((target) => ({
    name: `update ${target || "main"}: ${name}`,
    given,
    asked: [exchange(target), get()],
  }));
}

const PUTS: readonly Row[] = [
  ...onEach("spec is reverted", (target) =>
    put(
      target,
      csr({ metadata: LABELS, spec: { usages: ["server auth"], signerName: "example.com/x", expirationSeconds: 700 } }),
    ),
  ),
  ...onEach("an unreadable request is reverted", (target) => put(target, csr({ spec: { request: "", usages: [] } }))),
  ...onEach("metadata changes", (target) =>
    put(
      target,
      csr({
        metadata: {
          labels: { new: "label" },
          annotations: { new: "annotation" },
          finalizers: ["example.com/held"],
          ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "n", uid: "u" }],
        },
      }),
    ),
  ),
  ...onEach("metadata is dropped when left out", (target) => put(target, csr())),
  ...onEach("nothing changes", (target) => put(target, csr({ metadata: LABELS }))),
  ...onEach("bad labels", (target) => put(target, csr({ metadata: { labels: { "a b": "c d" } } }))),
  ...onEach("generateName is reverted or not", (target) => put(target, csr({ metadata: { generateName: "x-" } }))),
  ...onEach("server-set metadata is reverted", (target) =>
    put(
      target,
      csr({
        metadata: {
          ...LABELS,
          creationTimestamp: "2001-01-01T00:00:00Z",
          deletionTimestamp: "2001-01-01T00:00:00Z",
          deletionGracePeriodSeconds: 5,
          selfLink: "/x",
          namespace: "x",
        },
      }),
    ),
  ),
  ...onEach("generation", (target) => put(target, csr({ metadata: { ...LABELS, generation: 3 } }))),
  ...onEach("no name", (target) => put(target, csr({ metadata: { name: undefined } }))),
  ...onEach("another name", (target) => put(target, csr({ metadata: { name: "another" } }))),
  ...onEach("the right uid", (target) => put(target, csr({ metadata: { uid: "$uid" } }))),
  ...onEach("a wrong uid", (target) => put(target, csr({ metadata: { uid: "wrong" } }))),
  ...onEach("the right resourceVersion", (target) => put(target, csr({ metadata: { resourceVersion: "$revision" } }))),
  ...onEach("a stale resourceVersion", (target) => put(target, csr({ metadata: { resourceVersion: "1" } }))),
  ...onEach("resourceVersion 0", (target) => put(target, csr({ metadata: { resourceVersion: "0" } }))),
  ...onEach("resourceVersion garbage", (target) => put(target, csr({ metadata: { resourceVersion: "x" } }))),
  ...onEach("a future resourceVersion", (target) => put(target, csr({ metadata: { resourceVersion: "$future" } }))),
  ...onEach("an object that is not there", (target) => put(target, csr()), []),
  ...onEach("an object that is not there, with a uid", (target) => put(target, csr({ metadata: { uid: "u" } })), []),
  ...onEach(
    "an object that is not there, with a resourceVersion",
    (target) => put(target, csr({ metadata: { resourceVersion: "5" } })),
    [],
  ),
  ...onEach("approve", (target) => put(target, withConditions(APPROVED))),
  ...onEach("deny", (target) => put(target, withConditions(DENIED))),
  ...onEach("fail", (target) => put(target, withConditions(FAILED))),
  ...onEach("a custom condition", (target) => put(target, withConditions(CUSTOM))),
  ...onEach("both decisions", (target) => put(target, withConditions(APPROVED, DENIED))),
  ...onEach("deny what is approved", (target) => put(target, withConditions(APPROVED, DENIED)), APPROVED_ONE),
  ...onEach("an approval withdrawn", (target) => put(target, withConditions()), APPROVED_ONE),
  ...onEach("an approval replaced by a denial", (target) => put(target, withConditions(DENIED)), APPROVED_ONE),
  ...onEach(
    "an approval explained anew",
    (target) => put(target, withConditions({ ...APPROVED, reason: "Other", message: "m" })),
    APPROVED_ONE,
  ),
  ...onEach(
    "an approval made False",
    (target) => put(target, withConditions({ ...APPROVED, status: "False" })),
    APPROVED_ONE,
  ),
  ...onEach("a second approval", (target) => put(target, withConditions(APPROVED, APPROVED)), APPROVED_ONE),
  ...onEach("a failure after approval", (target) => put(target, withConditions(APPROVED, FAILED)), APPROVED_ONE),
  ...onEach("a failure removed", (target) => put(target, withConditions()), [
    post(csr()),
    put("/status", withConditions(FAILED)),
  ]),
  ...onEach("a failure explained anew", (target) => put(target, withConditions({ ...FAILED, reason: "Other" })), [
    post(csr()),
    put("/status", withConditions(FAILED)),
  ]),
  ...onEach("a custom condition removed", (target) => put(target, withConditions()), [
    post(csr()),
    put("/status", withConditions(CUSTOM)),
  ]),
  ...onEach("conditions in another order", (target) => put(target, withConditions(CUSTOM, APPROVED)), [
    post(csr()),
    put("/approval", withConditions(APPROVED, CUSTOM)),
  ]),
  ...onEach("unreadable conditions", (target) => put(target, csr({ status: { conditions: {} } }))),
  ...onEach("a body of another kind", (target) => put(target, { ...csr(), kind: "Pod" })),
  ...onEach("a body of another version", (target) =>
    put(target, { ...csr(), apiVersion: "certificates.k8s.io/v1beta1" }),
  ),
  ...onEach("an empty body", (target) => put(target, "")),
  ...onEach(
    "finalizers added while being deleted",
    (target) => put(target, csr({ metadata: { finalizers: ["example.com/a", "example.com/b"] } })),
    [post(csr({ metadata: { finalizers: ["example.com/a"] } })), remove()],
  ),
  ...onEach(
    "finalizers exchanged while being deleted",
    (target) => put(target, csr({ metadata: { finalizers: ["example.com/b"] } })),
    [post(csr({ metadata: { finalizers: ["example.com/a"] } })), remove()],
  ),
  ...onEach("the last finalizer dropped while being deleted", (target) => put(target, csr()), [
    post(csr({ metadata: { finalizers: ["example.com/a"] } })),
    remove(),
  ]),
  ...onEach(
    "labels changed while being deleted",
    (target) => put(target, csr({ metadata: { labels: { x: "y" }, finalizers: ["example.com/a"] } })),
    [post(csr({ metadata: { finalizers: ["example.com/a"] } })), remove()],
  ),
];

const WRONG_VERBS: readonly Row[] = [
  { name: "update: POST to an object", given: EXISTING, asked: [{ ...post(csr()), path: OWN }] },
  { name: "update: POST to approval", given: EXISTING, asked: [{ ...post(csr()), path: `${OWN}/approval` }] },
  { name: "update: PUT to the collection", asked: [{ ...put("", csr()), path: REQUESTS_PATH }] },
  { name: "update: PATCH to the collection", asked: [{ ...patch("merge", "", {}), path: REQUESTS_PATH }] },
  { name: "update: DELETE of approval", given: EXISTING, asked: [{ ...remove(), path: `${OWN}/approval` }] },
  { name: "update: DELETE of status", given: EXISTING, asked: [{ ...remove(), path: `${OWN}/status` }] },
  { name: "get: approval", given: APPROVED_ONE, asked: [get(`${OWN}/approval`)] },
  { name: "get: status", given: APPROVED_ONE, asked: [get(`${OWN}/status`)] },
  { name: "get: an unknown subresource", given: EXISTING, asked: [get(`${OWN}/nothing`)] },
  { name: "get: nodeclient", given: EXISTING, asked: [get(`${OWN}/nodeclient`)] },
  { name: "get: below a subresource", given: EXISTING, asked: [get(`${OWN}/approval/x`)] },
];

/** Replacing objects through each of the three endpoints. */
export const UPDATE: readonly Row[] = [...PUTS, ...WRONG_VERBS];
