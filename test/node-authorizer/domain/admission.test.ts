import { test } from "@jest/globals";
import type { AdmissionQuestion } from "../../../services/node-authorizer/domain/questions.ts";
import { nodeUser } from "../../builders/node-questions.ts";
import { type AdmissionRow, checkAdmission } from "./admission-cluster.ts";

const OPERATIONS = ["CREATE", "UPDATE", "DELETE"] as const;
const POD = { resource: "pods", namespace: "ns" };

test.each<AdmissionRow>([
  { name: "no user", question: { ...POD, user: undefined, operation: "UPDATE" }, code: 200 },
  {
    name: "a person",
    question: { ...POD, user: { username: "jane", groups: ["system:nodes"] }, operation: "UPDATE" },
    code: 200,
  },
  {
    name: "a node's name without the group",
    question: { ...POD, user: { username: "system:node:node1", groups: [] }, operation: "UPDATE" },
    code: 200,
  },
  ...OPERATIONS.map((operation) => ({
    name: `a node without a name, ${operation} of anything`,
    question: { user: nodeUser(""), group: "example.com", resource: "widgets", operation },
    code: 403,
  })),
  { name: "a node without a name, CONNECT", question: { user: nodeUser(""), operation: "CONNECT" }, code: 200 },
  { name: "CONNECT to a pod", question: { ...POD, operation: "CONNECT", subresource: "exec" }, code: 200 },
  { name: "a resource not listed", question: { resource: "services", operation: "DELETE" }, code: 200 },
  {
    name: "pods of another group",
    question: { group: "example.com", resource: "pods", operation: "UPDATE" },
    code: 200,
  },
])("$name: $code", checkAdmission);

const owner = { apiVersion: "v1", kind: "Node", name: "node1", uid: "uid-node1", controller: true };

function mirror(change: { annotations?: object; owners?: unknown; spec?: object } = {}): Partial<AdmissionQuestion> {
  const { annotations = { "kubernetes.io/config.mirror": "" }, owners = [owner], spec = {} } = change;
  const object = {
    metadata: { name: "m", annotations, ownerReferences: owners },
    spec: { nodeName: "node1", ...spec },
  };
  return { ...POD, operation: "CREATE", name: "m", object };
}

test.each<AdmissionRow>([
  { name: "as it should be", question: mirror(), code: 200 },
  {
    name: "blockOwnerDeletion false",
    question: mirror({ owners: [{ ...owner, blockOwnerDeletion: false }] }),
    code: 200,
  },
  { name: "no annotation", question: mirror({ annotations: {} }), code: 403, says: "mirror" },
  { name: "another node", question: mirror({ spec: { nodeName: "node2" } }), code: 403, says: "nodeName" },
  { name: "no node", question: mirror({ spec: { nodeName: "" } }), code: 403, says: "nodeName" },
  { name: "no owner", question: mirror({ owners: [] }), code: 403, says: "ownerReferences" },
  { name: "null owners", question: mirror({ owners: null }), code: 403, says: "ownerReferences" },
  { name: "two owners", question: mirror({ owners: [owner, owner] }), code: 403, says: "ownerReferences" },
  {
    name: "owner of v2",
    question: mirror({ owners: [{ ...owner, apiVersion: "v2" }] }),
    code: 403,
    says: "ownerReferences",
  },
  {
    name: "owner a Pod",
    question: mirror({ owners: [{ ...owner, kind: "Pod" }] }),
    code: 403,
    says: "ownerReferences",
  },
  {
    name: "owner node2",
    question: mirror({ owners: [{ ...owner, name: "node2" }] }),
    code: 403,
    says: "ownerReferences",
  },
  {
    name: "controller absent",
    question: mirror({ owners: [{ ...owner, controller: null }] }),
    code: 403,
    says: "controller",
  },
  {
    name: "controller false",
    question: mirror({ owners: [{ ...owner, controller: false }] }),
    code: 403,
    says: "controller",
  },
  {
    name: "blockOwnerDeletion true",
    question: mirror({ owners: [{ ...owner, blockOwnerDeletion: true }] }),
    code: 403,
    says: "blockOwnerDeletion",
  },
  { name: "another uid", question: mirror({ owners: [{ ...owner, uid: "x" }] }), code: 403, says: "uid" },
  {
    name: "a node that is not known",
    question: {
      ...mirror({ owners: [{ ...owner, name: "node9" }], spec: { nodeName: "node9" } }),
      user: nodeUser("node9"),
    },
    code: 404,
    says: "node9",
  },
  { name: "no object", question: { ...POD, operation: "CREATE" }, code: 403 },
  { name: "an object that is a text", question: { ...POD, operation: "CREATE", object: "pod" }, code: 403 },
])("creating a mirror pod, $name: $code", checkAdmission);

