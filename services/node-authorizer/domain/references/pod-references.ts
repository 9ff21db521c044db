import type { Container, Pod, PodVolume } from "../cluster-objects.ts";
import { CLAIM, CONFIG_MAP, RESOURCE_CLAIM, SECRET, SERVICE_ACCOUNT } from "../graph/object-kind.ts";
import { listOf } from "./reading.ts";

/** Told of each object a pod refers to; all are in the pod's namespace. The same one may be told again. */
export type ReferenceVisitor = (kind: number, name: string) => void;

const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";

/** Any value makes a mirror pod, even an empty one. */
export function isMirrorPod(pod: Pod): boolean {
  const annotations = pod.metadata?.annotations;
  return typeof annotations === "object" && annotations !== null && Object.hasOwn(annotations, MIRROR_ANNOTATION);
}

/**
 * Everything that a pod's node may read because of it. Whether a reference is optional makes no difference; a mirror
 * pod refers to nothing, which the caller decides.
 *
 * Source: kubernetes plugin/pkg/auth/authorizer/node/graph.go (AddPod) and pkg/api/v1/pod/util.go.
 */
export function visitPodReferences(pod: Pod, visit: ReferenceVisitor): void {
  visitNamed(SERVICE_ACCOUNT, pod.spec?.serviceAccountName, visit);
  visitSecretsAndConfigMaps(pod, visit);
  for (const volume of listOf(pod.spec?.volumes)) visitClaim(pod, volume, visit);
  visitResourceClaims(pod, visit);
}

/** Secrets and ConfigMaps alone: mirror pods must not have any. */
export function visitSecretsAndConfigMaps(pod: Pod, visit: ReferenceVisitor): void {
  const { spec } = pod;
  if (spec === undefined || spec === null) return;
  for (const secret of listOf(spec.imagePullSecrets)) visitNamed(SECRET, secret?.name, visit);
  for (const container of listOf(spec.initContainers)) visitContainer(container, visit);
  for (const container of listOf(spec.containers)) visitContainer(container, visit);
  for (const container of listOf(spec.ephemeralContainers)) visitContainer(container, visit);
  for (const volume of listOf(spec.volumes)) visitVolume(volume, visit);
}

/** The claim of a volume, whose name an ephemeral one makes from the pod's. Undefined without one. */
export function claimNameOf(podName: string, volume: PodVolume): string | undefined {
  const { persistentVolumeClaim, ephemeral } = volume;
  if (isObject(persistentVolumeClaim)) return persistentVolumeClaim.claimName;
  // Joined, not added: V8 keeps a sum as its parts, which makes every comparison with such a key slow.
  return isObject(ephemeral) ? [podName, volume.name ?? ""].join("-") : undefined;
}

function visitContainer(container: Container | null, visit: ReferenceVisitor): void {
  if (!isObject(container)) return;
  for (const variable of listOf(container.env)) {
    const source = variable?.valueFrom;
    if (!isObject(source)) continue;
    visitNamed(SECRET, source.secretKeyRef?.name, visit);
    visitNamed(CONFIG_MAP, source.configMapKeyRef?.name, visit);
  }
  for (const source of listOf(container.envFrom)) {
    visitNamed(SECRET, source?.secretRef?.name, visit);
    visitNamed(CONFIG_MAP, source?.configMapRef?.name, visit);
  }
}

function visitVolume(volume: PodVolume | null, visit: ReferenceVisitor): void {
  if (!isObject(volume)) return;
  visitNamed(SECRET, volume.secret?.secretName, visit);
  visitNamed(CONFIG_MAP, volume.configMap?.name, visit);
  for (const source of listOf(volume.projected?.sources)) {
    visitNamed(SECRET, source?.secret?.name, visit);
    visitNamed(CONFIG_MAP, source?.configMap?.name, visit);
  }
  visitNamed(SECRET, volume.azureFile?.secretName, visit);
  visitNamed(SECRET, volume.csi?.nodePublishSecretRef?.name, visit);
  visitNamed(SECRET, volume.cephfs?.secretRef?.name, visit);
  visitNamed(SECRET, volume.cinder?.secretRef?.name, visit);
  visitNamed(SECRET, volume.flexVolume?.secretRef?.name, visit);
  visitNamed(SECRET, volume.rbd?.secretRef?.name, visit);
  visitNamed(SECRET, volume.scaleIO?.secretRef?.name, visit);
  visitNamed(SECRET, volume.iscsi?.secretRef?.name, visit);
  visitNamed(SECRET, volume.storageos?.secretRef?.name, visit);
}

function visitClaim(pod: Pod, volume: PodVolume | null, visit: ReferenceVisitor): void {
  if (isObject(volume)) visitNamed(CLAIM, claimNameOf(pod.metadata?.name ?? "", volume), visit);
}

/** A claim made from a template is known by the status; no entry yet, or one that says "none", gives nothing. */
function visitResourceClaims(pod: Pod, visit: ReferenceVisitor): void {
  for (const claim of listOf(pod.spec?.resourceClaims)) {
    if (!isObject(claim)) continue;
    if (typeof claim.resourceClaimName === "string") {
      visitNamed(RESOURCE_CLAIM, claim.resourceClaimName, visit);
    } else if (typeof claim.resourceClaimTemplateName === "string") {
      const made = listOf(pod.status?.resourceClaimStatuses).find((status) => status?.name === claim.name);
      visitNamed(RESOURCE_CLAIM, made?.resourceClaimName, visit);
    }
  }
  visitNamed(RESOURCE_CLAIM, pod.status?.extendedResourceClaimStatus?.resourceClaimName, visit);
}

function visitNamed(kind: number, name: unknown, visit: ReferenceVisitor): void {
  if (typeof name === "string" && name !== "") visit(kind, name);
}

function isObject<Value extends object>(value: Value | null | undefined): value is Value {
  return typeof value === "object" && value !== null;
}
