import { StatusError } from "../shared/status-error.ts";
import type { Custody } from "./custody/custody.ts";
import { CustodyError } from "./custody/custody-error.ts";
import type { EncryptionAtRest } from "./domain/encryption.ts";

const RETRY_AFTER_SECONDS = 5;

/** Encryption at rest for administrators: what custody says of a failure is theirs to read. */
export function encryptionAtRest(custody: Pick<Custody, "reencrypt">): EncryptionAtRest {
  return {
    reencrypt: () =>
      custody.reencrypt().catch((cause: unknown) => {
        throw cause instanceof CustodyError ? statusOf(cause) : cause;
      }),
  };
}

function statusOf(cause: CustodyError): StatusError {
  const message = `cannot encrypt private keys anew: ${cause.message}`;
  if (cause.code !== "KeyServiceUnavailable") return new StatusError("InternalError", message, { cause });
  const details = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new StatusError("ServiceUnavailable", message, { cause, details });
}
