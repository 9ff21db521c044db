/**
 * `metav1.ObjectMeta` as JSON carries it. Times are RFC 3339 in whole seconds (`2026-01-02T03:04:05Z`).
 * `managedFields` and `selfLink` are never kept.
 *
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go.
 */
export interface ObjectMeta {
  readonly name: string;
  readonly generateName?: string;
  /** Absent on objects of the cluster. */
  readonly namespace?: string;
  readonly uid: string;
  /** Decimal revision; empty on an object that was never stored (dry run). */
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Whole-second RFC 3339, the only form Kubernetes' `metav1.Time` writes. */
export function toKubernetesTime(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}
