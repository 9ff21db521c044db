import { TAG } from "../../shared/der/der-reader.ts";
import type { OcspAnswer, OcspFailure, OcspStatus } from "../domain/ocsp.ts";
import { REASON_CODES } from "../domain/revocation.ts";
import { writeExtension, writeGeneralizedTime, writeObjectIdentifier } from "./der-values-writer.ts";
import { type DerWriter, encodeWith } from "./der-writer.ts";
import { OID } from "./object-identifiers.ts";

const FAILURE_CODES = {
  malformedRequest: 1,
  internalError: 2,
  tryLater: 3,
  unauthorized: 6,
} as const satisfies Record<OcspFailure, number>;

const GOOD = Buffer.from("8000", "hex");
const UNKNOWN = Buffer.from("8200", "hex");

/** An answer without an answer: it needs no signature. Source: RFC 6960 section 4.2.1. */
export function ocspFailure(failure: OcspFailure): Buffer {
  return encodeWith((writer) => {
    writeEnumerated(writer, FAILURE_CODES[failure]);
    writer.wrap(TAG.sequence, 0);
  });
}

/**
 * ResponseData of a responder that is named by its key.
 *
 * @param keyHash - SHA-1 of the responder's public key, without its algorithm.
 * Source: RFC 6960 section 4.2.1.
 */
export function ocspToBeSigned(keyHash: Buffer, { certificates, nonce, thisUpdate, nextUpdate }: OcspAnswer): Buffer {
  return encodeWith((writer) => {
    if (nonce !== undefined) {
      const extensionsEnd = writer.size;
      writeExtension(writer, OID.ocspNonce, false, () => writer.bytes(nonce));
      writer.wrap(TAG.sequence, extensionsEnd);
      writer.wrap(0xa1, extensionsEnd);
    }
    const listEnd = writer.size;
    for (const { encoded, status } of certificates.toReversed()) {
      const end = writer.size;
      writeGeneralizedTime(writer, nextUpdate);
      writer.wrap(0xa0, end);
      writeGeneralizedTime(writer, thisUpdate);
      writeStatus(writer, status);
      writer.bytes(encoded);
      writer.wrap(TAG.sequence, end);
    }
    writer.wrap(TAG.sequence, listEnd);
    writeGeneralizedTime(writer, thisUpdate);
    const responderEnd = writer.size;
    writer.bytes(keyHash);
    writer.wrap(TAG.octetString, responderEnd);
    writer.wrap(0xa2, responderEnd);
    writer.wrap(TAG.sequence, 0);
  });
}

function writeStatus(writer: DerWriter, status: OcspStatus): void {
  switch (status.kind) {
    case "good":
      writer.bytes(GOOD);
      return;
    case "unknown":
      writer.bytes(UNKNOWN);
      return;
    case "revoked": {
      const end = writer.size;
      const code = REASON_CODES[status.reason];
      // As in CRLs, unspecified is said by leaving the reason out.
      if (code !== 0) {
        writeEnumerated(writer, code);
        writer.wrap(0xa0, end);
      }
      writeGeneralizedTime(writer, status.at);
      writer.wrap(0xa1, end);
      return;
    }
    default:
      status satisfies never;
  }
}

/** @param signatureAlgorithmDer - of the responder's key. */
export function ocspResponse(
  toBeSigned: Buffer,
  signatureAlgorithmDer: Buffer,
  signature: Uint8Array,
  responderDer: Uint8Array,
): Buffer {
  return encodeWith((writer) => {
    writer.bytes(responderDer);
    writer.wrap(TAG.sequence, 0);
    writer.wrap(0xa0, 0);
    const signatureEnd = writer.size;
    writer.bytes(signature);
    writer.octet(0);
    writer.wrap(TAG.bitString, signatureEnd);
    writer.bytes(signatureAlgorithmDer);
    writer.bytes(toBeSigned);
    writer.wrap(TAG.sequence, 0);
    writer.wrap(TAG.octetString, 0);
    writeObjectIdentifier(writer, OID.ocspBasic);
    writer.wrap(TAG.sequence, 0);
    writer.wrap(0xa0, 0);
    writeEnumerated(writer, 0);
    writer.wrap(TAG.sequence, 0);
  });
}

function writeEnumerated(writer: DerWriter, value: number): void {
  const end = writer.size;
  writer.octet(value);
  writer.wrap(TAG.enumerated, end);
}
