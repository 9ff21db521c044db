import type { ClusterEvent } from "../../../services/node-authorizer/domain/cluster-objects.ts";

/** For node1 everything that can be read is called `own`, for node2 `other`. */
export function decidedCluster(): readonly ClusterEvent[] {
  return [...onNode("node1", "own"), ...onNode("node2", "other")];
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
