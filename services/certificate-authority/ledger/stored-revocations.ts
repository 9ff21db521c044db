import type { CertificateSummary } from "../domain/certificate.ts";
import type { RevocationEntry, Revocations, RevocationTarget } from "../domain/revocation.ts";
import type { RevocationListNumbers } from "../domain/revocation-list.ts";
import { auditPayload } from "./audit-chain.ts";
import { OURSELVES } from "./audited-writes.ts";
import { RECORD_BYTES, type StoredRecordsDependencies } from "./stored-records.ts";
import { type CertificateRow, toCertificateSummary } from "./tables/certificate-row.ts";
import { metaTable } from "./tables/meta-table.ts";
import { type RevocationRow, revocationsReader, toRevocationEntry } from "./tables/revocations-table.ts";

/**
 * The revocations of the ledger. What every request asks for is kept in memory, some 200 octets a revocation. An
 * order counts from the moment it is given: what passed the last look before a signature until then is on record before
 * it, and is hit by it; what comes later is refused.
 */
export function storedRevocations({ reader, writer, clock }: StoredRecordsDependencies): Revocations {
  const table = revocationsReader(reader);
  const keys = new Set<string>(table.keys());
  const fingerprints = new Set<string>(table.fingerprints());
  const quarantined = new Set<string>();
  const ordered = new Set<RevocationTarget>();
  const listeners = new Set<() => void>();
  for (const row of table.ofNodes()) learnOfNode(row);
  let head = table.head();

  function learnOfNode({ type, nodeName }: Pick<RevocationRow, "type" | "nodeName">): void {
    if (nodeName === null) return;
    if (type === "quarantined") quarantined.add(nodeName);
    if (type === "readmitted") quarantined.delete(nodeName);
  }

  function learn(rows: readonly RevocationRow[]): readonly RevocationEntry[] {
    for (const row of rows) {
      learnOfNode(row);
      if (row.fingerprint !== null) fingerprints.add(row.fingerprint);
      if (row.spkiSha256 !== null) keys.add(row.spkiSha256);
      head = Math.max(head, row.sequence);
    }
    if (rows.length > 0) for (const listener of listeners) listener();
    return rows.map(toRevocationEntry);
  }

  /** Hardly ever more than none. */
  function isOrdered(matches: (target: RevocationTarget) => boolean): boolean {
    return ordered.size > 0 && [...ordered].some(matches);
  }

  function revocable(target: RevocationTarget, now: Date): readonly CertificateRow[] {
    switch (target.kind) {
      case "certificates":
        return target.fingerprints.flatMap((fingerprint) => table.revocable(fingerprint) ?? []);
      case "key":
        return table.revocableOfKey(target.spkiSha256, now.getTime());
      case "node":
        return table.revocableOfNode(target.nodeName, now.getTime());
      default:
        return target satisfies never;
    }
  }

  return {
    isQuarantined: (nodeName) =>
      quarantined.has(nodeName) ||
      isOrdered((target) => target.kind === "node" && target.quarantine && target.nodeName === nodeName),
    isKeyRevoked: (spkiSha256) =>
      keys.has(spkiSha256) || isOrdered((target) => target.kind === "key" && target.spkiSha256 === spkiSha256),
    isCertificateRevoked: (fingerprint) =>
      fingerprints.has(fingerprint) ||
      isOrdered((target) => target.kind === "certificates" && target.fingerprints.includes(fingerprint)),
    quarantinedNodes: () => [...quarantined].toSorted(),
    head: () => head,
    after: async (sequence, limit) => table.after(sequence, limit).map(toRevocationEntry),
    ofIssuer: async (issuerId, sequence, limit) => table.ofIssuer(issuerId, sequence, limit).map(toRevocationEntry),
    async ofCertificate(fingerprint) {
      const row = table.byFingerprint(fingerprint);
      return row && toRevocationEntry(row);
    },
    affected: async (target, now): Promise<readonly CertificateSummary[]> =>
      revocable(target, now).map(toCertificateSummary),
    async revoke({ target, reason, message, by }) {
      const atMilliseconds = clock.now().getTime();
      const operation = { kind: "revoke", target, reason, message, actor: by, atMilliseconds } as const;
      ordered.add(target);
      try {
        return await writer.submit(operation, RECORD_BYTES, learn);
      } finally {
        ordered.delete(target);
      }
    },
    async readmit(nodeName, message, by) {
      const atMilliseconds = clock.now().getTime();
      const operation = { kind: "readmitNode", nodeName, message, actor: by, atMilliseconds } as const;
      return writer.submit(operation, RECORD_BYTES, (row) => (row === undefined ? undefined : learn([row])[0]));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The numbers of CRLs; each goes onto the hash chain with what it is the number of. */
export function storedRevocationLists({ reader, writer, clock }: StoredRecordsDependencies): RevocationListNumbers {
  let last = metaTable(reader).get("crl_number") ?? 0;
  return {
    last: () => last,
    async record({ number, issuerId, thisUpdate, nextUpdate, entries, sha256 }) {
      const details = { number, thisUpdate, nextUpdate, entries, sha256 };
      const payload = auditPayload({
        at: clock.now(),
        actor: OURSELVES,
        kind: "crl.signed",
        subject: issuerId,
        details,
      });
      const operation = { kind: "recordRevocationList", number, payload } as const;
      // Two issuers' lists may be on their way at a time.
      last = Math.max(last, number);
      await writer.submit(operation, RECORD_BYTES, () => undefined);
    },
  };
}
