import { StatusError } from "../../shared/status-error.ts";
import { auditPayload } from "./audit-chain.ts";
import { type AuditWrites, OURSELVES } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import type { CreateToken, RecordIssuer, RemoveExpiredTokens, RemoveToken } from "./operations.ts";
import { bootstrapTokenContent, bootstrapTokensWriter } from "./tables/bootstrap-tokens-table.ts";
import { issuerContent, issuersReader, issuersWriter } from "./tables/issuers-table.ts";

/** Issuers and bootstrap tokens, each change with its audit entry, inside the caller's transaction. */
export function administrativeWrites(connection: Connection, audit: AuditWrites) {
  const issuers = issuersWriter(connection);
  const storedIssuers = issuersReader(connection);
  const tokens = bootstrapTokensWriter(connection);

  return {
    recordIssuer({ issuer, atMilliseconds }: RecordIssuer): undefined {
      const stored = storedIssuers.byId(issuer.id);
      if (stored?.slot === issuer.slot) return;
      const row = stored ? { ...stored, slot: issuer.slot } : issuer;
      const sequence = audit.append(
        auditPayload({
          at: new Date(atMilliseconds),
          actor: OURSELVES,
          kind: stored ? "issuer.moved" : "issuer.recorded",
          subject: issuer.id,
          details: { commonName: row.commonName, content: issuerContent(row), origin: row.origin, slot: row.slot },
        }),
      );
      if (stored) issuers.moveToSlot(issuer.id, issuer.slot, sequence);
      else issuers.insert(issuer, sequence);
    },

    createToken({ token }: CreateToken): undefined {
      if (tokens.has(token.id)) throw new StatusError("AlreadyExists", `bootstrap token ${token.id} already exists`);
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
