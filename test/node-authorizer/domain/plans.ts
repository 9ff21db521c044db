import fc from "fast-check";
import type {
  BoundToNode,
  ClusterEvent,
  PersistentVolume,
  Pod,
} from "../../../services/node-authorizer/domain/cluster-objects.ts";
import type { BoundPlan, Plan, PodPlan, VolumePlan } from "./naive-graph.ts";

/** Small universes, so that random events meet each other. */
export const NODES = ["n1", "n2", "n3"] as const;
export const NAMESPACES = ["a", "b"] as const;
export const NAMES = ["x", "y", "z"] as const;

const name = fc.constantFrom(...NAMES);
const names = fc.array(name, { maxLength: 3 });
const namespace = fc.constantFrom(...NAMESPACES);
const uid = fc.constantFrom("11111111-2222-3333-4444-555555555555", "odd", "99999999-2222-3333-4444-555555555555");
const node = fc.constantFrom(...NODES, ...NODES, "");
const qualified = fc.tuple(namespace, name).map((parts) => parts.join("/"));

const podPlan: fc.Arbitrary<PodPlan> = fc.record({
  kind: fc.constant("Pod" as const),
  ...{ namespace, name, uid, node },
  isMirror: fc.nat(9).map((draw) => draw === 0),
  serviceAccount: fc.constantFrom("", ...NAMES),
  ...{ secrets: names, configMaps: names, claims: names, ephemeralSecrets: names, madeClaims: names },
  extendedClaim: fc.option(name, { nil: undefined }),
});

const volumePlan: fc.Arbitrary<VolumePlan> = fc.record({
  kind: fc.constant("PersistentVolume" as const),
  name,
  claim: fc.option(qualified, { nil: undefined, freq: 4 }),
  secrets: fc.array(qualified, { maxLength: 3 }),
});

const boundPlan: fc.Arbitrary<BoundPlan> = fc
  .record({
    kind: fc.constantFrom("VolumeAttachment" as const, "ResourceSlice" as const, "PodCertificateRequest" as const),
    ...{ namespace, name, uid, node },
  })
  .map((plan) => (plan.kind === "PodCertificateRequest" ? plan : { ...plan, namespace: "" }));

export interface PlannedEvent {
  readonly type: ClusterEvent["type"];
  readonly plan: Plan;
}

/** Any type for any object, whether it is known or not: additions of what is there, updates of what is not, and so on. */
export const plannedEvents: fc.Arbitrary<readonly PlannedEvent[]> = fc.array(
  fc.record({
    type: fc.constantFrom("ADDED" as const, "MODIFIED" as const, "MODIFIED" as const, "DELETED" as const),
    plan: fc.oneof({ weight: 4, arbitrary: podPlan }, { weight: 2, arbitrary: volumePlan }, boundPlan),
  }),
  { maxLength: 60 },
);

export function eventOf({ type, plan }: PlannedEvent): ClusterEvent {
  switch (plan.kind) {
    case "Pod":
      return { type, kind: "Pod", object: podOf(plan) };
    case "PersistentVolume":
      return { type, kind: plan.kind, object: volumeOf(plan) };
    case "VolumeAttachment":
    case "ResourceSlice":
    case "PodCertificateRequest":
      return { type, kind: plan.kind, object: boundOf(plan) };
  }
}

/** Each reference in another place, in turn. */
function podOf(plan: PodPlan): Pod {
  const { name, namespace, uid, node, isMirror } = plan;
  return {
    metadata: { name, namespace, uid, ...(isMirror && { annotations: { "kubernetes.io/config.mirror": "" } }) },
    spec: {
      ...(node !== "" && { nodeName: node }),
      serviceAccountName: plan.serviceAccount,
      containers: [{ env: plan.configMaps.map((name) => ({ valueFrom: { configMapKeyRef: { name } } })) }],
      ephemeralContainers: plan.ephemeralSecrets.map((name) => ({ envFrom: [{ secretRef: { name } }] })),
      volumes: [
        ...plan.secrets.map((secretName) => ({ name: "s", secret: { secretName } })),
        ...plan.claims.map((claimName) => ({ name: "c", persistentVolumeClaim: { claimName } })),
      ],
      resourceClaims: plan.madeClaims.map((_, index) => ({ name: `${index}`, resourceClaimTemplateName: "t" })),
    },
    status: {
      resourceClaimStatuses: plan.madeClaims.map((name, index) => ({ name: `${index}`, resourceClaimName: name })),
      extendedResourceClaimStatus: plan.extendedClaim === undefined ? null : { resourceClaimName: plan.extendedClaim },
    },
  };
}

function volumeOf({ name, claim, secrets }: VolumePlan): PersistentVolume {
  const [first, second, third] = secrets.map(split);
  return {
    metadata: { name },
    spec: {
      claimRef: claim === undefined ? null : split(claim),
      csi: {
        nodePublishSecretRef: first ?? null,
        nodeStageSecretRef: second ?? null,
        nodeExpandSecretRef: third ?? null,
      },
    },
  };
}

function boundOf({ name, namespace, uid, node }: BoundPlan): BoundToNode {
  return { metadata: { name, uid, ...(namespace !== "" && { namespace }) }, spec: { nodeName: node } };
}

function split(text: string): { namespace: string; name: string } {
  const [namespace = "", name = ""] = text.split("/");
  return { namespace, name };
}
