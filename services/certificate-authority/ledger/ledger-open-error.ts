/** Why a ledger was not opened; programs compare the code, people read the message. */
export type LedgerOpenProblem =
  | "locked"
  | "notALedger"
  | "unreadable"
  | "durabilityRefused"
  | "migrationMissing"
  | "migrationUnknown"
  | "migrationChanged";

/** Thrown while opening only. The message names the file and says what to do about it. */
export class LedgerOpenError extends Error {
  override readonly name = "LedgerOpenError";
  readonly code: LedgerOpenProblem;

  constructor(code: LedgerOpenProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
