import {
  constants,
  createCipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { HASH_OCTETS, type TpmHash } from "../../../shared/tpm/algorithms.ts";
import { keyOf, type PublicArea, type TpmCurve } from "../../../shared/tpm/public-area.ts";
import { TpmError } from "../../../shared/tpm/tpm-reader.ts";
import { sized, uint32 } from "../../../shared/tpm/tpm-writer.ts";

/** Label of the seed's transport. Labels include the zero that ends them. */
const IDENTITY = Buffer.from("IDENTITY\0");
const AES_BLOCK_OCTETS = 16;

export interface MadeCredential {
  /** TPM2B_ID_OBJECT. */
  readonly credentialBlob: Buffer;
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Buffer;
}

/**
 * TPM2_MakeCredential: wraps a secret so that only a TPM which holds both this endorsement key and an object of this name
 * unwraps it.
 *
 * @param endorsementKey - a storage key, which has its symmetric cipher.
 * @param name - of the object, computed by us; see `nameOf`.
 * @param secret - at most as long as a digest of the endorsement key's nameAlg.
 * @throws {TpmError} when the key is not one, or not a storage key.
 *
 * Source: TPM 2.0 Library specification, part 1, section 24 and annexes B.10.4 and C.6.
 */
export function makeCredential(endorsementKey: PublicArea, name: Uint8Array, secret: Uint8Array): MadeCredential {
  const { seed, encryptedSecret } = transportSeed(endorsementKey);
  return { credentialBlob: protectSecret(endorsementKey, seed, name, secret), encryptedSecret };
}

/**
 * The TPM2B_ID_OBJECT: the secret encrypted and authenticated, together with the name, under keys from the seed.
 *
 * Source: TPM 2.0 Library specification, part 1, section 24.4.
 */
export function protectSecret(
  { nameAlg, aesBits }: Pick<PublicArea, "nameAlg" | "aesBits">,
  seed: Uint8Array,
  name: Uint8Array,
  secret: Uint8Array,
): Buffer {
  if (aesBits === undefined) throw new TpmError("symmetric: the key is no storage key");
  const cipherKey = kdfa(nameAlg, seed, "STORAGE", name, aesBits);
  const cipher = createCipheriv(`aes-${aesBits}-cfb`, cipherKey, Buffer.alloc(AES_BLOCK_OCTETS));
  const encrypted = Buffer.concat([cipher.update(sized(secret)), cipher.final()]);
  const integrityKey = kdfa(nameAlg, seed, "INTEGRITY", Buffer.alloc(0), HASH_OCTETS[nameAlg] * 8);
  const integrity = createHmac(nameAlg, integrityKey).update(encrypted).update(name).digest();
  return sized(sized(integrity), encrypted);
}

function transportSeed(endorsementKey: PublicArea): { readonly seed: Buffer; readonly encryptedSecret: Buffer } {
  const { nameAlg, key } = endorsementKey;
  const publicKey = keyOf(endorsementKey);
  if (key.type === "rsa") {
    const seed = randomBytes(HASH_OCTETS[nameAlg]);
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const encrypted = publicEncrypt({ key: publicKey, padding, oaepHash: nameAlg, oaepLabel: IDENTITY }, seed);
    return { seed, encryptedSecret: sized(encrypted) };
  }
  const ephemeral = ephemeralKey(key.curve);
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey });
  const seed = kdfe(nameAlg, shared, ephemeral.x, key.x);
  return { seed, encryptedSecret: sized(sized(ephemeral.x), sized(ephemeral.y)) };
}

function ephemeralKey(curve: TpmCurve) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const { x = "", y = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  return { privateKey, x: Buffer.from(x, "base64url"), y: Buffer.from(y, "base64url") };
}

/**
 * SP 800-108 in counter mode with HMAC, as TPMs use it, without a second context.
 *
 * Source: TPM 2.0 Library specification, part 1, section 11.4.10.2.
 */
function kdfa(hash: TpmHash, key: Uint8Array, label: string, context: Uint8Array, bits: number): Buffer {
  return derive(bits / 8, (counter) =>
    createHmac(hash, key).update(counter).update(`${label}\0`).update(context).update(uint32(bits)).digest(),
  );
}

/**
 * SP 800-56A's concatenation KDF; as many bits as the hash has, for a seed.
 *
 * Source: TPM 2.0 Library specification, part 1, section 11.4.10.3.
 */
function kdfe(hash: TpmHash, shared: Uint8Array, partyU: Uint8Array, partyV: Uint8Array): Buffer {
  return derive(HASH_OCTETS[hash], (counter) =>
    createHash(hash).update(counter).update(shared).update(IDENTITY).update(partyU).update(partyV).digest(),
  );
}

function derive(octets: number, block: (counter: Buffer) => Buffer): Buffer {
  const blocks: Buffer[] = [];
  for (let length = 0, counter = 1; length < octets; counter += 1) {
    const next = block(uint32(counter));
    length += next.length;
    blocks.push(next);
  }
  return Buffer.concat(blocks).subarray(0, octets);
}
