import { createAdmit } from "./admission/admit.ts";
import { createAuthorize } from "./authorization/authorize.ts";
import type { ClusterEvent, WatchedKind, WatchedObjects } from "./cluster-objects.ts";
import {
  type Drain,
  drain,
  type NodeThatReads,
  nodesThatRead,
  type Readable,
  readableBy,
} from "./explanation/blast-radius.ts";
import { createExplain, type Explanation } from "./explanation/explain.ts";
import { DEFAULT_FEATURE_GATES, type FeatureGates } from "./feature-gates.ts";
import type { ChangesSince } from "./graph/change-log.ts";
import { type GraphSizes, graphSizes } from "./graph/graph-sizes.ts";
import type { ObjectRef } from "./graph/object-kind.ts";
import type { AccessQuestion, AccessVerdict, AdmissionQuestion, AdmissionVerdict } from "./questions.ts";
import { ClusterState } from "./state/cluster-state.ts";

export interface NodeAuthorizerOptions {
  readonly featureGates?: FeatureGates;
  /** How many changes `changesSince` can tell of; 0 for none. About 60 bytes each. */
  readonly changeLogSize?: number;
}

const DEFAULT_CHANGE_LOG_SIZE = 65_536;
const MAX_CHANGE_LOG_SIZE = 10_000_000;

/**
 * What each node may reach, from events of the cluster: pure and synchronous, for one thread. Whoever feeds it hands in
 * events in the order of the API server's; whoever asks it does so only when it has been told everything there is.
 */
export interface NodeAuthorizer {
  /** What to watch with these feature gates. */
  readonly watchedKinds: readonly WatchedKind[];
  /** One more after each event that changed something. */
  readonly revision: number;
  /** All events so far. */
  readonly eventsApplied: number;
  /**
   * Takes one event. Nothing of the object is kept but names and uids.
   *
   * @returns whether anything changed.
   * @throws {StatusError} BadRequest when the object has no name, or no namespace where it must have one.
   */
  readonly apply: (event: ClusterEvent) => boolean;
  /**
   * Takes the whole list of a kind, at the beginning or after a gap: what is not in it is gone.
   *
   * @throws {StatusError} BadRequest as `apply`; then nothing has changed.
   */
  readonly replace: <Kind extends WatchedKind>(kind: Kind, objects: Iterable<WatchedObjects[Kind]>) => boolean;
  /** Allows, or has no opinion; never denies and never throws. */
  readonly authorize: (question: AccessQuestion) => AccessVerdict;
  /** Restricts what nodes write; never throws. Sometimes the authorizers must be asked before there is an answer. */
  readonly admit: (question: AdmissionQuestion) => AdmissionVerdict;
  /** Why a question is answered as it is. For operators only, as all below: it tells of other nodes. */
  readonly explain: (question: AccessQuestion) => Explanation;
  /** What a node can read: pods and what they lead to, and what is bound to the node itself. */
  readonly readableBy: (nodeName: string) => Readable;
  /** Which nodes can read an object, and by which way. */
  readonly nodesThatRead: (object: ObjectRef) => readonly NodeThatReads[];
  /** What draining a node would take away from it. */
  readonly drain: (nodeName: string) => Drain;
  readonly sizes: () => GraphSizes;
  /** Who gained and lost what after a revision. */
  readonly changesSince: (revision: number) => ChangesSince;
}

/**
 * @throws {RangeError} when the change log's size is not a number from 0 to 10,000,000.
 */
export function createNodeAuthorizer(options: NodeAuthorizerOptions = {}): NodeAuthorizer {
  const { featureGates: gates = DEFAULT_FEATURE_GATES, changeLogSize = DEFAULT_CHANGE_LOG_SIZE } = options;
  if (!Number.isInteger(changeLogSize) || changeLogSize < 0 || changeLogSize > MAX_CHANGE_LOG_SIZE) {
    throw new RangeError(`changeLogSize ${changeLogSize}: give a whole number from 0 to ${MAX_CHANGE_LOG_SIZE}`);
  }
  const state = new ClusterState(gates, changeLogSize);
  const { graph } = state;
  const authorize = createAuthorize(graph, gates);
  return {
    watchedKinds: watchedKindsFor(gates),
    get revision() {
      return graph.revision;
    },
    get eventsApplied() {
      return state.eventsApplied;
    },
    apply: (event) => state.apply(event),
    replace: (kind, objects) => state.replace(kind, objects),
    authorize,
    admit: createAdmit(state, gates),
    explain: createExplain(graph, authorize),
    readableBy: (nodeName) => readableBy(graph, nodeName),
    nodesThatRead: (object) => nodesThatRead(graph, object),
    drain: (nodeName) => drain(graph, nodeName),
    sizes: () => graphSizes(graph),
    changesSince: (revision) => graph.log.since(revision, graph.revision),
  };
}

function watchedKindsFor(gates: FeatureGates): readonly WatchedKind[] {
  return [
    "Pod",
    "PersistentVolume",
    "VolumeAttachment",
    "ResourceSlice",
    "Node",
    ...(gates.ServiceAccountNodeAudienceRestriction ? (["PersistentVolumeClaim", "CSIDriver"] as const) : []),
    ...(gates.PodCertificateRequest ? (["PodCertificateRequest", "ServiceAccount"] as const) : []),
  ];
}
