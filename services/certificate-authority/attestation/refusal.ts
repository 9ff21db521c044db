import type { AttestationErrorCode } from "../../shared/attestation/wire.ts";

/** Why a machine got nothing. Callers hear the code; the message is for the audit log and may name what was found. */
export class AttestationRefusal extends Error {
  override readonly name = "AttestationRefusal";
  readonly code: AttestationErrorCode;

  constructor(code: AttestationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The evidence does not show what it has to. */
export function denied(message: string, cause?: unknown): AttestationRefusal {
  return new AttestationRefusal("denied", message, cause === undefined ? undefined : { cause });
}
