import { buildCsr } from "../../../builders/csr.ts";
import { REQUESTS_PATH } from "../../support/certificate-requests-client.ts";
import { APPROVED, condition, csr, JANE, withConditions } from "../csr-body.ts";
import { get, list, patch, post, put, type Row, remove, removeAll, type Target, watch } from "../row.ts";
import type { UserName } from "../users.ts";

const CLIENT = "kubernetes.io/kube-apiserver-client";
const KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const KUBELET_SERVING = "kubernetes.io/kubelet-serving";

const request = (commonName: string, ...organizations: readonly string[]): string =>
  buildCsr({ commonName, organizations }).requestBase64;

function submitted(name: string, as: UserName, signerName: string, encoded: string): Row {
  return { name: `admission: ${name}`, asked: [post(csr({ spec: { signerName, request: encoded } }), { as })] };
}

const WORKER_1 = request("system:node:worker-1", "system:nodes");
const WORKER_2 = request("system:node:worker-2", "system:nodes");
const MASTERS = request("root", "system:masters");

const ADMISSION: readonly Row[] = [
  submitted("system:masters for the API", "admin", CLIENT, MASTERS),
  submitted("system:masters among others", "admin", CLIENT, request("root", "developers", "system:masters")),
  submitted("system:masters with a blank", "admin", CLIENT, request("root", "system:masters ")),
  submitted("System:Masters", "admin", CLIENT, request("root", "System:Masters")),
  submitted("system:masters as a name", "admin", CLIENT, request("system:masters", "x")),
  submitted("system:masters by system:masters", "masters", CLIENT, MASTERS),
  submitted("system:masters for another signer", "admin", KUBELET_SERVING, MASTERS),
  submitted("system:masters for a foreign signer", "admin", "example.com/x", MASTERS),
  submitted("a node for itself", "node", KUBELET_CLIENT, WORKER_1),
  submitted("a node for another", "node", KUBELET_CLIENT, WORKER_2),
  submitted("a node's serving certificate for itself", "node", KUBELET_SERVING, WORKER_1),
  submitted("a node's serving certificate for another", "node", KUBELET_SERVING, WORKER_2),
  submitted("a node, upper case", "node", KUBELET_CLIENT, request("system:node:Worker-1", "system:nodes")),
  submitted("a node, its name extended", "node", KUBELET_CLIENT, request("system:node:worker-1x", "system:nodes")),
  submitted("a node, no common name", "node", KUBELET_CLIENT, request("", "system:nodes")),
  submitted("a node for something else", "node", KUBELET_CLIENT, request("jane", "developers")),
  submitted("a node for a foreign signer", "node", "example.com/x", WORKER_2),
  submitted("a node for an API client", "node", CLIENT, WORKER_2),
  submitted("someone named as a node", "nodeByNameOnly", KUBELET_CLIENT, WORKER_2),
  submitted("an administrator for a node", "admin", KUBELET_CLIENT, WORKER_2),
];

/** Rights to approve and sign: who may do what to a request of which signer. */
function decided(as: UserName, target: Target, signerName: string): Row {
  const name = `rights: ${as} writes ${target} for ${signerName}`;
  const body = withConditions(target === "/approval" ? APPROVED : condition("Custom"));
  return { name, given: [post(csr({ spec: { signerName } }))], asked: [put(target, body, { as }), get()] };
}

const SIGNERS = ["example.com/one", "example.com/two", "example.org/two", "other.example.com/one"];
const DECIDERS: readonly UserName[] = [
  "editor",
  "approver",
  "domainApprover",
  "globApprover",
  "signer",
  "domainSigner",
  "reader",
];

const RIGHTS: readonly Row[] = [
  ...DECIDERS.flatMap((as) =>
    SIGNERS.flatMap((signer) => [decided(as, "/approval", signer), decided(as, "/status", signer)]),
  ),
  {
    name: "rights: approving nothing needs the right too",
    given: [post(csr({ spec: { signerName: "example.com/one" } }))],
    asked: [put("/approval", csr(), { as: "editor" }), patch("merge", "/approval", {}, { as: "editor" })],
  },
  {
    name: "rights: writing nothing to status needs none",
    given: [post(csr({ spec: { signerName: "example.com/one" } }))],
    asked: [put("/status", csr(), { as: "editor" }), patch("merge", "/status", {}, { as: "editor" })],
  },
  {
    name: "rights: labels through status need none",
    given: [post(csr({ spec: { signerName: "example.com/one" } }))],
    asked: [put("/status", csr({ metadata: { labels: { a: "b" } } }), { as: "editor" })],
  },
  {
    name: "rights: the stored signer counts, not the sent one",
    given: [post(csr({ spec: { signerName: "example.com/two" } }))],
    asked: [
      put("/approval", csr({ spec: { signerName: "example.com/one" }, status: { conditions: [APPROVED] } }), {
        as: "approver",
      }),
    ],
  },
];

const VERBS: readonly Row[] = (["nobody", "reader", "creator", "editor", "deleter", "nobodyNamed"] as const).flatMap(
  (as) => [
    { name: `verbs: ${as} gets`, given: [post(csr())], asked: [get(undefined, { as })] },
    { name: `verbs: ${as} lists`, asked: [list("labelSelector=none", { as })] },
    { name: `verbs: ${as} watches`, asked: [watch("labelSelector=none&resourceVersion=0", [], { as })] },
    { name: `verbs: ${as} creates`, asked: [post(csr({ spec: { request: JANE.requestBase64 } }), { as })] },
    { name: `verbs: ${as} replaces`, given: [post(csr())], asked: [put("", csr(), { as })] },
    { name: `verbs: ${as} patches`, given: [post(csr())], asked: [patch("merge", "", {}, { as })] },
    { name: `verbs: ${as} deletes`, given: [post(csr())], asked: [remove(undefined, { as })] },
    { name: `verbs: ${as} deletes all`, asked: [removeAll("labelSelector=none", undefined, { as })] },
    {
      name: `verbs: ${as} reads approval`,
      given: [post(csr())],
      asked: [get(`${REQUESTS_PATH}/$name/approval`, { as })],
    },
  ],
);

/** Admission and rights. */
export const PERMISSIONS: readonly Row[] = [...ADMISSION, ...RIGHTS, ...VERBS];
