/** What tokens are made of. Source: kubernetes staging/src/k8s.io/cluster-bootstrap/token/api/types.go. */
export const TOKEN_ID = /^[a-z0-9]{6}$/;
export const TOKEN_SECRET = /^[a-z0-9]{16}$/;
export const BOOTSTRAP_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
export const MAX_TOKEN_GROUPS = 32;
/** In characters. */
export const MAX_TOKEN_DESCRIPTION = 256;

/**
 * What a token may be used for: to log in, to sign what `kube-public/cluster-info` says, or to attest, which uses it up. A
 * token to attest with is for nothing else.
 */
export type TokenUsage = "authentication" | "signing" | "attestation";

/** A bootstrap token as administrators see it; the secret is kept as a keyed hash, and sealed as well if it is to sign. */
export interface BootstrapTokenRecord {
  /** As `TOKEN_ID`. */
  readonly id: string;
  readonly description: string;
  /** Sorted, each as `BOOTSTRAP_GROUP`. */
  readonly extraGroups: readonly string[];
  /** The one node this token may ask for; undefined for any. */
  readonly nodeName: string | undefined;
  readonly createdAt: Date;
  /** Undefined = never. */
  readonly expiresAt: Date | undefined;
  readonly createdBy: string;
  /** Undefined = authentication alone. */
  readonly usages?: readonly TokenUsage[];
  /** Of the Secret that the token is; none when absent. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of its last change, in milliseconds since the epoch; absent for that of its creation. */
  readonly revision?: number;
}

/** Grows with every change of the token; in milliseconds since the epoch. */
export function revisionOf({ revision, createdAt }: BootstrapTokenRecord): number {
  return revision ?? createdAt.getTime();
}

/** What a token may be used for, whoever made it. */
export function usagesOf({ usages = ["authentication"] }: BootstrapTokenRecord): readonly TokenUsage[] {
  return usages;
}

export function hasUsage(token: BootstrapTokenRecord, usage: TokenUsage): boolean {
  return usagesOf(token).includes(usage);
}
