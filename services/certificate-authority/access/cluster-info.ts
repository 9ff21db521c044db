import { createHmac } from "node:crypto";
import type { Clock } from "../../shared/clock.ts";
import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../shared/status-error.ts";
import { hasUsage } from "../domain/bootstrap-token.ts";
import { CLUSTER_INFO_NAME, CLUSTER_INFO_NAMESPACE, CONFIG_MAPS, type ConfigMap } from "../domain/config-map.ts";
import type { ObjectReader } from "../domain/ports.ts";
import { derivedUid } from "./derived-uid.ts";
import type { BindingObject, RoleObject } from "./rbac/objects.ts";
import type { TokenAdministration } from "./token-administration.ts";

export interface ClusterInfoDependencies {
  readonly tokens: Pick<TokenAdministration, "list" | "secretOf">;
  /** The text that is signed: a kubeconfig with the server's address and CA, as they are now. */
  readonly kubeconfig: () => string;
  readonly clock: Clock;
}

const ROLE_NAME = "kubeadm:bootstrap-signer-clusterinfo";

/**
 * Lets everybody read `cluster-info` and nothing else.
 * Source: kubernetes cmd/kubeadm/app/phases/bootstraptoken/clusterinfo/clusterinfo.go.
 */
export const CLUSTER_INFO_RBAC: readonly (RoleObject | BindingObject)[] = [
  {
    ...{ kind: "Role", name: ROLE_NAME, namespace: CLUSTER_INFO_NAMESPACE, labels: {}, aggregatedFrom: undefined },
    rules: [
      {
        ...{ verbs: ["get"], apiGroups: [""], resources: [CONFIG_MAPS.resource] },
        ...{ resourceNames: [CLUSTER_INFO_NAME], nonResourceURLs: [] },
      },
    ],
  },
  {
    ...{ kind: "RoleBinding", name: ROLE_NAME, namespace: CLUSTER_INFO_NAMESPACE },
    roleRef: { kind: "Role", name: ROLE_NAME },
    subjects: [{ kind: "User", name: "system:anonymous", namespace: "" }],
  },
];

/**
 * Where a machine that knows only a token finds the server and its CA. Made anew for each reader, so it is never behind
 * the tokens, the CA or the address.
 */
export function clusterInfoReader(deps: ClusterInfoDependencies): ObjectReader<ConfigMap> {
  const revision = (): number => deps.clock.now().getTime();
  const get = async (name: string) => (name === CLUSTER_INFO_NAME ? clusterInfo(deps) : undefined);
  return {
    get,
    async list({ name = CLUSTER_INFO_NAME } = {}) {
      const one = await get(name);
      return { items: one === undefined ? [] : [one], revision: revision() };
    },
    revision,
    compactedRevision: revision,
    subscribe: () => {
      throw new StatusError("MethodNotAllowed", "cluster-info can be read, not watched");
    },
  };
}

/** Nothing to be found, where nothing is published. */
export function noClusterInfo(reader: ObjectReader<ConfigMap>): ObjectReader<ConfigMap> {
  const list = async () => ({ items: [], revision: reader.revision() });
  return { ...reader, get: async () => undefined, list };
}

async function clusterInfo({ tokens, kubeconfig, clock }: ClusterInfoDependencies): Promise<ConfigMap> {
  const text = kubeconfig();
  const now = clock.now();
  const signatures = (await tokens.list())
    .filter((token) => hasUsage(token, "signing") && (token.expiresAt === undefined || token.expiresAt > now))
    .flatMap(({ id }) => {
      const secret = tokens.secretOf(id);
      return secret === undefined ? [] : [[`jws-kubeconfig-${id}`, detachedSignature(text, id, secret)] as const];
    });
  const data = { ...Object.fromEntries(signatures), kubeconfig: text };
  return {
    apiVersion: "v1",
    kind: CONFIG_MAPS.kind,
    metadata: {
      ...{ name: CLUSTER_INFO_NAME, namespace: CLUSTER_INFO_NAMESPACE, uid: derivedUid(CLUSTER_INFO_NAME) },
      ...{ resourceVersion: String(now.getTime()), creationTimestamp: toKubernetesTime(now) },
    },
    data,
  };
}

/**
 * A JWS without its payload. The header is compared octet by octet, so its members keep this order.
 * Source: RFC 7515 appendix F; kubernetes staging/src/k8s.io/cluster-bootstrap/token/jws/jws.go.
 */
function detachedSignature(payload: string, id: string, secret: string): string {
  const header = Buffer.from(JSON.stringify({ alg: "HS256", kid: id })).toString("base64url");
  const signed = `${header}.${Buffer.from(payload).toString("base64url")}`;
  return `${header}..${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
