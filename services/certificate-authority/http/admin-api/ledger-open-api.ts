import { consistencyQuery, ledgerCheckpoint, ledgerConsistency, ledgerProof, proofQuery } from "./ledger-proofs.ts";
import { answer, type Json, operation, queryParameters } from "./open-api-parts.ts";

export const PROOF_SCHEMAS = {
  LedgerCheckpoint: ledgerCheckpoint,
  LedgerProof: ledgerProof,
  LedgerConsistency: ledgerConsistency,
} as const;

/** What the OpenAPI document says of proofs. */
export function proofPaths(): Json {
  return {
    "/v1/ledger/checkpoint": {
      get: operation(
        "readLedgerCheckpoint",
        "The state of the Merkle tree (RFC 6962) over the hash chain, signed; the signed text alone as text/plain.",
        answer("LedgerCheckpoint"),
      ),
    },
    "/v1/ledger/proof": {
      get: {
        ...operation("proveLedgerEntry", "Proves that an entry is in the ledger.", answer("LedgerProof")),
        parameters: queryParameters(proofQuery),
      },
    },
    "/v1/ledger/consistency": {
      get: {
        ...operation(
          "proveLedgerConsistency",
          "Proves that since an older checkpoint the ledger was only added to.",
          answer("LedgerConsistency"),
        ),
        parameters: queryParameters(consistencyQuery),
      },
    },
  };
}
