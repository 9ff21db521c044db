import type { PersistentVolume, PodVolume } from "../cluster-objects.ts";

/**
 * The CSI drivers that took over from volume types built into Kubernetes, by the type's field.
 *
 * Source: kubernetes staging/src/k8s.io/csi-translation-lib/plugins.
 */
const MIGRATED: ReadonlyMap<string, string> = new Map([
  ["awsElasticBlockStore", "ebs.csi.aws.com"],
  ["gcePersistentDisk", "pd.csi.storage.gke.io"],
  ["cinder", "cinder.csi.openstack.org"],
  ["azureDisk", "disk.csi.azure.com"],
  ["azureFile", "file.csi.azure.com"],
  ["vsphereVolume", "csi.vsphere.vmware.com"],
  ["portworxVolume", "pxd.portworx.com"],
]);

/** The driver that mounts the volume; empty when it is none of CSI's. */
export function csiDriverOf(volume: PodVolume | NonNullable<PersistentVolume["spec"]>): string {
  const { csi } = volume;
  if (typeof csi === "object" && csi !== null) return typeof csi.driver === "string" ? csi.driver : "";
  // A volume has one type, and few fields beside it.
  for (const field in volume) {
    const driver = MIGRATED.get(field);
    if (driver === undefined) continue;
    const source = (volume as Readonly<Record<string, unknown>>)[field];
    if (typeof source === "object" && source !== null) return driver;
  }
  return "";
}
