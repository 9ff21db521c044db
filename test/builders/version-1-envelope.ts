import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";

const derive = (key: Uint8Array, info: string, length: number): Buffer =>
  Buffer.from(hkdfSync("sha256", key, "", `gatehouse/v1/${info}`, length));

/** A sealed file as Gatehouse wrote them before the envelope named its provider. @param key - 32 octets. */
export function version1Envelope(
  key: Uint8Array,
  label: { purpose: string; name: string },
  secret: Uint8Array,
): Buffer {
  const header = Buffer.concat([Buffer.from("GHSE\x01", "latin1"), derive(key, "key-id", 8)]);
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", derive(key, "seal", 32), nonce);
  cipher.setAAD(Buffer.concat([header, Buffer.from(`${label.purpose}\0${label.name}`)]));
  return Buffer.concat([header, nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
}

/** What `deriveKey` gave while it was derived from the encryption key. */
export function version1DerivedKey(key: Uint8Array, purpose: string): Buffer {
  return derive(key, `derive/${purpose}`, 32);
}
