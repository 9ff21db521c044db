import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import type { CertificateRecord, CertificateSummary } from "../../domain/certificate.ts";
import { risksOf } from "../../domain/certificate-risks.ts";
import type { CertificateDetails } from "../../domain/inventory.ts";
import type { Certificates, Issuers } from "../../domain/ports.ts";
import type { CertificateResource } from "./resources.ts";

/** Generations that are shown. */
const SHOWN_PREDECESSORS = 20;
/** Others with the same key, and of the same node and signer, that are looked at. */
const LOOKED_AT = 200;

export interface ExaminationDependencies {
  readonly certificates: Pick<Certificates, "find" | "get">;
  readonly issuers: Pick<Issuers, "list">;
  /** Undefined for what cannot be read. */
  readonly readDetails: (der: Uint8Array) => CertificateDetails | undefined;
}

export type Examination = Pick<CertificateResource, "details" | "risks" | "lineage">;

/** What is known of one certificate beyond its row: what its encoding says, what is risky about it, its kin. */
export async function examineCertificate(
  record: CertificateRecord,
  stateOf: (record: CertificateSummary) => CertificateResource["state"],
  now: Date,
  deps: ExaminationDependencies,
): Promise<Examination> {
  const details = deps.readDetails(record.der);
  const issuers = await deps.issuers.list();
  const [predecessors, successors] = [await predecessorsOf(record, deps), await successorsOf(record, deps)];
  const risks = risksOf(
    {
      summary: record,
      details,
      issuer: issuers.find(({ id }) => id === record.issuerId),
      otherHolders: await otherHoldersOf(record, deps),
      isReplaced: successors.length > 0,
    },
    now,
  );
  const describeKin = (kin: CertificateSummary) => ({
    fingerprint: kin.fingerprint,
    serial: kin.serial,
    state: stateOf(kin),
    notBefore: toKubernetesTime(kin.notBefore),
    notAfter: toKubernetesTime(kin.notAfter),
    ...(kin.keyReused !== undefined && { keyReused: kin.keyReused }),
  });
  return {
    ...(details && { details: describeDetails(details) }),
    risks: [...risks],
    lineage: { predecessors: predecessors.map(describeKin), successors: successors.map(describeKin) },
  };
}

function describeDetails({ keyAlgorithm, signatureAlgorithm, extendedKeyUsages, isAuthority }: CertificateDetails) {
  return { keyAlgorithm, signatureAlgorithm, extendedKeyUsages: [...extendedKeyUsages], isAuthority };
}

async function predecessorsOf(record: CertificateRecord, { certificates }: ExaminationDependencies) {
  const found: CertificateSummary[] = [];
  let fingerprint = record.predecessor;
  while (fingerprint !== undefined && found.length < SHOWN_PREDECESSORS) {
    const former = await certificates.get(fingerprint);
    if (former === undefined) break;
    found.push(former);
    fingerprint = former.predecessor;
  }
  return found;
}

/** Only certificates of nodes replace each other. */
async function successorsOf({ fingerprint, nodeName, signerName }: CertificateRecord, deps: ExaminationDependencies) {
  if (nodeName === undefined) return [];
  const { items } = await deps.certificates.find({ nodeName, signerName, limit: LOOKED_AT });
  return items.filter(({ predecessor }) => predecessor === fingerprint);
}

/** Who else has the key, by common name; the certificates of one holder are many in the course of time. */
async function otherHoldersOf({ spkiSha256, commonName }: CertificateRecord, deps: ExaminationDependencies) {
  const { items } = await deps.certificates.find({ spkiSha256, limit: LOOKED_AT });
  const names = new Set(items.map((other) => other.commonName));
  names.delete(commonName);
  return [...names].toSorted();
}
