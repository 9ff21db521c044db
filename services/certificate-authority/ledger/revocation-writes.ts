import type { RevocationTarget } from "../domain/revocation.ts";
import { auditPayload } from "./audit-chain.ts";
import type { AuditWrites } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import type { ReadmitNode, Revoke } from "./operations.ts";
import { certificateContent } from "./tables/certificate-row.ts";
import {
  type RevocableRow,
  type RevocationRow,
  revocationContent,
  revocationsReader,
  revocationsWriter,
} from "./tables/revocations-table.ts";

type Order = Pick<Revoke, "reason" | "message" | "actor" | "atMilliseconds">;

const NOTHING = {
  ...{ fingerprint: null, serial: null, issuerId: null, nodeName: null, spkiSha256: null },
  notAfterMilliseconds: null,
};

/** Revocations, each with the certificate's new state and the audit entry that vouches for both, inside the caller's transaction. */
export function revocationWrites(connection: Connection, audit: AuditWrites) {
  const stored = revocationsReader(connection);
  const writer = revocationsWriter(connection);
  let head = stored.head();
  const quarantined = readQuarantined();

  function readQuarantined(): Set<string> {
    const names = new Set<string>();
    for (const { type, nodeName } of stored.ofNodes()) {
      if (type === "quarantined") names.add(nodeName);
      else names.delete(nodeName);
    }
    return names;
  }

  /** Follows the clock, so that what comes after a restored backup is greater than anything that was told before. */
  function nextSequence({ atMilliseconds }: Pick<Order, "atMilliseconds">): number {
    head = Math.max(head + 1, atMilliseconds);
    return head;
  }

  function revokeCertificate(certificate: RevocableRow, order: Order): RevocationRow {
    const { fingerprint, serial, issuerId, nodeName, spkiSha256, notAfterMilliseconds } = certificate;
    const known = { fingerprint, serial, issuerId, nodeName, spkiSha256, notAfterMilliseconds };
    const row: RevocationRow = { sequence: nextSequence(order), type: "revoked", ...known, ...stated(order) };
    const { reason, message, actor } = order;
    const content = certificateContent({ ...certificate, state: "revoked" });
    const details = { content, issuerId, message, nodeName, reason, revocation: revocationContent(row), serial };
    const at = new Date(order.atMilliseconds);
    const entry = { at, actor, kind: "certificate.revoked", subject: fingerprint, details };
    const auditSequence = audit.append(auditPayload(entry));
    writer.markRevoked(certificate.id, auditSequence);
    writer.insert(row, auditSequence);
    return row;
  }

  function record(kind: string, subject: string, row: RevocationRow): RevocationRow {
    const { reason, message, actor } = row;
    const details = { message, reason, revocation: revocationContent(row) };
    const at = new Date(row.atMilliseconds);
    writer.insert(row, audit.append(auditPayload({ at, actor, kind, subject, details })));
    return row;
  }

  function certificatesOf(target: RevocationTarget, atMilliseconds: number): readonly RevocableRow[] {
    switch (target.kind) {
      case "certificates":
        return target.fingerprints.flatMap((fingerprint) => stored.revocable(fingerprint) ?? []);
      case "key":
        return stored.revocableOfKey(target.spkiSha256, atMilliseconds);
      case "node":
        return stored.revocableOfNode(target.nodeName, atMilliseconds);
      default:
        return target satisfies never;
    }
  }

  return {
    revoke({ target, ...order }: Revoke): readonly RevocationRow[] {
      const rows: RevocationRow[] = [];
      if (target.kind === "node" && target.quarantine && !quarantined.has(target.nodeName)) {
        const { nodeName } = target;
        const row = { ...NOTHING, ...stated(order), sequence: nextSequence(order), nodeName };
        rows.push(record("node.quarantined", nodeName, { ...row, type: "quarantined" }));
        quarantined.add(nodeName);
      }
      const certificates = certificatesOf(target, order.atMilliseconds);
      rows.push(...certificates.map((certificate) => revokeCertificate(certificate, order)));
      if (target.kind === "key" && !stored.hasKey(target.spkiSha256)) {
        const { spkiSha256 } = target;
        const row = { ...NOTHING, ...stated(order), sequence: nextSequence(order), spkiSha256 };
        rows.push(record("key.revoked", spkiSha256, { ...row, type: "revoked" }));
      }
      return rows;
    },

    /** @returns undefined when the node is in no quarantine. */
    readmit({ nodeName, ...order }: ReadmitNode): RevocationRow | undefined {
      if (!quarantined.delete(nodeName)) return undefined;
      const said = stated({ ...order, reason: "unspecified" });
      const row = { ...NOTHING, ...said, sequence: nextSequence(order), nodeName };
      return record("node.readmitted", nodeName, { ...row, type: "readmitted" });
    },

    /** To be called after every rollback. */
    reload(): void {
      head = stored.head();
      quarantined.clear();
      for (const name of readQuarantined()) quarantined.add(name);
    },
  };
}

function stated({ reason, message, atMilliseconds, actor }: Order): Order {
  return { reason, message, atMilliseconds, actor };
}
