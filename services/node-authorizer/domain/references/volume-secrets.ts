import type { PersistentVolume } from "../cluster-objects.ts";

/**
 * The secrets that a kubelet reads to mount a volume. Older types without a namespace of their own use the claim's; for
 * CSI, cinder and storageos it is what is written. What only controllers read is left out.
 *
 * Source: kubernetes pkg/api/v1/persistentvolume/util.go (VisitPVSecretNames, kubelet-visible).
 */
export function visitVolumeSecrets(volume: PersistentVolume, visit: (namespace: string, name: string) => void): void {
  const { spec } = volume;
  if (spec === undefined || spec === null) return;
  const claimNamespace = textOr("", spec.claimRef?.namespace);
  const visitReference = (reference: { namespace?: string; name?: string } | null | undefined, fallback: string) => {
    visitNamed(textOr(fallback, reference?.namespace), reference?.name, visit);
  };
  visitNamed(textOr(claimNamespace, spec.azureFile?.secretNamespace), spec.azureFile?.secretName, visit);
  for (const source of [spec.cephfs, spec.flexVolume, spec.rbd, spec.scaleIO, spec.iscsi]) {
    visitReference(source?.secretRef, claimNamespace);
  }
  visitReference(spec.cinder?.secretRef, "");
  visitReference(spec.storageos?.secretRef, "");
  visitReference(spec.csi?.nodePublishSecretRef, "");
  visitReference(spec.csi?.nodeStageSecretRef, "");
  visitReference(spec.csi?.nodeExpandSecretRef, "");
}

function textOr(fallback: string, value: unknown): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}

function visitNamed(namespace: string, name: unknown, visit: (namespace: string, name: string) => void): void {
  if (typeof name === "string" && name !== "") visit(namespace, name);
}
