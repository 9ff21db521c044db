import { expect } from "@jest/globals";
import type { ClusterEvent, Pod } from "../../../services/node-authorizer/domain/cluster-objects.ts";
import { DEFAULT_FEATURE_GATES, type FeatureGates } from "../../../services/node-authorizer/domain/feature-gates.ts";
import { createNodeAuthorizer, type NodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import type { AdmissionQuestion } from "../../../services/node-authorizer/domain/questions.ts";
import { admissionQuestion } from "../../builders/node-questions.ts";

type PodSpec = NonNullable<Pod["spec"]>;

/** Pods `mine` (node1), `theirs` (node2), `mirror` (node1) and `free`; the uid of each is `uid-` and its name. */
export function admissionCluster(gates: Partial<FeatureGates> = {}, spec: PodSpec = {}): NodeAuthorizer {
  const authorizer = createNodeAuthorizer({ featureGates: { ...DEFAULT_FEATURE_GATES, ...gates }, changeLogSize: 0 });
  const events: readonly ClusterEvent[] = [
    { type: "ADDED", kind: "Node", object: { metadata: { name: "node1", uid: "uid-node1" } } },
    pod("mine", "node1", spec),
    pod("theirs", "node2"),
    pod("mirror", "node1", {}, { "kubernetes.io/config.mirror": "x" }),
    pod("free", ""),
    {
      type: "ADDED",
      kind: "ServiceAccount",
      object: { metadata: { name: "account", namespace: "ns", uid: "uid-account" } },
    },
  ];
  for (const event of events) authorizer.apply(event);
  return authorizer;
}

function pod(
  name: string,
  nodeName: string,
  spec: PodSpec = {},
  annotations: Record<string, string> = {},
): ClusterEvent {
  const metadata = { name, namespace: "ns", uid: `uid-${name}`, annotations };
  return {
    type: "ADDED",
    kind: "Pod",
    object: { metadata, spec: { nodeName, serviceAccountName: "account", ...spec } },
  };
}

/** Allowed: 200; otherwise the code and message of the refusal; 0 where the authorizers must be asked. */
export function admitted(
  question: Partial<AdmissionQuestion>,
  gates: Partial<FeatureGates> = {},
): { code: number; message: string; reason: string } {
  const verdict = admissionCluster(gates).admit(admissionQuestion(question));
  switch (verdict.kind) {
    case "allowed":
      return { code: 200, message: "", reason: "" };
    case "refused":
      return verdict;
    case "askAuthorizer":
      return { code: 0, message: verdict.otherwise.message, reason: "" };
  }
}

/** A question and what comes of it, as a row of `test.each`. */
export interface AdmissionRow {
  readonly name: string;
  readonly question: Partial<AdmissionQuestion>;
  /** As `admitted` tells it. */
  readonly code: number;
  /** Part of the message, in any case. */
  readonly says?: string;
  readonly gates?: Partial<FeatureGates>;
}

/** Expects code, message, and the reason that belongs to the code. */
export function checkAdmission({ question, code, says = "", gates = {} }: AdmissionRow): void {
  const verdict = admitted(question, gates);
  expect(verdict).toEqual(expect.objectContaining({ code }));
  expect(verdict.message.toLowerCase()).toContain(says.toLowerCase());
  expect(verdict.reason).toBe({ 403: "Forbidden", 404: "NotFound", 500: "InternalError" }[code] ?? "");
}
