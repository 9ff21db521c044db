import { META } from "./meta-schemas.ts";
import {
  base64,
  integer,
  list,
  mapOf,
  object,
  reference,
  type Schema,
  type Schemas,
  TYPE_FIELDS,
  text,
} from "./schema.ts";

const PREFIX = "io.k8s.api.certificates.v1.";
const GROUP = "certificates.k8s.io";

export const CERTIFICATE_REQUEST = `${PREFIX}CertificateSigningRequest`;
export const CERTIFICATE_REQUEST_LIST = `${PREFIX}CertificateSigningRequestList`;
const SPEC = `${PREFIX}CertificateSigningRequestSpec`;
const STATUS = `${PREFIX}CertificateSigningRequestStatus`;
const CONDITION = `${PREFIX}CertificateSigningRequestCondition`;

/** Who asked; set from the caller's credentials on every create. */
const REQUESTER: Schemas = {
  username: text("Name of the user who created the request. Set by the server."),
  uid: text("Identity of that user, when their credentials carry one. Set by the server."),
  groups: list({ type: "string" }, "Groups of that user. Set by the server."),
  extra: mapOf(
    { type: "array", items: { type: "string" } },
    "Further attributes of that user, such as the credential they used. Set by the server.",
  ),
};

const REQUEST_SPEC: Schema = object(
  "What is asked for, and by whom. Nothing in it can be changed after creation.",
  {
    request: base64(
      "The PKCS#10 request: one PEM block labelled CERTIFICATE REQUEST, which JSON and YAML carry in base64 once more. Its self-signature must verify. The key is RSA, ECDSA, Ed25519 or, where keyPolicy.mlDsa is configured, ML-DSA.",
    ),
    signerName: text(
      "Who is to sign, as <domain>/<path>. Gatehouse signs for kubernetes.io/kube-apiserver-client (clients of the API server, never approved without a person), kubernetes.io/kube-apiserver-client-kubelet (kubelets as clients: O is system:nodes, CN begins with system:node:, no SANs) and kubernetes.io/kubelet-serving (kubelets as servers: same subject, DNS names or addresses as SANs). Requests for other signers are kept and can be approved, but stay without a certificate until their own signer acts.",
    ),
    expirationSeconds: integer(
      "int32",
      "Lifetime that is asked for, in seconds, 600 at least. The signer may choose a shorter one; without it the signer's longest applies.",
    ),
    usages: list(
      { type: "string" },
      'What the key is to be used for, at least one value and none twice. Certificates for TLS clients commonly have "digital signature", "key encipherment" and "client auth"; for TLS servers "digital signature", "key encipherment" and "server auth". Known are: "signing", "digital signature", "content commitment", "key encipherment", "key agreement", "data encipherment", "cert sign", "crl sign", "encipher only", "decipher only", "any", "server auth", "client auth", "code signing", "email protection", "s/mime", "ipsec end system", "ipsec tunnel", "ipsec user", "timestamping", "ocsp signing", "microsoft sgc", "netscape sgc".',
    ),
    ...REQUESTER,
  },
  ["request", "signerName", "usages"],
);

const REQUEST_STATUS: Schema = object("What became of the request: the decision and the certificate.", {
  conditions: list(
    reference(CONDITION),
    "What was decided or went wrong. Approved and Denied exclude each other, and neither they nor Failed can be taken back.",
    { "list-type": "map", "list-map-keys": ["type"] },
  ),
  certificate: base64(
    "The signed certificate: PEM blocks labelled CERTIFICATE, the leaf first, in base64 once more. Set once by the signer, after approval.",
  ),
});

const REQUEST_CONDITION: Schema = object(
  "One thing that is known about a request.",
  {
    type: text(
      "Approved: it is to be signed. Denied: it is not. Failed: the signer could not sign it. Other types are free for other parties.",
    ),
    status: text("True, False or Unknown. Approved, Denied and Failed are always True."),
    reason: text("Why, in one word for programs."),
    message: text("Why, in a sentence for people."),
    lastUpdateTime: reference(META.time, "When the condition was last written."),
    lastTransitionTime: reference(META.time, "When its status last changed; set by the server unless given."),
  },
  ["type", "status"],
);

/** Source for names, types and list kinds: kubernetes staging/src/k8s.io/api/certificates/v1/types.go. */
export const CERTIFICATE_SCHEMAS: Schemas = {
  [CERTIFICATE_REQUEST]: object(
    "Asks a signer for an X.509 certificate. Whoever creates it proves possession of the key; somebody allowed to approve for that signer, or a rule, decides; the signer then puts the certificate into status.",
    {
      ...TYPE_FIELDS,
      metadata: reference(META.objectMeta, "Name, labels and other data about the object."),
      spec: reference(SPEC, "The request itself."),
      status: reference(STATUS, "What the server and the approvers add."),
    },
    ["spec"],
    [{ group: GROUP, version: "v1", kind: "CertificateSigningRequest" }],
  ),
  [CERTIFICATE_REQUEST_LIST]: object(
    "Several CertificateSigningRequests.",
    {
      ...TYPE_FIELDS,
      metadata: reference(META.listMeta, "Revision and paging of the list."),
      items: {
        type: "array",
        items: reference(CERTIFICATE_REQUEST),
        description: "The requests, in the order of their names.",
      },
    },
    ["items"],
    [{ group: GROUP, version: "v1", kind: "CertificateSigningRequestList" }],
  ),
  [SPEC]: REQUEST_SPEC,
  [STATUS]: REQUEST_STATUS,
  [CONDITION]: REQUEST_CONDITION,
};
