import { createHash } from "node:crypto";

/** What proofs are made over: this protocol, and no other message of ours or of anybody else. */
const DOMAIN = "node-attest/v1";
/** What certifications of keys are made over. */
const KEY_DOMAIN = "node-attest/v1/request-key";

/** What one attestation is about. */
export interface BoundFields {
  /** The URL of the attestation API as the challenge tells it. */
  readonly audience: string;
  /** The kind of attestor, e.g. `tpm2`. */
  readonly attestor: string;
  /** 32 octets that the challenge tells. */
  readonly nonce: Uint8Array;
  /** The name the machine asked for; empty when it asked for none. */
  readonly nodeName: string;
  /** DER of the bootstrap key's SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
}

/**
 * The 32 octets that evidence has to cover: SHA-256 over the protocol's name, audience, attestor, nonce, node name and the
 * SHA-256 of the key, each preceded by its length in octets as four octets, big-endian. Evidence over it is of no use for another
 * key, name, challenge or authority.
 */
export function bindOf({ audience, attestor, nonce, nodeName, spki }: BoundFields): Buffer {
  return digestOf([DOMAIN, audience, attestor, nonce, nodeName, createHash("sha256").update(spki).digest()]);
}

/**
 * The 32 octets that the certification of a request's own key has to cover, so that it is of no use for another node's name:
 * fields as in `bindOf`.
 *
 * @param spki - of the key, DER.
 */
export function requestKeyBind({ nodeName, spki }: Pick<BoundFields, "nodeName" | "spki">): Buffer {
  return digestOf([KEY_DOMAIN, nodeName, createHash("sha256").update(spki).digest()]);
}

function digestOf(fields: readonly (string | Uint8Array)[]): Buffer {
  const hash = createHash("sha256");
  for (const field of fields) {
    const octets = Buffer.from(field);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(octets.length);
    hash.update(length).update(octets);
  }
  return hash.digest();
}

/** An audience that evidence carries whose only free text is an audience: `<audience>/bind/<base64url of bind>`. */
export function boundAudience(audience: string, bind: Uint8Array): string {
  return `${audience}/bind/${Buffer.from(bind).toString("base64url")}`;
}
