import { expect, test } from "@jest/globals";
import type { ClusterEvent, Pod } from "../../../services/node-authorizer/domain/cluster-objects.ts";
import type { FeatureGates } from "../../../services/node-authorizer/domain/feature-gates.ts";
import type { AdmissionQuestion } from "../../../services/node-authorizer/domain/questions.ts";
import { buildCsr } from "../../builders/csr.ts";
import { admissionQuestion } from "../../builders/node-questions.ts";
import { admissionCluster, admitted } from "./admission-cluster.ts";

function token(podName: string, change: object = {}, audiences?: unknown): Partial<AdmissionQuestion> {
  const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: podName, uid: `uid-${podName}`, ...change };
  const object = { spec: { boundObjectRef, ...(audiences !== undefined && { audiences }) } };
  const question = { operation: "CREATE", resource: "serviceaccounts", subresource: "token" } as const;
  return { ...question, namespace: "ns", name: "account", object };
}

const OFF = { ServiceAccountNodeAudienceRestriction: false };

test.each<{ name: string; question: Partial<AdmissionQuestion>; code: number; says?: string }>([
  { name: "its pod", question: token("mine"), code: 200 },
  { name: "its pod, for many audiences", question: token("mine", {}, ["a", "b"]), code: 200 },
  { name: "a pod elsewhere", question: token("theirs"), code: 403 },
  { name: "a pod that is not bound", question: token("free"), code: 403 },
  { name: "a pod that is not known", question: token("nobody"), code: 404, says: "nobody" },
  { name: "another uid", question: token("mine", { uid: "uid-other" }), code: 403, says: "uid" },
  { name: "no uid", question: token("mine", { uid: "" }), code: 403, says: "uid" },
  { name: "no name", question: token("mine", { name: "" }), code: 403 },
  { name: "a node", question: token("mine", { kind: "Node" }), code: 403 },
  { name: "apps/v1", question: token("mine", { apiVersion: "apps/v1" }), code: 403 },
  { name: "nothing", question: { ...token("mine"), object: { spec: {} } }, code: 403, says: "bound" },
  { name: "no object", question: { ...token("mine"), object: null }, code: 403 },
  { name: "an update", question: { ...token("nobody"), operation: "UPDATE" }, code: 200 },
  { name: "the account itself", question: { ...token("nobody"), subresource: "" }, code: 200 },
])("a token bound to $name: $code", ({ question, code, says = "" }) => {
  const verdict = admitted(question, OFF);
  expect(verdict).toEqual(expect.objectContaining({ code }));
  expect(verdict.message).toContain(says);
});

type Volumes = NonNullable<NonNullable<Pod["spec"]>["volumes"]>;

const projected = (audience?: string) => ({
  name: "t",
  projected: {
    sources: [{ configMap: { name: "m" } }, { serviceAccountToken: audience === undefined ? {} : { audience } }],
  },
});
const claimed = (claimName: string) => ({ name: "c", persistentVolumeClaim: { claimName } });

/** Claims c1 (CSI driver `driver`), c2 (in-tree azureFile), c3 (no CSI), c4 (volume unknown), c5 (not bound), mine-e (as c1). */
const STORAGE: readonly ClusterEvent[] = [
  driver("driver", "vault"),
  driver("file.csi.azure.com", "azure"),
  ...["c1", "c2", "c3", "c4", "mine-e"].map((name) => claim(name, name === "c4" ? "gone" : `pv-${name}`)),
  claim("c5", ""),
  volume("pv-c1", { csi: { driver: "driver" } }),
  volume("pv-mine-e", { csi: { driver: "driver" } }),
  volume("pv-c2", { azureFile: { secretName: "s" } }),
  volume("pv-c3", { hostPath: {} }),
];

function driver(name: string, audience: string): ClusterEvent {
  return { type: "ADDED", kind: "CSIDriver", object: { metadata: { name }, spec: { tokenRequests: [{ audience }] } } };
}

function claim(name: string, volumeName: string): ClusterEvent {
  return {
    type: "ADDED",
    kind: "PersistentVolumeClaim",
    object: { metadata: { name, namespace: "ns" }, spec: { volumeName } },
  };
}

function volume(name: string, spec: object): ClusterEvent {
  return { type: "ADDED", kind: "PersistentVolume", object: { metadata: { name }, spec } };
}

const ALLOWED = "allowed";
const ASKED = "askAuthorizer";
const REFUSED = "refused";

