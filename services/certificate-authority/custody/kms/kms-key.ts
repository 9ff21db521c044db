import { randomBytes } from "node:crypto";
import type { Logger } from "../../../shared/logging.ts";
import { decryptAesGcm, encryptAesGcm } from "../encryption/aes-gcm.ts";
import { additionalData, type Envelope, encodeHeader } from "../encryption/envelope.ts";
import type { SealingKey } from "../encryption/sealing-key.ts";
import { KmsPlugin, type KmsPluginSettings } from "./kms-plugin.ts";
import type { Annotations } from "./messages.ts";

const DATA_KEY_LENGTH = 32;

/** A key that a key management service keeps. */
export interface KmsKey extends SealingKey {
  readonly provider: "kms";
  readonly endpoint: string;
  /** @throws {CustodyError} KeyServiceUnavailable, KeyServiceFailed: it could not seal or open anything now. */
  checkHealth(): Promise<void>;
  close(): void;
}

/**
 * Seals each secret with AES-256-GCM under a data key of its own, which the service encrypts. What the service answered
 * (ciphertext, key_id, annotations) stands in the header, is authenticated with the rest, and is given back to open it.
 * Another key_id of the service makes what it sealed before stale; that still opens.
 */
export function kmsKey(settings: KmsPluginSettings, logger: Logger): KmsKey {
  const plugin = new KmsPlugin(settings, logger);
  const { name, endpoint } = settings;
  return {
    provider: "kms",
    name,
    endpoint,
    owns: ({ provider, fields }) => provider === "kms" && fields[0]?.toString() === name,
    seal: async (label, secret) => {
      const dataKey = randomBytes(DATA_KEY_LENGTH);
      const { ciphertext, keyId, annotations } = await plugin.encrypt(dataKey);
      const header = encodeHeader("kms", [name, keyId, ciphertext, ...Object.entries(annotations).flat()]);
      return Buffer.concat([header, encryptAesGcm(dataKey, additionalData(header, label), secret)]);
    },
    open: async (label, envelope) => {
      const sealed = readFields(envelope);
      if (sealed === undefined) return undefined;
      const dataKey = await plugin.decrypt(sealed.ciphertext, sealed.keyId, sealed.annotations);
      if (dataKey.length !== DATA_KEY_LENGTH) return undefined;
      return decryptAesGcm(dataKey, additionalData(envelope.header, label), envelope.body);
    },
    isCurrent: async (envelope) => (await plugin.checkHealth()) === readFields(envelope)?.keyId,
    checkHealth: async () => void (await plugin.checkHealth()),
    close: () => plugin.close(),
  };
}

function readFields({ fields }: Envelope) {
  const [, keyId, ciphertext, ...rest] = fields;
  if (keyId === undefined || ciphertext === undefined || rest.length % 2 !== 0) return undefined;
  const names = rest.filter((_, index) => index % 2 === 0);
  const annotations: Annotations = Object.fromEntries(
    names.map((annotation, index) => [annotation.toString(), rest[2 * index + 1] ?? Buffer.alloc(0)]),
  );
  return { keyId: keyId.toString(), ciphertext, annotations };
}
