import type { FeatureGates } from "../feature-gates.ts";
import type { AdmissionQuestion } from "../questions.ts";
import type { ClusterState } from "../state/cluster-state.ts";

/** What the rules of one resource are given; `nodeName` is never empty. */
export interface NodeWrite {
  readonly nodeName: string;
  readonly question: AdmissionQuestion;
  /** The name in the request; of a collection that is deleted, the object's. */
  readonly name: string;
  readonly state: ClusterState;
  readonly gates: FeatureGates;
}