test.each<{ name: string; volumes: Volumes; audiences?: unknown; verdict: string }>([
  { name: "a projected token of that audience", volumes: [projected("vault")], verdict: ALLOWED },
  { name: "a projected token of another", volumes: [projected("other")], verdict: ASKED },
  { name: "no audience, a projected token without one", volumes: [projected()], audiences: [], verdict: ALLOWED },
  { name: "no audience at all, the same", volumes: [projected()], audiences: undefined, verdict: ALLOWED },
  { name: "no audience, a projected token with one", volumes: [projected("vault")], audiences: [], verdict: ASKED },
  { name: "no volumes", volumes: [], verdict: ASKED },
  { name: "two audiences", volumes: [projected("vault")], audiences: ["vault", "vault"], verdict: REFUSED },
  { name: "an audience that is no text", volumes: [projected("vault")], audiences: [5], verdict: REFUSED },
  { name: "an inline CSI volume", volumes: [{ name: "v", csi: { driver: "driver" } }], verdict: ALLOWED },
  {
    name: "an inline CSI volume of an unknown driver",
    volumes: [{ name: "v", csi: { driver: "nobody" } }],
    verdict: REFUSED,
  },
  {
    name: "an inline volume that moved to CSI",
    volumes: [{ name: "v", azureFile: {} }],
    audiences: ["azure"],
    verdict: ALLOWED,
  },
  { name: "a claim", volumes: [claimed("c1")], verdict: ALLOWED },
  { name: "the second claim", volumes: [claimed("c3"), claimed("c3"), claimed("c1")], verdict: ALLOWED },
  { name: "a claim whose volume moved to CSI", volumes: [claimed("c2")], audiences: ["azure"], verdict: ALLOWED },
  { name: "a claim of another driver", volumes: [claimed("c2")], verdict: ASKED },
  { name: "a claim without CSI", volumes: [claimed("c3")], verdict: ASKED },
  { name: "a claim whose volume is not known", volumes: [claimed("c4")], verdict: REFUSED },
  { name: "a claim that is not bound", volumes: [claimed("c5")], verdict: REFUSED },
  { name: "a claim that is not known", volumes: [claimed("c9")], verdict: REFUSED },
  { name: "what is not known before what matches", volumes: [claimed("c4"), projected("vault")], verdict: ALLOWED },
  { name: "an ephemeral volume", volumes: [{ name: "e", ephemeral: { volumeClaimTemplate: {} } }], verdict: ALLOWED },
  { name: "an ephemeral volume without a template", volumes: [{ name: "e", ephemeral: {} }], verdict: ASKED },
  { name: "a volume of no interest", volumes: [{ name: "x" }], verdict: ASKED },
])("an audience, $name: $verdict", (row) => {
  const { volumes, verdict } = row;
  const audiences = "audiences" in row ? row.audiences : ["vault"];
  const authorizer = admissionCluster({}, { volumes });
  for (const event of STORAGE) authorizer.apply(event);
  const answer = authorizer.admit(admissionQuestion(token("mine", {}, audiences)));
  expect(answer.kind).toBe(verdict);
  if (answer.kind !== "askAuthorizer") return;
  const [audience = ""] = (audiences as string[] | undefined) ?? [];
  expect(answer.attributes).toEqual({
    verb: "request-serviceaccounts-token-audience",
    group: "",
    version: "v1",
    resource: audience,
    namespace: "ns",
    name: "account",
  });
  expect(answer.otherwise).toEqual(expect.objectContaining({ kind: "refused", code: 403 }));
  expect(answer.otherwise.message).toContain(audience);
});

test("what is told of a driver, claim or volume counts from then on", () => {
  const authorizer = admissionCluster({}, { volumes: [claimed("c1")] });
  const kind = () => authorizer.admit(admissionQuestion(token("mine", {}, ["vault"]))).kind;
  expect(kind()).toBe(REFUSED);
  for (const event of STORAGE) authorizer.apply(event);
  expect(kind()).toBe(ALLOWED);
  authorizer.apply({ ...driver("driver", "other"), type: "MODIFIED" });
  expect(kind()).toBe(ASKED);
  authorizer.apply({ ...driver("driver", "other"), type: "DELETED" });
  expect(kind()).toBe(REFUSED);
});

