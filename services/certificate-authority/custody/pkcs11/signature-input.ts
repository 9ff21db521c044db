import { createHash } from "node:crypto";
import type { SignatureDigest } from "../../domain/remote-key.ts";
import { CK } from "./key-templates.ts";
import { TokenFailure } from "./token-failure.ts";

/** DigestInfo up to the hash itself. Source: RFC 8017, 9.2, note 1. */
const DIGEST_INFO: Readonly<Record<NonNullable<SignatureDigest>, Buffer>> = {
  sha256: Buffer.from("3031300d060960864801650304020105000420", "hex"),
  sha384: Buffer.from("3041300d060960864801650304020205000430", "hex"),
  sha512: Buffer.from("3051300d060960864801650304020305000440", "hex"),
};

/**
 * What a token is given to sign, and by which mechanism. The hash is made here: every token signs a hash, while those that
 * hash and sign in one are fewer.
 *
 * @param keyType - CKA_KEY_TYPE.
 * @throws {TokenFailure} refused for keys of other kinds.
 */
export function signatureInput(keyType: number, digest: SignatureDigest, data: Uint8Array) {
  if (digest === null) {
    if (keyType === CK.keyTypeEdwards) return { mechanism: CK.mechanismEddsa, input: Buffer.from(data) };
    throw new TokenFailure("refused", "only Ed25519 keys sign without a hash");
  }
  const hash = createHash(digest).update(data).digest();
  if (keyType === CK.keyTypeEc) return { mechanism: CK.mechanismEcdsa, input: hash };
  if (keyType === CK.keyTypeRsa)
    return { mechanism: CK.mechanismRsaPkcs, input: Buffer.concat([DIGEST_INFO[digest], hash]) };
  throw new TokenFailure("refused", `keys of type ${keyType} cannot sign certificates`);
}
