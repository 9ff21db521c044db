import type { AttestationRefusalRecord, Attestations, SweptBefore } from "../domain/attestation.ts";
import type { CertificateRecord } from "../domain/certificate.ts";
import { auditPayload } from "./audit-chain.ts";
import { OURSELVES } from "./audited-writes.ts";
import { RECORD_BYTES, type StoredRecordsDependencies } from "./stored-records.ts";
import {
  attestationReader,
  type SweptMilliseconds,
  toBinding,
  toCredential,
  toMachine,
} from "./tables/attestation-table.ts";
import { toCertificateRow } from "./tables/certificate-row.ts";

/** Bindings of one machine that are shown; each is a node it once was. */
const MAXIMUM_BINDINGS = 100;

export interface StoredAttestationsDependencies extends StoredRecordsDependencies {
  /** Told of join tokens that were used up. */
  readonly tokens: { readonly forget: (id: string) => void };
  /** Told of certificates that were committed. */
  readonly recorded: (certificate: CertificateRecord) => void;
}

/** The machines of the ledger. */
export function storedAttestations({
  reader,
  writer,
  clock,
  tokens,
  recorded,
}: StoredAttestationsDependencies): Attestations {
  const table = attestationReader(reader);
  const now = (): number => clock.now().getTime();
  // Every join asks for the binding of its name; where nobody ever attested, the file is not asked.
  let hasBindings = table.hasBindings();
  return {
    async useChallenge(id, expiresAt) {
      const operation = { kind: "useChallenge", id, expiresMilliseconds: expiresAt.getTime() } as const;
      return writer.submit(operation, RECORD_BYTES, (isFirst) => isFirst);
    },
    async complete(attestation, grant) {
      const { certificate: record, ...rest } = grant;
      const certificate = record && toCertificateRow(record);
      const atMilliseconds = now();
      const operation = { kind: "completeAttestation", attestation, grant: rest, certificate, atMilliseconds } as const;
      const answer = await writer.submit(operation, RECORD_BYTES, (done) => {
        // What was objected to used nothing up.
        if ("objection" in done) return done;
        hasBindings = true;
        if (record !== undefined) recorded(record);
        if (attestation.consumesToken !== undefined) tokens.forget(attestation.consumesToken);
        return done;
      });
      return "objection" in answer ? answer : { binding: toBinding(answer.binding) };
    },
    async useCredential(id, requestUid) {
      const operation = { kind: "useCredential", id, requestUid, atMilliseconds: now() } as const;
      return writer.submit(operation, RECORD_BYTES, (use) => use);
    },
    async revokeCredential(id, message) {
      const operation = { kind: "revokeCredential", id, message, atMilliseconds: now() } as const;
      return writer.submit(operation, RECORD_BYTES, (wasRevoked) => wasRevoked);
    },
    credential(id) {
      const row = table.credential(id);
      return row && toCredential(row);
    },
    bindingOf(nodeName) {
      const row = hasBindings ? table.bindingOfName(nodeName) : undefined;
      return row && toBinding(row);
    },
    wasBound: (nodeName) => (table.lastOfName(nodeName)?.state ?? "active") !== "active",
    enrolledAs(nodeName) {
      const row = table.enrolledAs(nodeName);
      return row && toMachine(row);
    },
    machine(attestor, machineId) {
      const row = table.machine(attestor, machineId);
      return row && toMachine(row);
    },
    machines: (after, limit) =>
      table.machinesAfter(after?.attestor ?? "", after?.machineId ?? "", limit).map(toMachine),
    bindingsOf: (attestor, machineId) => table.bindingsOf(attestor, machineId, MAXIMUM_BINDINGS).map(toBinding),
    async enroll(machines, actor) {
      const operation = { kind: "enrollMachines", machines, actor, atMilliseconds: now() } as const;
      await writer.submit(operation, machines.length * RECORD_BYTES, () => undefined);
    },
    async change({ attestor, machineId }, change, message, actor) {
      const machine = { attestor, machineId };
      const operation = { kind: "changeMachine", ...machine, change, message, actor, atMilliseconds: now() } as const;
      const row = await writer.submit(operation, RECORD_BYTES, (changed) => changed);
      return row && toMachine(row);
    },
    async recordRefusal(refusal: AttestationRefusalRecord) {
      const { attestor, profile, nodeName, address, code, message, withheld } = refusal;
      const details = { attestor, profile, address, code, message, ...(withheld > 0 && { withheld }) };
      const entry = { at: clock.now(), actor: OURSELVES, kind: "attestation.refused", subject: nodeName, details };
      await writer.submit({ kind: "appendAudit", payload: auditPayload(entry) }, RECORD_BYTES, () => undefined);
    },
    countOver: (before) => table.countOver(inMilliseconds(before)),
    async sweep(before) {
      const operation = { kind: "sweepAttestations", beforeMilliseconds: inMilliseconds(before) } as const;
      return writer.submit(operation, RECORD_BYTES, (count) => count);
    },
  };
}

function inMilliseconds({ challenges, credentials }: SweptBefore): SweptMilliseconds {
  return { challenges: challenges.getTime(), credentials: credentials.getTime() };
}
