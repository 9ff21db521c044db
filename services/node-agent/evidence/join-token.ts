import { createHmac } from "node:crypto";
import { joinTokenKey } from "../../shared/attestation/possession.ts";
import { AgentError } from "../agent-error.ts";
import { base64url, type EvidenceCollector } from "./collector.ts";

const TOKEN = /^([^.\s]{1,64})\.(\S{1,256})$/;

/** A token of one use that an administrator made for this node; its secret keys a MAC and does not travel. */
export interface JoinTokenSource {
  readonly kind: "join_token";
  /** `<id>.<secret>` */
  readonly token: string;
}

/** @throws {AgentError} `unusable` when it is no such token; the message does not repeat it. */
export function joinTokenEvidence({ token }: JoinTokenSource): EvidenceCollector {
  const [, tokenId, secret] = TOKEN.exec(token.trim()) ?? [];
  if (tokenId === undefined || secret === undefined) {
    throw new AgentError("unusable", "the join token is not of the form <id>.<secret>");
  }
  const key = joinTokenKey(secret);
  return {
    kind: "join_token",
    hello: { tokenId },
    prove: async ({ bind }) => ({ mac: base64url(createHmac("sha256", key).update(bind).digest()) }),
  };
}