const withVolume = (source: object) => ({ volumes: [{ name: "v", ...source }] });
const secretRef = { secretRef: { name: "s" } };

test.each<{ name: string; spec: object; says: string }>([
  { name: "a service account", spec: { serviceAccountName: "a" }, says: "serviceaccounts" },
  { name: "a pull secret", spec: { imagePullSecrets: [{ name: "s" }] }, says: "secrets" },
  { name: "a secret in the environment", spec: { containers: [{ envFrom: [secretRef] }] }, says: "secrets" },
  {
    name: "a config map in the environment",
    spec: { initContainers: [{ envFrom: [{ configMapRef: { name: "m" } }] }] },
    says: "configmaps",
  },
  {
    name: "a resource claim",
    spec: { resourceClaims: [{ name: "r", resourceClaimName: "c" }] },
    says: "resourceclaims",
  },
  { name: "a resource claim template", spec: { resourceClaims: [{ name: "r" }] }, says: "resourceclaims" },
  { name: "a configMap volume", spec: withVolume({ configMap: {} }), says: "configmaps" },
  { name: "a secret volume", spec: withVolume({ secret: {} }), says: "secrets" },
  { name: "a csi volume", spec: withVolume({ csi: { driver: "d" } }), says: "csidrivers" },
  { name: "a glusterfs volume", spec: withVolume({ glusterfs: {} }), says: "endpoints" },
  { name: "a claim", spec: withVolume({ persistentVolumeClaim: { claimName: "c" } }), says: "persistentvolumeclaims" },
  { name: "an ephemeral volume", spec: withVolume({ ephemeral: {} }), says: "persistentvolumeclaims" },
  { name: "an azureFile volume", spec: withVolume({ azureFile: {} }), says: "secrets" },
  { name: "cephfs with a secret", spec: withVolume({ cephfs: secretRef }), says: "secrets" },
  {
    name: "a projected config map",
    spec: withVolume({ projected: { sources: [{ configMap: {} }] } }),
    says: "configmaps",
  },
  { name: "a projected secret", spec: withVolume({ projected: { sources: [{ secret: {} }] } }), says: "secrets" },
  {
    name: "a projected token",
    spec: withVolume({ projected: { sources: [{ serviceAccountToken: {} }] } }),
    says: "serviceaccounts",
  },
  {
    name: "a projected trust bundle",
    spec: withVolume({ projected: { sources: [{ clusterTrustBundle: {} }] } }),
    says: "clustertrustbundles",
  },
  {
    name: "a projected certificate",
    spec: withVolume({ projected: { sources: [{ podCertificate: {} }] } }),
    says: "podcertificates",
  },
  {
    name: "a projected source of unknown type",
    spec: withVolume({ projected: { sources: [{ future: {} }] } }),
    says: "future",
  },
  {
    name: "a projected source without a type",
    spec: withVolume({ projected: { sources: [{}] } }),
    says: "without a type",
  },
  { name: "a volume of unknown type", spec: withVolume({ future: {} }), says: "future" },
  { name: "a volume without a type", spec: withVolume({}), says: "without a type" },
  { name: "a volume whose only type is null", spec: withVolume({ emptyDir: null }), says: "without a type" },
  {
    name: "a second volume",
    spec: {
      volumes: [
        { name: "a", emptyDir: {} },
        { name: "b", secret: {} },
      ],
    },
    says: "secrets",
  },
  {
    name: "a service account before a secret",
    spec: { serviceAccountName: "a", ...withVolume({ secret: {} }) },
    says: "serviceaccounts",
  },
])("a mirror pod with $name is refused", ({ spec, says }) => {
  checkAdmission({ name: "", question: mirror({ spec }), code: 403, says });
});

