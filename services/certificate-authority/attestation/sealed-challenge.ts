import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { z } from "zod";
import { denied } from "./refusal.ts";

const SALT_BYTES = 32;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";
/** Every challenge has a key of its own, so that one initialization vector serves them all. */
const ZERO_IV = Buffer.alloc(12);

const schema = z.strictObject({
  /** 32 hexadecimal digits: what is used up. */
  id: z.string(),
  nonce: z.string(),
  attestor: z.string(),
  profile: z.string(),
  nodeName: z.string(),
  /** Hex SHA-256. */
  spkiSha256: z.string(),
  helloSha256: z.string(),
  /** Milliseconds since the epoch. */
  expires: z.number(),
  secret: z.string().optional(),
});

/** What a challenge says; binary values in hex. Callers carry it and cannot read or change it. */
export type SealedChallenge = z.infer<typeof schema>;

/** Seals challenges, so that asking for one writes nothing. Replicas share the key. */
export interface ChallengeSeal {
  seal(challenge: SealedChallenge): string;
  /** @throws {AttestationRefusal} for what is not a challenge of ours. */
  open(sealed: string): SealedChallenge;
}

/** @param key - 32 octets. */
export function createChallengeSeal(key: Uint8Array): ChallengeSeal {
  const keyOf = (salt: Uint8Array): Buffer => createHmac("sha256", key).update(salt).digest();
  return {
    seal(challenge) {
      const salt = randomBytes(SALT_BYTES);
      const cipher = createCipheriv(CIPHER, keyOf(salt), ZERO_IV);
      const sealed = Buffer.concat([cipher.update(JSON.stringify(challenge), "utf8"), cipher.final()]);
      return Buffer.concat([salt, cipher.getAuthTag(), sealed]).toString("base64url");
    },
    open(sealed) {
      const octets = Buffer.from(sealed, "base64url");
      try {
        const decipher = createDecipheriv(CIPHER, keyOf(octets.subarray(0, SALT_BYTES)), ZERO_IV, {
          authTagLength: TAG_BYTES,
        });
        decipher.setAuthTag(octets.subarray(SALT_BYTES, SALT_BYTES + TAG_BYTES));
        const text = Buffer.concat([decipher.update(octets.subarray(SALT_BYTES + TAG_BYTES)), decipher.final()]);
        return schema.parse(JSON.parse(text.toString("utf8")));
      } catch (error) {
        throw denied("the challenge is none of ours, or was altered", error);
      }
    },
  };
}
