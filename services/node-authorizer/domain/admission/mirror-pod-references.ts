import type { Pod } from "../cluster-objects.ts";
import { CONFIG_MAP, SECRET } from "../graph/object-kind.ts";
import { visitSecretsAndConfigMaps } from "../references/pod-references.ts";
import { at, fieldsOf, isAbsent, listAt, textAt } from "../references/reading.ts";

/** Volume types that read nothing from the API; some may name a secret, which is found before. */
const HARMLESS: ReadonlySet<string> = new Set([
  "awsElasticBlockStore",
  "azureDisk",
  "cephfs",
  "cinder",
  "downwardAPI",
  "emptyDir",
  "fc",
  "flexVolume",
  "flocker",
  "gcePersistentDisk",
  "gitRepo",
  "hostPath",
  "image",
  "iscsi",
  "nfs",
  "photonPersistentDisk",
  "portworxVolume",
  "quobyte",
  "rbd",
  "scaleIO",
  "storageos",
  "vsphereVolume",
]);

/** What the others read. */
const READS: Readonly<Record<string, string>> = {
  configMap: "configmaps (configMap volume)",
  secret: "secrets (secret volume)",
  csi: "csidrivers (csi volume)",
  glusterfs: "endpoints (glusterfs volume)",
  persistentVolumeClaim: "persistentvolumeclaims",
  ephemeral: "persistentvolumeclaims (ephemeral volume)",
  azureFile: "secrets (azureFile volume)",
};

const PROJECTED_READS: Readonly<Record<string, string>> = {
  configMap: "configmaps (projected volume)",
  secret: "secrets (projected volume)",
  serviceAccountToken: "serviceaccounts (projected volume)",
  clusterTrustBundle: "clustertrustbundles (projected volume)",
  podCertificate: "podcertificates (projected volume)",
};

/**
 * What of the API a pod refers to, which no mirror pod may: a node could grant itself whatever it likes. Volumes of a
 * type that is not known here count as such.
 *
 * @returns the resource, and by what; undefined for nothing.
 * Source: kubernetes pkg/api/pod/util.go (HasAPIObjectReference).
 */
export function apiReferenceOf(pod: Pod): string | undefined {
  if (textAt(pod, "spec", "serviceAccountName") !== "") return "serviceaccounts";
  const kinds = new Set<number>();
  visitSecretsAndConfigMaps(pod, (kind) => kinds.add(kind));
  if (kinds.has(SECRET)) return "secrets";
  if (kinds.has(CONFIG_MAP)) return "configmaps";
  const claims = at(pod, "spec", "resourceClaims");
  if (!isAbsent(claims) && !(Array.isArray(claims) && claims.length === 0)) return "resourceclaims";
  return firstOf(listAt(pod, "spec", "volumes"), volumeReference);
}

function volumeReference(volume: unknown): string | undefined {
  const types = typesOf(volume, ["name"]);
  if (types.length === 0) return "a volume without a type";
  return firstOf(types, (type) => {
    if (HARMLESS.has(type)) return undefined;
    if (type === "projected") return firstOf(listAt(volume, "projected", "sources"), projectedReference);
    return Object.hasOwn(READS, type) ? READS[type] : `a volume of unknown type ${type}`;
  });
}

function projectedReference(source: unknown): string | undefined {
  const types = typesOf(source, []);
  if (types.length === 0) return "a projected volume with a source without a type";
  return firstOf(types, (type) => {
    if (type === "downwardAPI") return undefined;
    return Object.hasOwn(PROJECTED_READS, type) ? PROJECTED_READS[type] : `a projected volume of unknown type ${type}`;
  });
}

/** The fields that are set, but for some that are no types. */
function typesOf(value: unknown, others: readonly string[]): readonly string[] {
  const fields = Object.entries(fieldsOf(value) ?? {});
  return fields.flatMap(([field, content]) => (isAbsent(content) || others.includes(field) ? [] : [field]));
}

function firstOf<Item>(items: readonly Item[], find: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
