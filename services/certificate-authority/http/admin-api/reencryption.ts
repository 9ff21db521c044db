import { z } from "zod";
import type { EncryptionAtRest } from "../../domain/encryption.ts";
import { type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, type ReencryptionResource } from "./resources.ts";
import { readQuery } from "./validation.ts";

const STALL_MILLISECONDS = 120_000;

export interface ReencryptionDependencies {
  readonly encryption: EncryptionAtRest;
}

/** `POST /v1/issuers/reencryption`: takes over changed encryption keys and answers when everything is under the first. */
export function reencryptionHandler({ encryption }: ReencryptionDependencies): Handler {
  return async (call) => {
    readQuery(z.strictObject({}), call.query);
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    // A key management service is asked for every file, and each answer may take as long as it was given.
    call.request.socket.setTimeout(0);
    const { provider, keyName, sealedFiles, rewritten } = await encryption.reencrypt();
    call.request.socket.setTimeout(STALL_MILLISECONDS);
    const answer: ReencryptionResource = {
      apiVersion: API_VERSION,
      kind: "Reencryption",
      provider,
      ...(keyName !== "" && { keyName }),
      sealedFiles,
      rewritten,
    };
    sendJson(call.response, 200, answer);
  };
}
