import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { CertificateSummary } from "../domain/certificate.ts";
import type { Certificates } from "../domain/ports.ts";
import type { RevocationEntry, RevocationReason, Revocations, RevocationTarget } from "../domain/revocation.ts";

/** What is to be taken back, as people name it. Hexadecimal in lower case, as the ledger has it. */
export type RevocationSelector =
  /** Of several issuers that used the serial, the one of that id. */
  | { readonly kind: "certificate"; readonly id: string; readonly issuerId?: string | undefined }
  | { readonly kind: "key"; readonly spkiSha256: string }
  | { readonly kind: "node"; readonly nodeName: string; readonly quarantine: boolean };

export interface RevocationOrder {
  readonly selector: RevocationSelector;
  readonly reason: RevocationReason;
  readonly message: string;
  readonly by: string;
  /** Nothing is done but to tell what would be hit. */
  readonly dryRun: boolean;
}

export interface RevocationOutcome {
  /** What was revoked by this, or would be. */
  readonly certificates: readonly CertificateSummary[];
  /** Whether the node came into quarantine by this, or would. */
  readonly quarantined: boolean;
}

/** Takes certificates back. */
export interface Revoking {
  /**
   * All of it or nothing, in one durable commit; what is revoked already is left as it is.
   *
   * @throws {StatusError} NotFound when a certificate that was named is not on record; Conflict when issuers share its
   *   serial and none was named.
   */
  revoke(order: RevocationOrder): Promise<RevocationOutcome>;
  /** @returns false when the node is in no quarantine. */
  readmit(nodeName: string, message: string, by: string, dryRun: boolean): Promise<boolean>;
}

export interface RevokingDependencies {
  readonly revocations: Pick<Revocations, "affected" | "revoke" | "readmit" | "isQuarantined">;
  readonly certificates: Pick<Certificates, "get" | "withSerial">;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createRevoking({ revocations, certificates, clock, logger }: RevokingDependencies): Revoking {
  async function targetOf(selector: RevocationSelector): Promise<RevocationTarget> {
    if (selector.kind !== "certificate") return selector;
    const { fingerprint } = await certificateOf(selector.id, selector.issuerId);
    return { kind: "certificates", fingerprints: [fingerprint] };
  }

  async function certificateOf(id: string, issuerId: string | undefined): Promise<CertificateSummary> {
    const byFingerprint = await certificates.get(id);
    if (byFingerprint?.fingerprint === id) return byFingerprint;
    const all = await certificates.withSerial(id);
    const matching = issuerId === undefined ? all : all.filter((each) => each.issuerId === issuerId);
    const [found, ...others] = matching;
    if (found === undefined) {
      const ofIssuer = issuerId === undefined ? "" : ` of issuer ${issuerId}`;
      const message = `no certificate with serial or fingerprint ${id}${ofIssuer} is on record`;
      throw new StatusError("NotFound", message, { details: { kind: "certificates", name: id } });
    }
    if (others.length === 0) return found;
    const issuers = matching.map((each) => each.issuerId).join(", ");
    throw new StatusError("Conflict", `several issuers used serial ${id}: ${issuers}; name one, or the fingerprint`);
  }

  return {
    async revoke({ selector, reason, message, by, dryRun }) {
      const target = await targetOf(selector);
      const affected = await revocations.affected(target, clock.now());
      if (dryRun) return { certificates: affected, quarantined: isNewQuarantine(revocations, target) };
      const entries = await revocations.revoke({ target, reason, message, by });
      const revoked = new Set(entries.map(({ fingerprint }) => fingerprint));
      // Between the look and the commit others may have come, which the next look finds.
      const missing = entries.filter(({ fingerprint }) => isMissing(affected, fingerprint));
      const late = await Promise.all(missing.map(({ fingerprint = "" }) => certificates.get(fingerprint)));
      report(logger, entries, { reason, by });
      return {
        certificates: [...affected.filter((each) => revoked.has(each.fingerprint)), ...late.filter(isThere)].map(
          (each) => ({ ...each, state: "revoked" }),
        ),
        quarantined: entries.some(({ type }) => type === "quarantined"),
      };
    },

    async readmit(nodeName, message, by, dryRun) {
      if (dryRun) return revocations.isQuarantined(nodeName);
      const entry = await revocations.readmit(nodeName, message, by);
      if (entry !== undefined) logger.warn({ node: nodeName, by }, "readmitted a node");
      return entry !== undefined;
    },
  };
}

function isNewQuarantine({ isQuarantined }: RevokingDependencies["revocations"], target: RevocationTarget): boolean {
  return target.kind === "node" && target.quarantine && !isQuarantined(target.nodeName);
}

function isMissing(known: readonly CertificateSummary[], fingerprint: string | undefined): boolean {
  return fingerprint !== undefined && !known.some((each) => each.fingerprint === fingerprint);
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function report(
  logger: Logger,
  entries: readonly RevocationEntry[],
  why: { readonly reason: RevocationReason; readonly by: string },
): void {
  for (const { type, serial, fingerprint, nodeName, spkiSha256 } of entries) {
    if (type === "quarantined") logger.warn({ node: nodeName, ...why }, "quarantined a node");
    else if (fingerprint === undefined) logger.warn({ spkiSha256, ...why }, "revoked a key");
    else logger.warn({ serial, fingerprint, node: nodeName, ...why }, "revoked a certificate");
  }
}
