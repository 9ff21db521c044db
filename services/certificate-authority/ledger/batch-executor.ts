import { isStatusError, type StatusError } from "../../shared/status-error.ts";
import { administrativeWrites } from "./administrative-writes.ts";
import { archiveWrites } from "./archive-writes.ts";
import { attestationWrites } from "./attestation-writes.ts";
import { auditWrites } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import { type FileRoom, makesRoom } from "./file-room.ts";
import { objectWrites } from "./object-writes.ts";
import type { Answers, Operation, OperationOutcome } from "./operations.ts";
import { toRefusal } from "./refusals.ts";
import { requestWrites } from "./request-writes.ts";
import { revocationWrites } from "./revocation-writes.ts";
import { rotationWrites } from "./rotation-writes.ts";
import { runWrites } from "./run-writes.ts";
import { asStatusError, isStorageFailure, sqliteCodeOf } from "./sqlite-error.ts";
import { expiryNoticesWriter } from "./tables/expiry-notices-table.ts";
import { metaTable } from "./tables/meta-table.ts";
import { shadowDecisionsWriter } from "./tables/shadow-decisions-table.ts";

export interface BatchSettings {
  /** How many CertificateSigningRequests may be stored at a time. */
  readonly maximumRequests: number;
  /** Of a file that is bounded. */
  readonly room?: FileRoom | undefined;
  /** Runs inside the transaction, right before its COMMIT: where a benchmark puts a slow disk. */
  readonly beforeCommit?: () => void;
}

export interface BatchExecutor {
  /**
   * Carries the operations out in one durable transaction, in order. An operation whose precondition does not hold is
   * refused alone. When anything else goes wrong the whole batch is rolled back; then the operations are tried one by
   * one, so that only the guilty one fails, unless the store itself does not work. Where only room is lacking, those
   * that make some are carried out all the same.
   */
  run(operations: readonly Operation[]): readonly OperationOutcome[];
}

/** Turns operations into rows on the one connection that writes. Synchronous. */
export function createBatchExecutor(connection: Connection, settings: BatchSettings): BatchExecutor {
  const apply = operationApplier(connection, settings.maximumRequests);
  const { room } = settings;
  const begin = connection.prepare("BEGIN IMMEDIATE");
  const end = connection.prepare("COMMIT");

  function attempt(operation: Operation): OperationOutcome {
    try {
      return { kind: "done", answer: apply.apply(operation) };
    } catch (error) {
      if (isStatusError(error)) return refused(error);
      throw error;
    }
  }

  function commit(operations: readonly Operation[]): readonly OperationOutcome[] {
    begin.run();
    try {
      const outcomes = operations.map(attempt);
      room?.requireRoom();
      settings.beforeCommit?.();
      end.run();
      return outcomes;
    } catch (error) {
      if (connection.inTransaction) connection.exec("ROLLBACK");
      apply.reload();
      throw error;
    }
  }

  function run(operations: readonly Operation[]): readonly OperationOutcome[] {
    try {
      return commit(operations);
    } catch (error) {
      if (operations.length === 1 || isStorageFailure(error)) {
        const outcome = refused(asStatusError(error));
        const reserve = sqliteCodeOf(error) === "SQLITE_FULL" ? room : undefined;
        return operations.flatMap((operation) =>
          reserve !== undefined && makesRoom(operation) ? makeRoom(operation, reserve) : [outcome],
        );
      }
      return operations.flatMap((operation) => run([operation]));
    }
  }

  /** Each by itself: the reserve is not for its neighbours. */
  function makeRoom(operation: Operation, reserve: FileRoom): readonly OperationOutcome[] {
    try {
      return reserve.withReserve(() => commit([operation]));
    } catch (error) {
      return [refused(asStatusError(error))];
    }
  }

  return { run };
}

function refused(error: StatusError): OperationOutcome {
  return { kind: "refused", refusal: toRefusal(error) };
}

function operationApplier(connection: Connection, maximumRequests: number) {
  const audit = auditWrites(connection);
  const requests = requestWrites(connection, audit, maximumRequests);
  const objects = objectWrites(connection, audit, requests.nextRevision);
  const archive = archiveWrites(connection, audit);
  const administrative = administrativeWrites(connection, audit);
  const revocations = revocationWrites(connection, audit);
  const rotation = rotationWrites(connection, audit);
  const attestations = attestationWrites(connection, audit);
  const shadows = shadowDecisionsWriter(connection);
  const runs = runWrites(connection);
  const expiry = expiryNoticesWriter(connection);
  const meta = metaTable(connection);

  function apply(operation: Operation): Answers[Operation["kind"]] {
    switch (operation.kind) {
      case "createRequest":
        return requests.create(operation);
      case "updateRequest":
        return requests.update(operation);
      case "removeRequest":
        return requests.remove(operation);
      case "createObject":
        return objects.create(operation);
      case "updateObject":
        return objects.update(operation);
      case "removeObject":
        return objects.remove(operation);
      case "compactChanges":
        return requests.compact(operation);
      case "pruneArchive":
        return archive.prune(operation);
      case "recordDecision":
        return audit.recordDecision(operation.decision);
      case "recordCertificate":
        audit.requireNewCertificate(operation.certificate);
        return audit.recordCertificate(operation.certificate);
      case "importCertificates":
        return audit.recordImported(operation);
      case "appendAudit":
        audit.append(operation.payload);
        return undefined;
      case "recordIssuer":
        return administrative.recordIssuer(operation);
      case "createToken":
        return administrative.createToken(operation);
      case "updateToken":
        return administrative.updateToken(operation);
      case "removeToken":
        return administrative.removeToken(operation);
      case "removeExpiredTokens":
        return administrative.removeExpiredTokens(operation);
      case "recordShadow":
        shadows.insert(operation.decision);
        return undefined;
      case "revoke":
        return revocations.revoke(operation);
      case "readmitNode":
        return revocations.readmit(operation);
      case "registerJobs":
        return runs.register(operation);
      case "claimRun":
        return runs.claim(operation);
      case "beatRun":
        return runs.beat(operation);
      case "finishRun":
        return runs.finish(operation);
      case "rotateIssuer":
        return rotation.rotate(operation);
      case "reportTrust":
        return rotation.reportTrust(operation);
      case "recordExpiryNotices":
        for (const notice of operation.notices) expiry.record(notice);
        return undefined;
      case "settleExpiryNotices":
        expiry.settle(operation.ids);
        return undefined;
      case "pruneExpiryNotices":
        expiry.prune(operation.beforeMilliseconds, operation.targets);
        return undefined;
      case "recordRevocationList":
        audit.append(operation.payload);
        meta.set("crl_number", Math.max(meta.get("crl_number") ?? 0, operation.number));
        return undefined;
      case "useChallenge":
        return attestations.useChallenge(operation.id, operation.expiresMilliseconds);
      case "completeAttestation":
        return attestations.complete(operation);
      case "useCredential":
        return attestations.useCredential(operation);
      case "revokeCredential":
        return attestations.revokeCredential(operation.id, operation.message, operation.atMilliseconds);
      case "enrollMachines":
        return attestations.enroll(operation);
      case "changeMachine":
        return attestations.change(operation);
      case "sweepAttestations":
        return attestations.sweep(operation.beforeMilliseconds);
      case "checkWrite":
        meta.set("checked_ms", operation.atMilliseconds);
        return undefined;
      default:
        operation satisfies never;
        throw new TypeError("unknown ledger operation");
    }
  }

  return {
    apply,
    reload() {
      audit.reload();
      requests.reload();
      revocations.reload();
    },
  };
}
