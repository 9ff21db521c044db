import { stringify } from "yaml";

/** What the files are made from. */
export interface ManifestSettings {
  /** `https://HOST:PORT` of the node-authorizer, as kube-apiserver reaches it. */
  readonly url: string;
  readonly mode: "veto" | "full";
  /** How long kube-apiserver may go on with an answer; a revocation takes as long. Undefined: it asks each time. */
  readonly rememberedSeconds: number | undefined;
  /** The folder on the control plane node that the files will lie in; kube-apiserver wants absolute paths. */
  readonly directory: string;
  /** PEM of the CA of the serving certificate. */
  readonly caPem: string;
  /** What kube-apiserver shows itself by, PEM. */
  readonly clientCertificatePem: string;
  readonly clientKeyPem: string;
  /** The user that the node-authorizer is in the cluster. */
  readonly userName: string;
}

export interface Manifest {
  readonly name: string;
  readonly content: string;
  readonly isSecret: boolean;
}

const WEBHOOK_NAME = "node-authorizer.gatehouse.dev";
const AUTHORIZER_NAME = "gatehouse-node-authorizer";
const ROLE_NAME = "gatehouse:node-authorizer";
const NODES_GROUP = "system:nodes";

const TIMEOUT_SECONDS = 3;

/**
 * The files that put a kube-apiserver behind the node-authorizer: its authorizers, its admission webhook, how both are called,
 * and the rights the node-authorizer needs.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/apis/apiserver/v1/types.go (AuthorizationConfiguration),
 * staging/src/k8s.io/api/admissionregistration/v1/types.go.
 */
export function manifests(settings: ManifestSettings): readonly Manifest[] {
  const plain = (name: string, ...documents: readonly object[]): Manifest => ({
    name,
    content: documents.map((document) => stringify(document, { aliasDuplicateObjects: false })).join("---\n"),
    isSecret: false,
  });
  return [
    plain("authorization-configuration.yaml", authorizationConfiguration(settings)),
    plain("validating-webhook-configuration.yaml", webhookConfiguration("Validating", settings, RULES)),
    plain("mutating-webhook-configuration.yaml", webhookConfiguration("Mutating", settings, TOKEN_RULES)),
    plain("admission-configuration.yaml", admissionConfiguration(settings)),
    plain("rbac.yaml", clusterRole(), clusterRoleBinding(settings)),
    { name: "authorize.kubeconfig", content: stringify(kubeconfig(settings, "/authorize")), isSecret: true },
    { name: "admit.kubeconfig", content: stringify(kubeconfig(settings, "")), isSecret: true },
  ];
}

function authorizationConfiguration({ mode, directory, rememberedSeconds }: ManifestSettings) {
  const isRemembered = rememberedSeconds !== undefined;
  // A time of nothing would be taken for the default, five minutes.
  const ttl = `${rememberedSeconds ?? 1}s`;
  const webhook = {
    type: "Webhook",
    name: AUTHORIZER_NAME,
    webhook: {
      subjectAccessReviewVersion: "v1",
      matchConditionSubjectAccessReviewVersion: "v1",
      timeout: `${TIMEOUT_SECONDS}s`,
      // Without the veto a revoked node would be let in again.
      failurePolicy: "Deny",
      authorizedTTL: ttl,
      unauthorizedTTL: ttl,
      cacheAuthorizedRequests: isRemembered,
      cacheUnauthorizedRequests: isRemembered,
      connectionInfo: { type: "KubeConfigFile", kubeConfigFile: `${directory}/authorize.kubeconfig` },
      matchConditions: [{ expression: `'${NODES_GROUP}' in request.groups` }],
    },
  };
  const node = mode === "veto" ? [{ type: "Node", name: "node" }] : [];
  return {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AuthorizationConfiguration",
    authorizers: [webhook, ...node, { type: "RBAC", name: "rbac" }],
  };
}

const CHANGES = ["CREATE", "UPDATE", "DELETE"];

