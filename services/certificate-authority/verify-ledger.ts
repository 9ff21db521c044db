import { extname } from "node:path";
import type { LedgerVerification, VerificationProgress } from "./domain/ports.ts";
import { verifyLedgerFile as verifyFile } from "./ledger/verify-ledger-file.ts";

/** The module that looks into the encodings of certificates on record, for the thread that verifies a ledger. */
export const CERTIFICATE_JUDGE = new URL(
  `./signer/judge-stored-certificate${extname(import.meta.filename)}`,
  import.meta.url,
);

/** As `ledger/verify-ledger-file.ts`, the encodings of its certificates included. */
export function verifyLedgerFile(
  path: string,
  onProgress?: (progress: VerificationProgress) => void,
): Promise<LedgerVerification> {
  return verifyFile(path, CERTIFICATE_JUDGE, onProgress);
}
