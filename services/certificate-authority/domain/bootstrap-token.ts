/** What a token may be used for: to log in, and to sign what `kube-public/cluster-info` says. */
export type TokenUsage = "authentication" | "signing";

/** A bootstrap token as administrators see it; the secret is kept as a keyed hash, and sealed as well if it is to sign. */
export interface BootstrapTokenRecord {
  /** `[a-z0-9]{6}`. */
  readonly id: string;
  readonly description: string;
  /** Sorted, each matching `system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]`. */
  readonly extraGroups: readonly string[];
  /** The one node this token may ask for; undefined for any. */
  readonly nodeName: string | undefined;
  readonly createdAt: Date;
  /** Undefined = never. */
  readonly expiresAt: Date | undefined;
  readonly createdBy: string;
  /** Undefined = authentication alone. */
  readonly usages?: readonly TokenUsage[];
}

export function hasUsage({ usages = ["authentication"] }: BootstrapTokenRecord, usage: TokenUsage): boolean {
  return usages.includes(usage);
}
