/** A bootstrap token as administrators see it; the secret is shown once, at creation, and kept only as a keyed hash. */
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
}
