import { type AttestationRecord, objectionTo, type VerifiedAttestation } from "../domain/attestation.ts";
import { auditPayload } from "./audit-chain.ts";
import { type AuditWrites, OURSELVES } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import type { Answers, ChangeMachine, CompleteAttestation, EnrollMachines, UseCredential } from "./operations.ts";
import {
  attestationReader,
  attestationWriter,
  type BindingRow,
  bindingContent,
  type MachineRow,
  machineContent,
  type SweptMilliseconds,
  toBinding,
  toCredential,
  toMachine,
} from "./tables/attestation-table.ts";
import { bootstrapTokensWriter } from "./tables/bootstrap-tokens-table.ts";

interface Author {
  readonly actor: string;
  readonly atMilliseconds: number;
}

const NO_NAMES = { dnsNames: "[]", ipAddresses: "[]" };

/** Machines, their bindings and credentials, each change with its audit entry, inside the caller's transaction. */
export function attestationWrites(connection: Connection, audit: AuditWrites) {
  const stored = attestationReader(connection);
  const writer = attestationWriter(connection);
  const tokens = bootstrapTokensWriter(connection);

  function record(kind: string, subject: string, details: object, { actor, atMilliseconds }: Author): number {
    const at = new Date(atMilliseconds);
    return audit.append(auditPayload({ at, actor, kind, subject, details: { ...details } }));
  }

  function putMachine(row: MachineRow, kind: string, author: Author, more: object = {}): void {
    const { attestor, machineId, nodeName, state } = row;
    const details = { ...more, attestor, content: machineContent(row), nodeName, state };
    writer.putMachine(row, record(kind, machineId, details, author));
  }

  /** Ends a binding and what it gave out. */
  function endBinding(row: BindingRow, state: "replaced" | "released", author: Author): void {
    const ended = { ...row, state };
    const { id, nodeName, attestor, machineId } = ended;
    const details = { attestor, machineId, content: bindingContent(ended), nodeName };
    writer.updateBinding(ended, record(`binding.${state}`, id, details, author));
    writer.revokeOfBinding(id);
  }

  function recordOf({ attestor, machineId, nodeName }: VerifiedAttestation): AttestationRecord {
    const machine = stored.machine(attestor, machineId);
    const enrolledAs = stored.enrolledAs(nodeName);
    const ofMachine = stored.bindingOfMachine(attestor, machineId);
    const ofName = stored.bindingOfName(nodeName);
    return {
      machine: machine && toMachine(machine),
      enrolledAs: enrolledAs && toMachine(enrolledAs),
      ofMachine: ofMachine && toBinding(ofMachine),
      ofName: ofName && toBinding(ofName),
    };
  }

  function bind(given: VerifiedAttestation, bindingId: string, author: Author): BindingRow {
    const { attestor, machineId, nodeName, profile, evidenceSha256 } = given;
    const { atMilliseconds } = author;
    const former = stored.bindingOfName(nodeName);
    const isSame = former?.attestor === attestor && former.machineId === machineId;
    if (former !== undefined && !isSame) endBinding(former, "replaced", author);
    const row: BindingRow = {
      ...{ nodeName, attestor, machineId, profile, evidenceSha256 },
      id: isSame ? former.id : bindingId,
      fields: JSON.stringify(given.fields),
      dnsNames: JSON.stringify(given.names.dnsNames),
      ipAddresses: JSON.stringify(given.names.ipAddresses),
      state: "active",
      createdMilliseconds: isSame ? former.createdMilliseconds : atMilliseconds,
      attestedMilliseconds: atMilliseconds,
    };
    const details = { attestor, machineId, profile, evidenceSha256, content: bindingContent(row), nodeName };
    const sequence = record("binding.attested", row.id, details, author);
    // A machine that attests again has lost what it got before, or never used it.
    if (isSame) writer.revokeOfBinding(row.id);
    if (isSame) writer.updateBinding(row, sequence);
    else writer.insertBinding(row, sequence);
    return row;
  }

  function attested(given: VerifiedAttestation, author: Author): void {
    const { attestor, machineId, pins, launchedAt } = given;
    const { atMilliseconds } = author;
    const known = stored.machine(attestor, machineId);
    const formerPins = known === undefined ? {} : (JSON.parse(known.pins) as Record<string, string>);
    const row: MachineRow = {
      ...(known ?? {
        state: "active",
        isEnrolled: 0,
        nodeName: null,
        ...NO_NAMES,
        createdMilliseconds: atMilliseconds,
      }),
      ...{ attestor, machineId },
      pins: JSON.stringify({ ...formerPins, ...pins }),
      attestedMilliseconds: atMilliseconds,
      launchedMilliseconds: launchedAt?.getTime() ?? known?.launchedMilliseconds ?? null,
    };
    putMachine(row, "machine.attested", author);
  }

  return {
    useChallenge: (id: string, expiresMilliseconds: number): boolean => writer.useChallenge(id, expiresMilliseconds),

    complete(operation: CompleteAttestation): Answers["completeAttestation"] {
      const { attestation, grant, certificate, atMilliseconds } = operation;
      const objection = objectionTo(attestation, recordOf(attestation));
      if (objection !== undefined) return { objection };
      const author = { actor: OURSELVES, atMilliseconds };
      const { consumesToken } = attestation;
      // What is refused by an error is not rolled back: it comes before the first write.
      if (certificate !== undefined) audit.requireNewCertificate(certificate);
      if (consumesToken !== undefined) {
        if (!tokens.remove(consumesToken))
          return { objection: { code: "denied", message: `the join token ${consumesToken} was used already` } };
        record("token.used", consumesToken, { nodeName: attestation.nodeName }, author);
      }
      if (certificate !== undefined) audit.recordCertificate(certificate);
      attested(attestation, author);
      const row = bind(attestation, grant.bindingId, author);
      const { id, kind, spkiSha256, expiresAt } = grant.credential;
      const { nodeName } = attestation;
      writer.insertCredential({
        ...{ id, bindingId: row.id, nodeName, kind, spkiSha256, state: "issued", requestUid: null },
        expiresMilliseconds: expiresAt.getTime(),
      });
      return { binding: row };
    },

    useCredential({ id, requestUid, atMilliseconds }: UseCredential): Answers["useCredential"] {
      const wasUnused = writer.useCredential(id, requestUid, atMilliseconds);
      const row = stored.credential(id);
      const credential = row && toCredential(row);
      if (credential === undefined) return refused(undefined, "no such credential is on record");
      if (wasUnused) {
        const details = { requestUid, nodeName: credential.nodeName, bindingId: credential.bindingId };
        record("credential.used", id, details, { actor: OURSELVES, atMilliseconds });
      }
      if (credential.state === "used" && credential.requestUid === requestUid) return { kind: "used", credential };
      if (credential.state === "used") return refused(credential, "the credential was used for another request");
      return refused(
        credential,
        credential.state === "revoked" ? "the credential is revoked" : "the credential has expired",
      );
    },

    revokeCredential(id: string, message: string, atMilliseconds: number): boolean {
      if (!writer.revokeCredential(id)) return false;
      record("credential.revoked", id, { message }, { actor: OURSELVES, atMilliseconds });
      return true;
    },

    enroll({ machines, actor, atMilliseconds }: EnrollMachines): undefined {
      for (const { attestor, machineId, nodeName, names } of machines) {
        const known = stored.machine(attestor, machineId);
        const row: MachineRow = {
          ...(known ?? {
            ...{ state: "active", pins: "{}", attestedMilliseconds: null, launchedMilliseconds: null },
            createdMilliseconds: atMilliseconds,
          }),
          ...{ attestor, machineId, isEnrolled: 1, nodeName: nodeName ?? null },
          dnsNames: JSON.stringify(names.dnsNames),
          ipAddresses: JSON.stringify(names.ipAddresses),
        };
        putMachine(row, "machine.enrolled", { actor, atMilliseconds });
      }
    },

    change({ attestor, machineId, change, message, actor, atMilliseconds }: ChangeMachine): Answers["changeMachine"] {
      const known = stored.machine(attestor, machineId);
      if (known === undefined) return undefined;
      const author = { actor, atMilliseconds };
      const bound = stored.bindingOfMachine(attestor, machineId);
      if (bound !== undefined) endBinding(bound, "released", author);
      const row: MachineRow =
        change === "ban"
          ? { ...known, state: "banned" }
          : { ...known, state: "active", pins: "{}", attestedMilliseconds: null, launchedMilliseconds: null };
      putMachine(row, change === "ban" ? "machine.banned" : "machine.released", author, { message });
      return row;
    },

    sweep: (before: SweptMilliseconds): number => writer.sweep(before),
  };
}

function refused(credential: ReturnType<typeof toCredential> | undefined, message: string): Answers["useCredential"] {
  return { kind: "refused", credential, message };
}
