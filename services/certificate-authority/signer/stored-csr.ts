import { DerError } from "../../shared/der/der-reader.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import { readCsr } from "./csr-reader.ts";
import { decodePem } from "./pem.ts";

/**
 * What a CSR says whose signature was checked when it was stored, and is not checked again.
 *
 * @param requestBase64 - base64 of PEM, as JSON carries it.
 * @returns undefined when it cannot be read, as an older version may have taken what this one does not.
 */
export function readFacts(requestBase64: string): CsrFacts | undefined {
  const [block] = decodePem(Buffer.from(requestBase64, "base64").toString("latin1"));
  if (block === undefined) return undefined;
  try {
    return readCsr(block.der, { acceptsMlDsa: true }).facts;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}
