import type { OwnerReference } from "../../shared/kubernetes/object-meta.ts";

/**
 * The part of `metadata` a client may send. Everything else (`creationTimestamp`, `selfLink`, `managedFields`) is the
 * server's and not even carried here.
 */
export interface DraftMeta {
  readonly name: string;
  readonly generateName: string;
  /** Discarded where the resource is cluster-scoped. */
  readonly namespace: string;
  /** Ignored on create; a precondition on update. */
  readonly uid: string;
  /** Not allowed on create; a precondition on update, empty for an unconditional one. */
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Kept as it was created; counts nothing here. */
  readonly generation?: number;
  /** Discarded on create; may only repeat what is stored on update. */
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly ownerReferences: readonly OwnerReference[];
  readonly finalizers: readonly string[];
}

/** A condition as sent. `status` may be anything: validation judges it. */
export interface DraftCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339 in whole seconds; undefined when unset (absent, `null`, or a zero-length protobuf Time). */
  readonly lastUpdateTime?: string;
  readonly lastTransitionTime?: string;
}

export interface DraftSpec {
  /** Canonical base64 (standard alphabet, padded) of what was sent; empty when absent. */
  readonly request: string;
  readonly signerName: string;
  /** An int32; undefined when absent. */
  readonly expirationSeconds?: number;
  readonly usages: readonly string[];
}

export interface DraftStatus {
  readonly conditions: readonly DraftCondition[];
  /** Canonical base64; empty when absent. */
  readonly certificate: string;
}

/**
 * What a client sent: its shape checked and normalised, its meaning not yet judged. Absent strings are `""`, absent
 * lists `[]`, absent maps `{}`. `spec.username`, `uid`, `groups` and `extra` are missing on purpose: they come from the
 * authenticated requester alone.
 */
export interface CsrDraft {
  readonly metadata: DraftMeta;
  readonly spec: DraftSpec;
  readonly status: DraftStatus;
}
