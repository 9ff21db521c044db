import { createHmac, timingSafeEqual } from "node:crypto";
import { joinTokenHello, joinTokenProof } from "../../../shared/attestation/proofs.ts";
import { octetsOf } from "../../../shared/attestation/wire.ts";
import type { Attestor, Evidence, ProofInput } from "../attestor.ts";
import { denied } from "../refusal.ts";

/** A token that may be used to attest. */
export interface JoinToken {
  readonly id: string;
  /** `joinTokenKey` of its secret. */
  readonly key: Buffer;
  readonly nodeName: string;
  readonly expiresAt: Date;
}

export type FindJoinToken = (id: string) => JoinToken | undefined;

const NO_KEY = Buffer.alloc(32);

/**
 * Proves that the caller was given a secret that an administrator made for one node, and nothing about the machine. The
 * secret never travels: it keys an HMAC-SHA-256 over bind. It is used up in the transaction that stores the binding, so that
 * of any number of uses one counts; tokens in images or user data are whoever's reads them first.
 */
export function createJoinTokenAttestor(find: FindJoinToken): Attestor {
  return { verify: (input) => verify(find, input) };
}

function verify(find: FindJoinToken, { hello, proof, bind, now }: ProofInput): Evidence {
  const { tokenId } = joinTokenHello.parse(hello);
  const mac = octetsOf(joinTokenProof.parse(proof).mac);
  const token = find(tokenId);
  // An unknown token costs what a known one does.
  const expected = createHmac("sha256", token?.key ?? NO_KEY)
    .update(bind)
    .digest();
  const isRight = mac.length === expected.length && timingSafeEqual(mac, expected);
  if (token === undefined) throw denied(`there is no join token ${JSON.stringify(tokenId)}, or it was used`);
  if (!isRight) throw denied(`the proof was not made with the join token ${token.id}`);
  if (now >= token.expiresAt) throw denied(`the join token ${token.id} has expired`);
  return {
    // The administrator vouches for the name: a later token for it is for the same machine, as far as anybody can tell.
    machineId: token.nodeName,
    pins: {},
    fields: { token_id: token.id },
    nodeName: token.nodeName,
    isFresh: true,
    consumes: { joinTokenId: token.id },
  };
}
