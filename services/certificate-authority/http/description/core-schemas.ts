import { META } from "./meta-schemas.ts";
import { base64, flag, mapOf, object, reference, type Schema, type Schemas, TYPE_FIELDS, text } from "./schema.ts";

const PREFIX = "io.k8s.api.core.v1.";

export const CONFIG_MAP = `${PREFIX}ConfigMap`;
export const CONFIG_MAP_LIST = `${PREFIX}ConfigMapList`;
export const SECRET = `${PREFIX}Secret`;
export const SECRET_LIST = `${PREFIX}SecretList`;

const kinds = (kind: string) => [{ group: "", version: "v1", kind }];

const secretList: Schema = {
  type: "array",
  items: reference(SECRET),
  description: "The tokens, in the order of their names.",
};

/** Source for names and types: kubernetes staging/src/k8s.io/api/core/v1/types.go. */
export const CORE_SCHEMAS: Schemas = {
  [CONFIG_MAP]: object(
    "Where machines find the server: cluster-info of kube-public is the only one.",
    {
      ...TYPE_FIELDS,
      metadata: reference(META.objectMeta, "Name and namespace."),
      data: mapOf(
        text("A kubeconfig, or a detached JWS."),
        "kubeconfig, and jws-kubeconfig-<id> for each token that signs it.",
      ),
    },
    [],
    kinds("ConfigMap"),
  ),
  [CONFIG_MAP_LIST]: object(
    "Several ConfigMaps.",
    {
      ...TYPE_FIELDS,
      metadata: reference(META.listMeta, "Revision and paging of the list."),
      items: { type: "array", items: reference(CONFIG_MAP), description: "The ConfigMaps." },
    },
    ["items"],
    kinds("ConfigMapList"),
  ),
  [SECRET]: object(
    "A bootstrap token; there are no other Secrets here. It cannot be changed: delete it and create another.",
    {
      ...TYPE_FIELDS,
      metadata: reference(
        META.objectMeta,
        "The name is bootstrap-token- and the token's id, the namespace kube-system.",
      ),
      data: mapOf(
        base64("Octets in base64."),
        "token-id, token-secret, expiration, description, usage-bootstrap-authentication, usage-bootstrap-signing and auth-extra-groups. token-secret is shown again only of tokens that may sign.",
      ),
      stringData: mapOf(text("Plain text."), "As data, in plain text. Only for writing."),
      type: text("Always bootstrap.kubernetes.io/token."),
      immutable: flag("Accepted and not kept: tokens never change."),
    },
    [],
    kinds("Secret"),
  ),
  [SECRET_LIST]: object(
    "Several Secrets.",
    { ...TYPE_FIELDS, metadata: reference(META.listMeta, "Revision and paging of the list."), items: secretList },
    ["items"],
    kinds("SecretList"),
  ),
};
