import type { CertificateJudge } from "../../domain/certificate-judge.ts";

/** A module whose export `createCertificateJudge` makes a judge; it is loaded in the thread that verifies. */
export type JudgeModule = URL;

/** @param module - as text, since URLs do not cross threads. */
export async function loadJudge(module: string | undefined): Promise<CertificateJudge | undefined> {
  if (module === undefined) return undefined;
  const loaded = (await import(module)) as { readonly createCertificateJudge: () => CertificateJudge };
  return loaded.createCertificateJudge();
}
