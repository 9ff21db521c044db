import type { KeyObject } from "node:crypto";
import { DerError } from "../../shared/der/der-reader.ts";
import type { CsrDecoding, CsrFacts } from "../domain/csr-facts.ts";
import { type ReadCsr, readCsr, verifyCsr } from "./csr-reader.ts";
import { decodePem } from "./pem.ts";
import { importPublicKey, type KeyAcceptance } from "./public-key.ts";
import { start, step } from "./steps.ts";

const LABEL = "CERTIFICATE REQUEST";

/** A CSR whose self-signature verified, with its imported key, so that nobody needs to import it again. */
export interface DecodedCsr {
  readonly facts: CsrFacts;
  readonly key: KeyObject;
}

/**
 * Decodes values of `spec.request` and checks their self-signatures. Unusual forms that Go's parser refuses too, such
 * as BER, are refused, not repaired.
 *
 * @param requests - base64 of PEM, as JSON carries it.
 * @param onDecoded - is given each CSR that verified.
 * @param acceptance - nothing but what is always accepted without it.
 * @returns one answer for each request, in their order.
 * Source: kubernetes pkg/apis/certificates/helpers.go (ParseCSR).
 */
export function decodeRequests(
  requests: readonly string[],
  onDecoded?: (csr: DecodedCsr) => void,
  acceptance?: KeyAcceptance,
): readonly CsrDecoding[] {
  const read = step(start(requests), (request) => readRequest(request, acceptance));
  const imported = step(read, (csr) => ({ csr, key: importPublicKey(csr.facts.spkiDer) }));
  const verified = step(imported, ({ csr, key }) => {
    verifyCsr(csr, key);
    onDecoded?.({ facts: csr.facts, key });
    return csr.facts;
  });
  return verified.map((attempt): CsrDecoding => {
    if ("value" in attempt) return { kind: "facts", facts: attempt.value };
    if (attempt.error instanceof DerError) return { kind: "invalid", message: attempt.error.message };
    throw attempt.error;
  });
}

/** @throws {DerError} when there is no CSR in the right form. */
function readRequest(requestBase64: string, acceptance: KeyAcceptance | undefined): ReadCsr {
  const [block] = decodePem(Buffer.from(requestBase64, "base64").toString("latin1"));
  if (block === undefined) throw new DerError("holds no PEM block");
  if (block.label !== LABEL) throw new DerError(`PEM block must be labelled ${LABEL}`);
  return readCsr(block.der, acceptance);
}
