import { createHash } from "node:crypto";
import { additionalData, encodeHeader, type Label } from "./envelope.ts";
import type { SealingKey } from "./sealing-key.ts";

const DIGEST_LENGTH = 32;
const HEADER = encodeHeader("identity", []);

/**
 * No encryption, for moving to or from an installation without it. A digest shows cut, damaged and exchanged files; it
 * cannot show what somebody altered on purpose. Body: digest, secret.
 */
export function identityKey(): SealingKey {
  const digestOf = (label: Label, secret: Uint8Array): Buffer =>
    createHash("sha256").update(additionalData(HEADER, label)).update("\0").update(secret).digest();
  return {
    provider: "identity",
    name: "",
    owns: ({ provider }) => provider === "identity",
    seal: async (label, secret) => Buffer.concat([HEADER, digestOf(label, secret), secret]),
    open: async (label, { body }) => {
      const secret = body.subarray(DIGEST_LENGTH);
      return digestOf(label, secret).equals(body.subarray(0, DIGEST_LENGTH)) ? secret : undefined;
    },
    isCurrent: async () => true,
  };
}
