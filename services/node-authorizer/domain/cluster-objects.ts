/**
 * The part of Kubernetes' objects that decisions rest on. Everything may be absent, null or of another type, as it may
 * in a file: what cannot be read counts as absent. Full objects may be handed in; only these fields are looked at, so a
 * feed may drop all others (managedFields above all) to save memory.
 *
 * Source: kubernetes staging/src/k8s.io/api/{core/v1,storage/v1,resource/v1,certificates/v1beta1}/types.go.
 */
export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly annotations?: Readonly<Record<string, string>> | null;
  readonly ownerReferences?: readonly OwnerReference[] | null;
}

export interface OwnerReference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly controller?: boolean | null;
  readonly blockOwnerDeletion?: boolean | null;
}

interface Named {
  readonly name?: string;
}

interface NamespacedSecret extends Named {
  readonly namespace?: string;
}

/** A container of any kind: only what its environment refers to. */
export interface Container {
  readonly env?:
    | readonly { readonly valueFrom?: { readonly secretKeyRef?: Named; readonly configMapKeyRef?: Named } | null }[]
    | null;
  readonly envFrom?: readonly { readonly secretRef?: Named; readonly configMapRef?: Named }[] | null;
}

export interface PodVolume {
  readonly name?: string;
  readonly secret?: { readonly secretName?: string } | null;
  readonly configMap?: Named | null;
  readonly projected?: { readonly sources?: readonly ProjectedSource[] | null } | null;
  readonly persistentVolumeClaim?: { readonly claimName?: string } | null;
  readonly ephemeral?: { readonly volumeClaimTemplate?: object | null } | null;
  readonly csi?: { readonly driver?: string; readonly nodePublishSecretRef?: Named | null } | null;
  readonly azureFile?: { readonly secretName?: string } | null;
  readonly cephfs?: { readonly secretRef?: Named | null } | null;
  readonly cinder?: { readonly secretRef?: Named | null } | null;
  readonly flexVolume?: { readonly secretRef?: Named | null } | null;
  readonly rbd?: { readonly secretRef?: Named | null } | null;
  readonly scaleIO?: { readonly secretRef?: Named | null } | null;
  readonly iscsi?: { readonly secretRef?: Named | null } | null;
  readonly storageos?: { readonly secretRef?: Named | null } | null;
  /** In-tree types that migrate to CSI matter for token audiences only. */
  readonly awsElasticBlockStore?: object | null;
  readonly gcePersistentDisk?: object | null;
  readonly azureDisk?: object | null;
  readonly vsphereVolume?: object | null;
  readonly portworxVolume?: object | null;
}

export interface ProjectedSource {
  readonly secret?: Named | null;
  readonly configMap?: Named | null;
  readonly serviceAccountToken?: { readonly audience?: string } | null;
}

export interface Pod {
  readonly metadata?: ObjectMeta;
  readonly spec?: {
    readonly nodeName?: string;
    readonly serviceAccountName?: string;
    readonly imagePullSecrets?: readonly Named[] | null;
    readonly initContainers?: readonly Container[] | null;
    readonly containers?: readonly Container[] | null;
    readonly ephemeralContainers?: readonly Container[] | null;
    readonly volumes?: readonly PodVolume[] | null;
    readonly resourceClaims?:
      | readonly {
          readonly name?: string;
          readonly resourceClaimName?: string | null;
          readonly resourceClaimTemplateName?: string | null;
        }[]
      | null;
  };
  readonly status?: {
    readonly resourceClaimStatuses?:
      | readonly { readonly name?: string; readonly resourceClaimName?: string | null }[]
      | null;
    readonly extendedResourceClaimStatus?: { readonly resourceClaimName?: string } | null;
  };
}

export interface PersistentVolume {
  readonly metadata?: ObjectMeta;
  readonly spec?: {
    readonly claimRef?: { readonly namespace?: string; readonly name?: string } | null;
    readonly csi?: {
      readonly driver?: string;
      readonly nodePublishSecretRef?: NamespacedSecret | null;
      readonly nodeStageSecretRef?: NamespacedSecret | null;
      readonly nodeExpandSecretRef?: NamespacedSecret | null;
    } | null;
    readonly azureFile?: { readonly secretName?: string; readonly secretNamespace?: string | null } | null;
    readonly cephfs?: { readonly secretRef?: NamespacedSecret | null } | null;
    readonly flexVolume?: { readonly secretRef?: NamespacedSecret | null } | null;
    readonly rbd?: { readonly secretRef?: NamespacedSecret | null } | null;
    readonly scaleIO?: { readonly secretRef?: NamespacedSecret | null } | null;
    readonly iscsi?: { readonly secretRef?: NamespacedSecret | null } | null;
    readonly cinder?: { readonly secretRef?: NamespacedSecret | null } | null;
    readonly storageos?: { readonly secretRef?: NamespacedSecret | null } | null;
    readonly awsElasticBlockStore?: object | null;
    readonly gcePersistentDisk?: object | null;
    readonly azureDisk?: object | null;
    readonly vsphereVolume?: object | null;
    readonly portworxVolume?: object | null;
  };
}

export interface PersistentVolumeClaim {
  readonly metadata?: ObjectMeta;
  readonly spec?: { readonly volumeName?: string };
}

/** VolumeAttachment, ResourceSlice and PodCertificateRequest: only where they belong. */
export interface BoundToNode {
  readonly metadata?: ObjectMeta;
  readonly spec?: { readonly nodeName?: string | null };
}

export interface CsiDriver {
  readonly metadata?: ObjectMeta;
  readonly spec?: { readonly tokenRequests?: readonly { readonly audience?: string }[] | null };
}

/** Node and ServiceAccount: only that they exist, and their uid. */
export interface PlainObject {
  readonly metadata?: ObjectMeta;
}

/** What a feed watches, by kind. */
export interface WatchedObjects {
  readonly Pod: Pod;
  readonly PersistentVolume: PersistentVolume;
  readonly PersistentVolumeClaim: PersistentVolumeClaim;
  readonly VolumeAttachment: BoundToNode;
  readonly ResourceSlice: BoundToNode;
  readonly PodCertificateRequest: BoundToNode;
  readonly Node: PlainObject;
  readonly CSIDriver: CsiDriver;
  readonly ServiceAccount: PlainObject;
}

export type WatchedKind = keyof WatchedObjects;

/** One change of one object, in the order in which the API server tells them. */
export type ClusterEvent = {
  readonly [K in WatchedKind]: {
    readonly kind: K;
    readonly type: "ADDED" | "MODIFIED" | "DELETED";
    readonly object: WatchedObjects[K];
  };
}[WatchedKind];

const GROUPS: Readonly<Record<WatchedKind, string>> = {
  Pod: "",
  PersistentVolume: "",
  PersistentVolumeClaim: "",
  Node: "",
  ServiceAccount: "",
  VolumeAttachment: "storage.k8s.io",
  CSIDriver: "storage.k8s.io",
  ResourceSlice: "resource.k8s.io",
  PodCertificateRequest: "certificates.k8s.io",
};

/**
 * The watched kind of an object that names itself, or undefined when no decision rests on it (a Secret, say, or a Pod
 * of another API group). The version does not matter.
 */
export function watchedKindOf(apiVersion: string, kind: string): WatchedKind | undefined {
  if (!isWatchedKind(kind)) return undefined;
  const slash = apiVersion.indexOf("/");
  const group = slash === -1 ? "" : apiVersion.slice(0, slash);
  return group === GROUPS[kind] ? kind : undefined;
}

function isWatchedKind(kind: string): kind is WatchedKind {
  return Object.hasOwn(GROUPS, kind);
}
