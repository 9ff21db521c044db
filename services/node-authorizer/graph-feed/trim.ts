import type { Container, Pod, WatchedKind, WatchedObjects } from "../domain/cluster-objects.ts";

type Kept = Readonly<Record<string, unknown>>;

/**
 * What the domain reads of an object, so that a whole list of objects can be held until its last page is there. Only pods
 * are worth the effort: a cluster has most of them, and they are large.
 */
export function trimmed<Kind extends WatchedKind>(kind: Kind, object: WatchedObjects[Kind]): WatchedObjects[Kind] {
  const { metadata } = object;
  const { name, namespace, uid, annotations, ownerReferences } = metadata ?? {};
  const kept = { metadata: { name, namespace, uid, annotations, ownerReferences } };
  const result = kind === "Pod" ? { ...kept, ...trimmedPod(object as Pod) } : { ...object, ...kept };
  return result as WatchedObjects[Kind];
}

function trimmedPod({ spec, status }: Pod): Kept {
  return {
    spec: spec && {
      nodeName: spec.nodeName,
      serviceAccountName: spec.serviceAccountName,
      imagePullSecrets: spec.imagePullSecrets,
      initContainers: spec.initContainers?.map(trimmedContainer),
      containers: spec.containers?.map(trimmedContainer),
      ephemeralContainers: spec.ephemeralContainers?.map(trimmedContainer),
      // Whole: of what type a volume is shows in the name of a field, and unknown types matter.
      volumes: spec.volumes,
      resourceClaims: spec.resourceClaims,
    },
    status: status && {
      resourceClaimStatuses: status.resourceClaimStatuses,
      extendedResourceClaimStatus: status.extendedResourceClaimStatus,
    },
  };
}

function trimmedContainer({ env, envFrom }: Container): Kept {
  return { env: env?.filter(({ valueFrom }) => valueFrom), envFrom };
}
