import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import type { CertificateRecord } from "../domain/certificate.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { ImportedCertificates, ImportReader, ImportRefusalReason } from "../domain/certificate-import.ts";
import type { IssuerRecord } from "../domain/issuer.ts";
import type { Certificates, Issuers } from "../domain/ports.ts";
import { requestedNodeName } from "../domain/requested-node.ts";
import { LEGACY_UNKNOWN_SIGNER } from "../domain/signer-name.ts";

/** Certificates of one commit: some milliseconds of the writer. */
const BATCH = 50;

/** A certificate that was issued before us, or without us. */
export interface ImportItem {
  /** One block. */
  readonly certificatePem: string;
  /** Who signed it, where that is known; otherwise it is told by what the certificate is for. */
  readonly signerName: string | undefined;
}

/** What became of one. */
export type ImportOutcome =
  | { readonly kind: "imported" | "known"; readonly record: CertificateRecord }
  | { readonly kind: "refused"; readonly reason: ImportRefusalReason; readonly message: string };

export interface Importing {
  /**
   * Puts certificates on record that an issuer on record has signed. What cannot be is told and does not keep the others.
   *
   * @param dryRun - everything is looked at, and nothing recorded.
   * @returns what became of each, in the order given.
   */
  import(items: readonly ImportItem[], by: string, dryRun: boolean): Promise<readonly ImportOutcome[]>;
}

export interface ImportingDependencies {
  readonly certificates: Pick<Certificates, "get"> & ImportedCertificates;
  readonly issuers: Pick<Issuers, "list">;
  readonly reader: ImportReader;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createImporting(deps: ImportingDependencies): Importing {
  const { certificates, issuers, clock, logger } = deps;

  async function recordAll(
    found: readonly CertificateRecord[],
    by: string,
  ): Promise<ReadonlyMap<string, ImportOutcome>> {
    const outcomes = new Map<string, ImportOutcome>();
    // The older first, so that each finds the one that it replaces.
    const records = found.toSorted((a, b) => a.notBefore.getTime() - b.notBefore.getTime());
    for (let start = 0; start < records.length; start += BATCH) {
      const batch = records.slice(start, start + BATCH);
      const answers = await certificates.recordImported(batch, by);
      for (const [index, record] of batch.entries()) {
        outcomes.set(record.fingerprint, outcomeOf(answers[index] ?? "known", record));
      }
    }
    return outcomes;
  }

  async function rehearseAll(found: readonly CertificateRecord[]): Promise<ReadonlyMap<string, ImportOutcome>> {
    const outcomes = new Map<string, ImportOutcome>();
    for (const record of found) {
      const known = await certificates.get(record.fingerprint);
      outcomes.set(record.fingerprint, outcomeOf(known === undefined ? "imported" : "known", record));
    }
    return outcomes;
  }

  return {
    async import(items, by, dryRun) {
      const known = await issuers.list();
      const examined: (CertificateRecord | ImportOutcome)[] = [];
      for (const item of items) {
        examined.push(examine(item, known, deps.reader, clock.now()));
        await nextTurn();
      }
      const records = new Map(examined.flatMap((each) => ("kind" in each ? [] : [[each.fingerprint, each] as const])));
      const found = [...records.values()];
      const outcomes = dryRun ? await rehearseAll(found) : await recordAll(found, by);
      const imported = [...outcomes.values()].filter(({ kind }) => kind === "imported").length;
      if (!dryRun && imported > 0) logger.info({ imported, by }, "put certificates on record that were issued before");
      return answersOf(examined, outcomes);
    },
  };
}

/** One that is handed in twice was imported once. */
function answersOf(
  examined: readonly (CertificateRecord | ImportOutcome)[],
  outcomes: ReadonlyMap<string, ImportOutcome>,
): readonly ImportOutcome[] {
  const told = new Set<string>();
  return examined.map((each): ImportOutcome => {
    if ("kind" in each) return each;
    const outcome = outcomes.get(each.fingerprint) ?? { kind: "known", record: each };
    if (!told.has(each.fingerprint) || outcome.kind === "refused") {
      told.add(each.fingerprint);
      return outcome;
    }
    return { kind: "known", record: each };
  });
}

function outcomeOf(answer: "imported" | "known" | "serialTaken", record: CertificateRecord): ImportOutcome {
  if (answer !== "serialTaken") return { kind: answer, record };
  const message = `its issuer gave the serial ${record.serial} to another certificate that is on record`;
  return { kind: "refused", reason: "serialTaken", message };
}

function examine(
  { certificatePem, signerName }: ImportItem,
  issuers: readonly IssuerRecord[],
  reader: ImportReader,
  now: Date,
): CertificateRecord | ImportOutcome {
  const handedIn = reader.read(certificatePem);
  if (handedIn.kind === "refused") return handedIn;
  const { der, facts } = handedIn;
  if (facts.isAuthority) {
    return {
      kind: "refused",
      reason: "authority",
      message: "is the certificate of a CA: issuers come by configuration",
    };
  }
  const issuerId = reader.issuerOf(der, issuers);
  if (issuerId === undefined) {
    const message = "none of the issuers on record has signed it; `gatehouse issuer list` shows them";
    return { kind: "refused", reason: "unknownIssuer", message };
  }
  return recordOf(der, facts, issuerId, signerName ?? signerNameOf(facts), now);
}

/** When it was signed nobody knows: not before it began, or hardly so. */
function recordOf(
  der: Uint8Array,
  facts: CertificateFacts,
  issuerId: string,
  signerName: string,
  now: Date,
): CertificateRecord {
  const { serial, fingerprint, subject, sans, spkiSha256, notBefore, notAfter } = facts;
  return {
    ...{ serial, fingerprint, issuerId, signerName, sans, spkiSha256, notBefore, notAfter, der },
    nodeName: requestedNodeName({ subject }),
    commonName: subject.commonName,
    organizations: subject.organization,
    issuedAt: notBefore,
    importedAt: now,
    state: "issued",
    requestUid: undefined,
    requestName: undefined,
    requester: undefined,
    predecessor: undefined,
  };
}

/** The signer whose certificates look like this one. */
function signerNameOf({ subject, extendedKeyUsages }: CertificateFacts): string {
  const isClient = extendedKeyUsages.includes("clientAuth");
  const isServer = extendedKeyUsages.includes("serverAuth");
  if (requestedNodeName({ subject }) !== undefined && isClient !== isServer) {
    return isClient ? "kubernetes.io/kube-apiserver-client-kubelet" : "kubernetes.io/kubelet-serving";
  }
  return isClient && !isServer ? "kubernetes.io/kube-apiserver-client" : LEGACY_UNKNOWN_SIGNER;
}
