import {
  type BootstrapTokenRecord,
  hasUsage,
  revisionOf,
} from "../../services/certificate-authority/domain/bootstrap-token.ts";
import type { BootstrapTokens } from "../../services/certificate-authority/domain/ports.ts";
import { StatusError } from "../../services/shared/status-error.ts";

interface Row {
  token: BootstrapTokenRecord;
  secretHash: Uint8Array;
  sealedSecret?: Uint8Array;
}

/** Bootstrap tokens in memory. Tests may look at and change `rows`. */
export class FakeBootstrapTokens implements BootstrapTokens {
  readonly rows = new Map<string, Row>();
  /** Who removed what, as `id by user`. */
  readonly removals: string[] = [];
  /** Who changed what, as `id by user`. */
  readonly changes: string[] = [];
  /** How many of the next creations find their id taken. */
  collisions = 0;

  async create(token: BootstrapTokenRecord, secretHash: Uint8Array, sealedSecret?: Uint8Array): Promise<void> {
    if (this.collisions > 0 || this.rows.has(token.id)) {
      this.collisions -= 1;
      throw new StatusError("AlreadyExists", `token ${token.id} exists`);
    }
    this.rows.set(token.id, { token, secretHash, ...(sealedSecret && { sealedSecret }) });
  }

  async update(token: BootstrapTokenRecord, expectedRevision: number, actor: string): Promise<void> {
    const row = this.rows.get(token.id);
    if (row === undefined) throw new StatusError("NotFound", `token ${token.id} not found`);
    if (revisionOf(row.token) !== expectedRevision) throw new StatusError("Conflict", `token ${token.id} was changed`);
    const { sealedSecret, ...rest } = row;
    this.rows.set(token.id, { ...rest, token, ...(hasUsage(token, "signing") && sealedSecret && { sealedSecret }) });
    this.changes.push(`${token.id} by ${actor}`);
  }

  async list(): Promise<readonly BootstrapTokenRecord[]> {
    return [...this.rows.values()].map(({ token }) => token);
  }

  find(id: string): Row | undefined {
    return this.rows.get(id);
  }

  async remove(id: string, removedBy?: string): Promise<boolean> {
    if (!this.rows.delete(id)) return false;
    this.removals.push(`${id} by ${removedBy}`);
    return true;
  }

  async removeExpired(now: Date): Promise<readonly string[]> {
    const expired = [...this.rows.values()].filter(
      ({ token }) => token.expiresAt !== undefined && token.expiresAt <= now,
    );
    for (const { token } of expired) this.rows.delete(token.id);
    return expired.map(({ token }) => token.id);
  }
}