test.each(
  [
    ..."emptyDir hostPath downwardAPI nfs gitRepo image fc awsElasticBlockStore azureDisk gcePersistentDisk".split(" "),
    ..."vsphereVolume photonPersistentDisk portworxVolume quobyte flocker".split(" "),
    ..."cephfs cinder flexVolume iscsi rbd scaleIO storageos".split(" "),
  ].map((type) => ({ type })),
)("a mirror pod with a volume of type $type is allowed", ({ type }) => {
  checkAdmission({ name: "", question: mirror({ spec: withVolume({ [type]: {} }) }), code: 200 });
});

test("a mirror pod with the downward API projected is allowed", () => {
  checkAdmission({
    name: "",
    question: mirror({ spec: withVolume({ projected: { sources: [{ downwardAPI: {} }] } }) }),
    code: 200,
  });
});

function status(old: object, next: object, nodeName = "node1"): Partial<AdmissionQuestion> {
  const oldObject = { metadata: {}, spec: { nodeName }, status: {}, ...old };
  return {
    ...POD,
    operation: "UPDATE",
    subresource: "status",
    name: "mine",
    oldObject,
    object: { ...oldObject, ...next },
  };
}

const claims = (...statuses: object[]) => ({ status: { resourceClaimStatuses: statuses } });
const extended = (value: unknown) => ({ status: { extendedResourceClaimStatus: value } });
const mapping = { containerName: "c", resourceName: "r", requestName: "q" };

test.each<AdmissionRow>([
  { name: "nothing else", question: status({}, { status: { phase: "Running" } }), code: 200 },
  {
    name: "annotations and finalizers",
    question: status({}, { metadata: { annotations: { a: "b" }, finalizers: ["f"] } }),
    code: 200,
  },
  { name: "a pod elsewhere", question: status({}, {}, "node2"), code: 403, says: "nodeName" },
  {
    name: "a pod that says it moves here",
    question: status({ spec: { nodeName: "node2" } }, { spec: { nodeName: "node1" } }),
    code: 403,
    says: "nodeName",
  },
  { name: "a label added", question: status({}, { metadata: { labels: { a: "" } } }), code: 403, says: "label" },
  {
    name: "a label removed",
    question: status({ metadata: { labels: { a: "b" } } }, { metadata: {} }),
    code: 403,
    says: "label",
  },
  { name: "null labels", question: status({ metadata: { labels: {} } }, { metadata: { labels: null } }), code: 200 },
  { name: "the same claims", question: status(claims({ name: "a", resourceClaimName: "b" }), {}), code: 200 },
  {
    name: "a claim",
    question: status(claims(), claims({ name: "a", resourceClaimName: "b" })),
    code: 403,
    says: "claim",
  },
  {
    name: "claims in another order",
    question: status(claims({ name: "a" }, { name: "b" }), claims({ name: "b" }, { name: "a" })),
    code: 403,
    says: "claim",
  },
  {
    name: "a claim that was none",
    question: status(claims({ name: "a", resourceClaimName: null }), claims({ name: "a", resourceClaimName: "" })),
    code: 403,
    says: "claim",
  },
  {
    name: "null for an absent claim",
    question: status(claims({ name: "a" }), claims({ name: "a", resourceClaimName: null })),
    code: 200,
  },
  {
    name: "an extended claim",
    question: status({}, extended({ resourceClaimName: "e" })),
    code: 403,
    says: "extended",
  },
  {
    name: "the mappings of an extended claim",
    question: status(
      extended({ resourceClaimName: "e", requestMappings: [mapping] }),
      extended({ resourceClaimName: "e", requestMappings: [{ ...mapping, requestName: "z" }] }),
    ),
    code: 403,
    says: "extended",
  },
  {
    name: "the same extended claim",
    question: status(extended({ resourceClaimName: "e", requestMappings: [mapping] }), {}),
    code: 200,
  },
  { name: "no old pod", question: { ...status({}, {}), oldObject: undefined }, code: 403 },
])("updating a pod's status with $name: $code", checkAdmission);
