import { StatusError } from "../../shared/status-error.ts";
import type { IssuerSlot } from "../domain/issuer.ts";
import { auditPayload } from "./audit-chain.ts";
import { type AuditWrites, OURSELVES } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import type { CreateToken, RecordIssuer, RemoveExpiredTokens, RemoveToken, UpdateToken } from "./operations.ts";
import { bootstrapTokenContent, bootstrapTokensWriter } from "./tables/bootstrap-tokens-table.ts";
import { type IssuerRow, issuerContent, issuersReader, issuersWriter } from "./tables/issuers-table.ts";

/** What vouches for an issuer as it is from now on. */
export function issuerPayload(
  kind: string,
  row: IssuerRow,
  { at, actor, details: more }: { readonly at: Date; readonly actor: string; readonly details?: object },
): string {
  const { commonName, origin, slot, name } = row;
  const details = { ...more, commonName, content: issuerContent(row), name, origin, slot };
  return auditPayload({ at, actor, kind, subject: row.id, details });
}

/** Issuers and bootstrap tokens, each change with its audit entry, inside the caller's transaction. */
export function administrativeWrites(connection: Connection, audit: AuditWrites) {
  const issuers = issuersWriter(connection);
  const storedIssuers = issuersReader(connection);
  const tokens = bootstrapTokensWriter(connection);

  /** One that had ended is trusted again. */
  function moveIssuer(stored: IssuerRow, slot: IssuerSlot, at: Date): void {
    const row = { ...stored, slot, endedMilliseconds: null };
    issuers.move(row, audit.append(issuerPayload("issuer.moved", row, { at, actor: OURSELVES })));
    audit.endedIssuers.delete(row.id);
  }

  return {
    recordIssuer({ issuer, atMilliseconds }: RecordIssuer): undefined {
      const stored = storedIssuers.byId(issuer.id);
      if (stored?.slot === issuer.slot && stored.endedMilliseconds === null) return;
      const at = new Date(atMilliseconds);
      const former = issuer.slot === "active" ? storedIssuers.activeOf(stored?.name ?? issuer.name) : undefined;
      if (former) moveIssuer(former, "old", at);
      if (stored) moveIssuer(stored, issuer.slot, at);
      else issuers.insert(issuer, audit.append(issuerPayload("issuer.recorded", issuer, { at, actor: OURSELVES })));
    },

    createToken({ token }: CreateToken): undefined {
      if (tokens.byId(token.id)) throw new StatusError("AlreadyExists", `bootstrap token ${token.id} already exists`);
      const sequence = audit.append(
        auditPayload({
          at: new Date(token.createdMilliseconds),
          actor: token.createdBy,
          kind: "token.created",
          subject: token.id,
          details: { content: bootstrapTokenContent(token), nodeName: token.nodeName },
        }),
      );
      tokens.insert(token, sequence);
    },

    updateToken({ token, expectedRevision, actor, atMilliseconds }: UpdateToken): undefined {
      const { id, description, extraGroups, expiresMilliseconds, usages, sealedSecret, metadata, revision } = token;
      const stored = tokens.byId(id);
      if (stored === undefined) throw new StatusError("NotFound", `bootstrap token ${id} not found`);
      if ((stored.revision ?? stored.createdMilliseconds) !== expectedRevision) {
        throw new StatusError("Conflict", `bootstrap token ${id} was changed meanwhile`);
      }
      const changed = { description, extraGroups, expiresMilliseconds, usages, sealedSecret, metadata, revision };
      const next = { ...stored, ...changed };
      const details = { content: bootstrapTokenContent(next), nodeName: stored.nodeName };
      const entry = { at: new Date(atMilliseconds), actor, kind: "token.changed", subject: id, details };
      tokens.update(next, audit.append(auditPayload(entry)));
    },

    removeToken({ id, actor, atMilliseconds }: RemoveToken): boolean {
      if (!tokens.remove(id)) return false;
      audit.append(
        auditPayload({ at: new Date(atMilliseconds), actor, kind: "token.removed", subject: id, details: {} }),
      );
      return true;
    },

    removeExpiredTokens({ beforeMilliseconds, actor }: RemoveExpiredTokens): readonly string[] {
      const ids = tokens.expired(beforeMilliseconds);
      for (const id of ids) {
        tokens.remove(id);
        audit.append(
          auditPayload({ at: new Date(beforeMilliseconds), actor, kind: "token.expired", subject: id, details: {} }),
        );
      }
      return ids;
    },
  };
}
