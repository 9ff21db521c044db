import { StatusError } from "../../shared/status-error.ts";
import { hasUsage } from "../domain/bootstrap-token.ts";
import type { BootstrapTokens, StoredBootstrapToken } from "../domain/ports.ts";
import { OURSELVES } from "./audited-writes.ts";
import { RECORD_BYTES, type StoredRecordsDependencies } from "./stored-records.ts";
import { bootstrapTokensReader, toBootstrapTokenRecord, toBootstrapTokenRow } from "./tables/bootstrap-tokens-table.ts";

/** Tokens kept in memory; there are few, and beyond this they are simply read again. */
const MAXIMUM_KEPT = 10_000;

/**
 * The bootstrap tokens of the ledger. Each request that shows one asks for it, so those in use are kept in memory: only
 * this process writes the ledger, and a token is dropped from memory before anybody hears that it was removed.
 */
export function storedBootstrapTokens({ reader, writer, clock }: StoredRecordsDependencies): BootstrapTokens & {
  /** Told of a token that another write removed. */
  readonly forget: (id: string) => void;
} {
  const table = bootstrapTokensReader(reader);
  const kept = new Map<string, StoredBootstrapToken>();
  return {
    async create(token, secretHash, sealedSecret) {
      const operation = { kind: "createToken", token: toBootstrapTokenRow(token, secretHash, sealedSecret) } as const;
      await writer.submit(operation, RECORD_BYTES, () => undefined);
    },
    forget: (id) => void kept.delete(id),
    list: async () => table.all().map(toBootstrapTokenRecord),
    find(id) {
      const known = kept.get(id);
      if (known !== undefined) return known;
      const row = table.byId(id);
      if (row === undefined) return undefined;
      const { secretHash, sealedSecret } = row;
      const found = { token: toBootstrapTokenRecord(row), secretHash, ...(sealedSecret && { sealedSecret }) };
      if (kept.size >= MAXIMUM_KEPT) kept.clear();
      kept.set(id, found);
      return found;
    },
    async update(token, expectedRevision, actor) {
      const stored = table.byId(token.id);
      if (stored === undefined) throw new StatusError("NotFound", `bootstrap token ${token.id} not found`);
      // A token that does not sign any more has no secret to be read.
      const sealed = hasUsage(token, "signing") ? stored.sealedSecret : null;
      const row = toBootstrapTokenRow(token, stored.secretHash, sealed ?? undefined);
      const atMilliseconds = clock.now().getTime();
      const operation = { kind: "updateToken", token: row, expectedRevision, actor, atMilliseconds } as const;
      await writer.submit(operation, RECORD_BYTES, () => void kept.delete(token.id));
    },
    async remove(id, removedBy = OURSELVES) {
      const atMilliseconds = clock.now().getTime();
      const operation = { kind: "removeToken", id, actor: removedBy, atMilliseconds } as const;
      return writer.submit(operation, RECORD_BYTES, (wasRemoved) => {
        kept.delete(id);
        return wasRemoved;
      });
    },
    async removeExpired(now, removedBy = OURSELVES) {
      const operation = { kind: "removeExpiredTokens", beforeMilliseconds: now.getTime(), actor: removedBy } as const;
      return writer.submit(operation, RECORD_BYTES, (ids) => {
        for (const id of ids) kept.delete(id);
        return ids;
      });
    },
  };
}
