import type { ClusterEvent } from "../../../services/node-authorizer/domain/cluster-objects.ts";
import { DEFAULT_FEATURE_GATES, type FeatureGates } from "../../../services/node-authorizer/domain/feature-gates.ts";
import { createNodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import type { AccessQuestion, AccessVerdict } from "../../../services/node-authorizer/domain/questions.ts";
import { accessQuestion } from "../../builders/node-questions.ts";

/** For node1 everything that can be read is called `own`, for node2 `other`. */
export function decidedCluster(): readonly ClusterEvent[] {
  return [...onNode("node1", "own"), ...onNode("node2", "other")];
}

/** What is answered where `decidedCluster` is all there is. */
export function verdictOf(question: Partial<AccessQuestion>, gates: Partial<FeatureGates> = {}): AccessVerdict {
  const authorizer = createNodeAuthorizer({ featureGates: { ...DEFAULT_FEATURE_GATES, ...gates } });
  for (const event of decidedCluster()) authorizer.apply(event);
  return authorizer.authorize(accessQuestion(question));
}

function onNode(nodeName: string, name: string): readonly ClusterEvent[] {
  const metadata = { name, namespace: "ns", uid: `uid-${name}` };
  const bound = { metadata: { name }, spec: { nodeName } };
  return [
    {
      type: "ADDED",
      kind: "Pod",
      object: {
        metadata,
        spec: {
          nodeName,
          serviceAccountName: name,
          volumes: [
            { name: "a", secret: { secretName: name } },
            { name: "b", configMap: { name } },
            { name: "c", persistentVolumeClaim: { claimName: name } },
          ],
          resourceClaims: [{ name: "c", resourceClaimName: name }],
        },
      },
    },
    {
      type: "ADDED",
      kind: "PersistentVolume",
      object: { metadata: { name }, spec: { claimRef: { namespace: "ns", name } } },
    },
    { type: "ADDED", kind: "VolumeAttachment", object: bound },
    { type: "ADDED", kind: "ResourceSlice", object: bound },
    { type: "ADDED", kind: "PodCertificateRequest", object: { metadata, spec: { nodeName } } },
  ];
}