function requested(change: object = {}, more: Partial<AdmissionQuestion> = {}): Partial<AdmissionQuestion> {
  const spec = {
    ...{ nodeName: "node1", nodeUID: "uid-node1", podName: "mine", podUID: "uid-mine" },
    ...{ serviceAccountName: "account", serviceAccountUID: "uid-account", ...change },
  };
  const question = { group: "certificates.k8s.io", resource: "podcertificaterequests", namespace: "ns" } as const;
  return { ...question, operation: "CREATE", object: { spec }, ...more };
}

const ON = { PodCertificateRequest: true };

test.each<{
  name: string;
  question: Partial<AdmissionQuestion>;
  code: number;
  says?: string;
  gates?: Partial<FeatureGates>;
}>([
  { name: "as it should be", question: requested(), code: 200 },
  { name: "the feature is off", question: requested(), code: 403, gates: {} },
  { name: "an update", question: requested({}, { operation: "UPDATE" }), code: 403 },
  { name: "a delete", question: requested({}, { operation: "DELETE" }), code: 403 },
  { name: "a subresource", question: requested({}, { subresource: "status" }), code: 403 },
  { name: "no object", question: requested({}, { object: undefined }), code: 403 },
  { name: "another node", question: requested({ nodeName: "node2" }), code: 403 },
  { name: "another uid of the node", question: requested({ nodeUID: "x" }), code: 500 },
  { name: "a pod that is not known", question: requested({ podName: "nobody" }), code: 500, says: "nobody" },
  { name: "another uid of the pod", question: requested({ podUID: "x" }), code: 500 },
  { name: "a pod elsewhere", question: requested({ podName: "theirs", podUID: "uid-theirs" }), code: 403 },
  {
    name: "a mirror pod",
    question: requested({ podName: "mirror", podUID: "uid-mirror" }),
    code: 403,
    says: "is a mirror pod",
  },
  { name: "another service account", question: requested({ serviceAccountName: "other" }), code: 403 },
  { name: "another uid of the account", question: requested({ serviceAccountUID: "x" }), code: 500 },
])("a pod certificate request, $name: $code", ({ question, code, says = "", gates = ON }) => {
  const verdict = admitted(question, gates);
  expect(verdict).toEqual(expect.objectContaining({ code }));
  expect(verdict.message).toContain(says);
});

test("a pod certificate request of a node or account that is not known yet may be tried again", () => {
  const authorizer = admissionCluster(ON);
  const question = admissionQuestion(requested());
  const account = { metadata: { name: "account", namespace: "ns" } };
  authorizer.apply({ type: "DELETED", kind: "ServiceAccount", object: account });
  expect(authorizer.admit(question)).toEqual(expect.objectContaining({ code: 500 }));
  authorizer.apply({ type: "DELETED", kind: "Node", object: { metadata: { name: "node1" } } });
  expect(authorizer.admit(question)).toEqual(expect.objectContaining({ code: 500 }));
});

function csr(signerName: string, request: string): Partial<AdmissionQuestion> {
  const question = { group: "certificates.k8s.io", resource: "certificatesigningrequests" } as const;
  return { ...question, operation: "CREATE", object: { spec: { signerName, request } } };
}

const SERVING = "kubernetes.io/kubelet-serving";
const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const own = buildCsr({ commonName: "system:node:node1" });
const other = buildCsr({ commonName: "system:node:node2" });
const base64 = (text: string) => Buffer.from(text).toString("base64");

test.each<{ name: string; question: Partial<AdmissionQuestion>; code: number; gates?: Partial<FeatureGates> }>([
  ...[SERVING, CLIENT].flatMap((signer) => [
    { name: `${signer}, its name`, question: csr(signer, own.requestBase64), code: 200 },
    { name: `${signer}, another name`, question: csr(signer, other.requestBase64), code: 403 },
  ]),
  { name: "another signer", question: csr("example.com/s", other.requestBase64), code: 200 },
  { name: "an update", question: { ...csr(CLIENT, other.requestBase64), operation: "UPDATE" }, code: 200 },
  {
    name: "another name where that is allowed",
    question: csr(CLIENT, other.requestBase64),
    code: 200,
    gates: { AllowInsecureKubeletCertificateSigningRequests: true },
  },
  { name: "text before and after", question: csr(CLIENT, base64(`Hi\n${own.pem}\nBye`)), code: 200 },
  { name: "no request", question: csr(CLIENT, ""), code: 403 },
  { name: "no base64", question: csr(CLIENT, "***"), code: 403 },
  { name: "no PEM", question: csr(CLIENT, own.der.toString("base64")), code: 403 },
  {
    name: "another label",
    question: csr(CLIENT, base64(own.pem.replaceAll("CERTIFICATE REQUEST", "CERTIFICATE"))),
    code: 403,
  },
  { name: "a broken body", question: csr(CLIENT, base64(own.pem.replace(/\n[A-Z]/, "\nAAAA"))), code: 403 },
  {
    name: "no common name",
    question: csr(CLIENT, buildCsr({ subjectDer: Buffer.from("3000", "hex") }).requestBase64),
    code: 403,
  },
  { name: "a huge request", question: csr(CLIENT, "A".repeat(2_000_000)), code: 403 },
])("a certificate signing request, $name: $code", ({ question, code, gates = {} }) => {
  const verdict = admitted(question, gates);
  expect(verdict).toEqual(expect.objectContaining({ code }));
  if (code === 403) expect(verdict.message).toContain("system:node:");
});