/** What nodes write often, leases above all, is pinned by the authorizer already and stays out. */
const RULES = [
  { apiGroups: [""], apiVersions: ["v1"], resources: ["pods", "pods/*", "nodes", "nodes/*"], operations: CHANGES },
  {
    apiGroups: [""],
    apiVersions: ["v1"],
    resources: ["persistentvolumeclaims", "persistentvolumeclaims/*"],
    operations: CHANGES,
  },
  { apiGroups: ["coordination.k8s.io"], apiVersions: ["v1"], resources: ["leases"], operations: ["CREATE"] },
  { apiGroups: ["storage.k8s.io"], apiVersions: ["v1"], resources: ["csinodes"], operations: ["CREATE"] },
  {
    apiGroups: ["resource.k8s.io"],
    apiVersions: ["*"],
    resources: ["resourceslices"],
    operations: ["CREATE", "DELETE"],
  },
  {
    apiGroups: ["certificates.k8s.io"],
    apiVersions: ["v1"],
    resources: ["certificatesigningrequests"],
    operations: ["CREATE"],
  },
  {
    apiGroups: ["certificates.k8s.io"],
    apiVersions: ["*"],
    resources: ["podcertificaterequests", "podcertificaterequests/*"],
    operations: CHANGES,
  },
];

/**
 * Asked while requests are still as the client wrote them, though nothing is changed: where a kubelet names no audience,
 * kube-apiserver writes its own ones before validation, and then nobody can tell that the pod's volume names none either.
 *
 * Source: kubernetes pkg/registry/core/serviceaccount/storage/token.go (Create).
 */
const TOKEN_RULES = [
  { apiGroups: [""], apiVersions: ["v1"], resources: ["serviceaccounts/token"], operations: ["CREATE"] },
];

function webhookConfiguration(
  phase: "Validating" | "Mutating",
  { url, caPem }: ManifestSettings,
  rules: readonly object[],
) {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: `${phase}WebhookConfiguration`,
    metadata: { name: AUTHORIZER_NAME },
    webhooks: [
      {
        name: WEBHOOK_NAME,
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        matchPolicy: "Equivalent",
        failurePolicy: "Fail",
        timeoutSeconds: TIMEOUT_SECONDS,
        clientConfig: { url: `${url}/admit/node-restriction`, caBundle: Buffer.from(caPem).toString("base64") },
        matchConditions: [
          {
            name: "nodes",
            expression: `has(request.userInfo.groups) && '${NODES_GROUP}' in request.userInfo.groups`,
          },
        ],
        rules: rules.map((rule) => ({ ...rule, scope: "*" })),
      },
    ],
  };
}

/** By which certificate kube-apiserver calls the admission webhooks is said in a file of its own. */
function admissionConfiguration({ directory }: ManifestSettings) {
  const configuration = {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "WebhookAdmissionConfiguration",
    kubeConfigFile: `${directory}/admit.kubeconfig`,
  };
  return {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AdmissionConfiguration",
    plugins: ["ValidatingAdmissionWebhook", "MutatingAdmissionWebhook"].map((name) => ({ name, configuration })),
  };
}

function kubeconfig({ url, caPem, clientCertificatePem, clientKeyPem }: ManifestSettings, path: string) {
  const data = (pem: string): string => Buffer.from(pem).toString("base64");
  // For admission, the user's name is what is looked up: the webhook's host and port.
  const userName = path === "" ? new URL(url).host : "kube-apiserver";
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: AUTHORIZER_NAME, cluster: { server: `${url}${path}`, "certificate-authority-data": data(caPem) } },
    ],
    users: [
      {
        name: userName,
        user: { "client-certificate-data": data(clientCertificatePem), "client-key-data": data(clientKeyPem) },
      },
    ],
    contexts: [{ name: AUTHORIZER_NAME, context: { cluster: AUTHORIZER_NAME, user: userName } }],
    "current-context": AUTHORIZER_NAME,
  };
}

function clusterRole() {
  const read = ["list", "watch"];
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: ROLE_NAME },
    rules: [
      {
        apiGroups: [""],
        resources: ["pods", "nodes", "persistentvolumes", "persistentvolumeclaims", "serviceaccounts"],
        verbs: read,
      },
      { apiGroups: ["storage.k8s.io"], resources: ["volumeattachments", "csidrivers"], verbs: read },
      { apiGroups: ["resource.k8s.io"], resources: ["resourceslices"], verbs: read },
      { apiGroups: ["certificates.k8s.io"], resources: ["podcertificaterequests"], verbs: read },
      { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
    ],
  };
}

function clusterRoleBinding({ userName }: ManifestSettings) {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: ROLE_NAME },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: ROLE_NAME },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: userName }],
  };
}
