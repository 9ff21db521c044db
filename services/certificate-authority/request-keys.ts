import { judgeRequestKey } from "./attestation/tpm2/request-key.ts";
import type { RequestKeys } from "./domain/attestation.ts";
import { decodePem } from "./signer/pem.ts";

/** Reads what stands beside certificate requests, in the same way as the requests themselves are read. */
export const requestKeys: RequestKeys = {
  evidenceOf(requestBase64, about) {
    const [, ...others] = decodePem(Buffer.from(requestBase64, "base64").toString("latin1"));
    return judgeRequestKey(others, about);
  },
};