test("a request that is cut off anywhere, or changed in any byte, does not break anything", () => {
  const codes = new Set<number>();
  for (let length = 0; length < own.der.length; length += 1) {
    const changed = Buffer.from(own.der);
    changed[length] = (changed[length] ?? 0) ^ 0x81;
    for (const der of [own.der.subarray(0, length), changed]) {
      const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
      codes.add(admitted(csr(CLIENT, base64(pem))).code);
    }
  }
  expect(codes).toEqual(new Set([200, 403]));
});

const LEASE = { group: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease" };
const SLICE = { group: "resource.k8s.io", resource: "resourceslices" };
const CSI_NODE = { group: "storage.k8s.io", resource: "csinodes" };
const named = (name: string) => ({ object: { metadata: { name } } });
const slice = (nodeName: string | null) => ({ spec: { nodeName } });

test.each<{ name: string; question: Partial<AdmissionQuestion>; code: number }>([
  { name: "its lease, new", question: { ...LEASE, operation: "CREATE", ...named("node1") }, code: 200 },
  {
    name: "another lease, new",
    question: { ...LEASE, operation: "CREATE", name: "node1", ...named("node2") },
    code: 403,
  },
  {
    name: "its lease, new, elsewhere",
    question: { ...LEASE, namespace: "ns", operation: "CREATE", ...named("node1") },
    code: 403,
  },
  { name: "its lease, renewed", question: { ...LEASE, operation: "UPDATE", name: "node1" }, code: 200 },
  {
    name: "another lease, renewed",
    question: { ...LEASE, operation: "UPDATE", name: "node2", ...named("node1") },
    code: 403,
  },
  { name: "its lease, deleted", question: { ...LEASE, operation: "DELETE", name: "node1" }, code: 200 },
  { name: "another lease, deleted", question: { ...LEASE, operation: "DELETE", name: "node2" }, code: 403 },
  {
    name: "its lease, deleted elsewhere",
    question: { ...LEASE, namespace: "ns", operation: "DELETE", name: "node1" },
    code: 403,
  },
  { name: "its CSINode, new", question: { ...CSI_NODE, operation: "CREATE", ...named("node1") }, code: 200 },
  { name: "another CSINode, new", question: { ...CSI_NODE, operation: "CREATE", ...named("node2") }, code: 403 },
  { name: "its CSINode, updated", question: { ...CSI_NODE, operation: "UPDATE", name: "node1" }, code: 200 },
  { name: "another CSINode, updated", question: { ...CSI_NODE, operation: "UPDATE", name: "node2" }, code: 403 },
  { name: "another CSINode, deleted", question: { ...CSI_NODE, operation: "DELETE", name: "node2" }, code: 403 },
  { name: "its slice, new", question: { ...SLICE, operation: "CREATE", object: slice("node1") }, code: 200 },
  { name: "another's slice, new", question: { ...SLICE, operation: "CREATE", object: slice("node2") }, code: 403 },
  { name: "nobody's slice, new", question: { ...SLICE, operation: "CREATE", object: slice(null) }, code: 403 },
  { name: "its slice, deleted", question: { ...SLICE, operation: "DELETE", oldObject: slice("node1") }, code: 200 },
  {
    name: "another's slice, deleted",
    question: { ...SLICE, operation: "DELETE", oldObject: slice("node2") },
    code: 403,
  },
  { name: "another's slice, updated", question: { ...SLICE, operation: "UPDATE", object: slice("node2") }, code: 200 },
])("$name: $code", ({ question, code }) => {
  expect(admitted(question).code).toBe(code);
});
