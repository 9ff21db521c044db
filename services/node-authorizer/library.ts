/**
 * The node-authorizer as a library: `import { createNodeAuthorizer } from "gatehouse/node-authorizer"`. Pure and
 * synchronous; `config/examples/node-authorizer-library.mjs` shows it at work.
 */
export {
  type ClusterEvent,
  type WatchedKind,
  type WatchedObjects,
  watchedKindOf,
} from "./domain/cluster-objects.ts";
export type { Drain, NodeThatReads, Readable } from "./domain/explanation/blast-radius.ts";
export type { Explanation } from "./domain/explanation/explain.ts";
export { DEFAULT_FEATURE_GATES, type FeatureGates, parseFeatureGates } from "./domain/feature-gates.ts";
export type { Change, ChangesSince } from "./domain/graph/change-log.ts";
export type { GraphSizes } from "./domain/graph/graph-sizes.ts";
export { type ObjectKind, type ObjectRef, objectRefOf } from "./domain/graph/object-kind.ts";
export {
  createNodeAuthorizer,
  type NodeAuthorizer,
  type NodeAuthorizerOptions,
} from "./domain/node-authorizer.ts";
export type {
  AccessQuestion,
  AccessVerdict,
  AdmissionQuestion,
  AdmissionRefusal,
  AdmissionVerdict,
  AudienceQuestion,
  FieldRequirement,
  Requester,
} from "./domain/questions.ts";
export { createVeto, type VetoedRequester, type VetoRules } from "./domain/veto.ts";
