import { LRUCache } from "lru-cache";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { ConfiguredSigners } from "../domain/configured-signer.ts";
import type { CsrDecoding, CsrFacts } from "../domain/csr-facts.ts";
import { recordedFacts } from "../domain/pod-certificate.ts";
import type { CsrDecoder } from "../domain/ports.ts";
import type { IssuanceObserver } from "./contract.ts";
import { observed } from "./phases.ts";

/** Facts are about a kilobyte each. */
const MAX_KEPT = 10_000;

/** Decodes requests and keeps what they say from creation to signature, so that no request is decoded twice. */
export interface FactsCache {
  /** Decodes what a client sent; nothing is kept until the object has a uid. */
  decode(requestBase64: string): Promise<CsrDecoding>;
  keep(uid: string, facts: CsrFacts): void;
  /** At once when they are kept. @throws when a stored request does not decode: to be tried again. */
  of(csr: CertificateSigningRequest): CsrFacts | Promise<CsrFacts>;
  forget(uid: string): void;
}

export function createFactsCache(
  decoder: CsrDecoder,
  configured: ConfiguredSigners,
  observe: IssuanceObserver,
): FactsCache {
  const kept = new LRUCache<string, CsrFacts>({ max: MAX_KEPT });
  const decode = (requestBase64: string) => observed(observe, "decode", () => decoder.decode(requestBase64));

  async function decodeStored({ metadata, spec }: CertificateSigningRequest): Promise<CsrFacts> {
    const decoding = await decode(spec.request);
    if (decoding.kind === "invalid") {
      throw new Error(`the stored request ${JSON.stringify(metadata.name)} does not decode: ${decoding.message}`);
    }
    const facts = recordedFacts(metadata.name, spec, decoding.facts, configured);
    kept.set(metadata.uid, facts);
    return facts;
  }

  return {
    decode,
    keep: (uid, facts) => {
      kept.set(uid, facts);
    },
    of: (csr) => kept.get(csr.metadata.uid) ?? decodeStored(csr),
    forget: (uid) => {
      kept.delete(uid);
    },
  };
}
