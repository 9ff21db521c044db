import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ClusterEvent } from "../../../services/node-authorizer/domain/cluster-objects.ts";
import { createNodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import { admissionQuestion } from "../../builders/node-questions.ts";
import { admissionCluster } from "./admission-cluster.ts";

/** JSON whose keys are mostly those that are read, so that it gets somewhere. */
const KEYS = (
  "metadata spec status name namespace uid nodeName annotations labels ownerReferences containers env envFrom valueFrom " +
  "secretRef secretKeyRef volumes secret secretName projected sources serviceAccountToken csi ephemeral claimRef " +
  "resourceClaims resourceClaimStatuses resourceClaimName tokenRequests boundObjectRef audiences request signerName taints"
).split(" ");
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom<unknown>(null, true, 0, "", "ns", "mine", "node1", "Pod", "v1"),
    fc.array(tie("json"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("json"), { maxKeys: 6 }),
  ),
}));

const KINDS = createNodeAuthorizer().watchedKinds;

test("whatever an object holds, it is taken or refused by name", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...KINDS), json, fc.boolean()), { maxLength: 20 }), (objects) => {
      const authorizer = createNodeAuthorizer();
      for (const [kind, content, isNamed] of objects) {
        const fields = typeof content === "object" && content !== null ? content : {};
        const object = isNamed ? { ...fields, metadata: { name: "mine", namespace: "ns" } } : content;
        const event = { kind, type: "ADDED", object } as ClusterEvent;
        try {
          authorizer.apply(event);
        } catch (error) {
          expect(error).toEqual(expect.objectContaining({ reason: "BadRequest" }));
          expect(isNamed).toBe(false);
        }
      }
      for (const kind of KINDS) authorizer.replace(kind, []);
      expect(authorizer.sizes().edges).toBe(0);
    }),
    { numRuns: 500 },
  );
});

const WRITES = [
  ["", "pods", ""],
  ["", "pods", "status"],
  ["", "pods", "eviction"],
  ["", "nodes", ""],
  ["", "persistentvolumeclaims", "status"],
  ["", "serviceaccounts", "token"],
  ["coordination.k8s.io", "leases", ""],
  ["storage.k8s.io", "csinodes", ""],
  ["resource.k8s.io", "resourceslices", ""],
  ["certificates.k8s.io", "certificatesigningrequests", ""],
  ["certificates.k8s.io", "podcertificaterequests", ""],
] as const;

test("whatever a review holds, there is a verdict", () => {
  const authorizer = admissionCluster({ PodCertificateRequest: true });
  const operation = fc.constantFrom("CREATE" as const, "UPDATE" as const, "DELETE" as const);
  fc.assert(
    fc.property(fc.constantFrom(...WRITES), operation, json, json, (write, operation, object, oldObject) => {
      const [group, resource, subresource] = write;
      const question = { operation, group, resource, subresource, namespace: "ns", name: "node1", object, oldObject };
      expect(["allowed", "refused", "askAuthorizer"]).toContain(authorizer.admit(admissionQuestion(question)).kind);
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  {
    name: "taints of a node",
    resource: "nodes",
    subresource: "",
    at: (deep: unknown) => ({ spec: { taints: [deep] } }),
  },
  {
    name: "a claim",
    resource: "persistentvolumeclaims",
    subresource: "status",
    at: (deep: unknown) => ({ spec: deep }),
  },
  {
    name: "made claims of a pod",
    resource: "pods",
    subresource: "status",
    at: (deep: unknown) => ({
      spec: { nodeName: "node1" },
      status: { resourceClaimStatuses: [{ name: "a", resourceClaimName: deep }] },
    }),
  },
])("however deep $name may be, there is a verdict", ({ resource, subresource, at }) => {
  const depth = 200_000;
  const deep = [`${"[".repeat(depth)}${"]".repeat(depth)}`, `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`];
  for (const text of deep) {
    const [object, oldObject] = [at(JSON.parse(text)), at(JSON.parse(text))];
    const question = { operation: "UPDATE", group: "", resource, subresource, namespace: "ns", name: "node1" } as const;
    const { admit } = admissionCluster({});
    expect(["allowed", "refused"]).toContain(admit(admissionQuestion({ ...question, object, oldObject })).kind);
  }
});
