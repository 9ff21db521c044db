import type { CertificateRecord } from "../../domain/certificate.ts";

/** What is wrong with a certificate on record, in words that follow its name. */
export type CertificateJudge = (record: CertificateRecord, issuerDer: Uint8Array | undefined) => readonly string[];

/** A module whose export `judgeStoredCertificate` is a judge; it is loaded in the thread that verifies. */
export type JudgeModule = URL;

/** @param module - as text, since URLs do not cross threads. */
export async function loadJudge(module: string | undefined): Promise<CertificateJudge | undefined> {
  if (module === undefined) return undefined;
  const loaded = (await import(module)) as { readonly judgeStoredCertificate: CertificateJudge };
  return loaded.judgeStoredCertificate;
}
