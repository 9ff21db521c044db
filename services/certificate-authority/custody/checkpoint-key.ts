import { createPrivateKey } from "node:crypto";
import { checkpointPublicKey, signCheckpoint } from "../../shared/merkle/checkpoint.ts";
import type { CheckpointSigner } from "../domain/merkle-log.ts";
import type { Custody } from "./custody.ts";

const PURPOSE = "ledger-checkpoint";
/** PrivateKeyInfo up to the seed. Source: RFC 8410 section 7. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** Signs checkpoints of the ledger with an Ed25519 key that is the same for ever, and nowhere on disk by itself. */
export function createCheckpointSigner(custody: Pick<Custody, "deriveKey">): CheckpointSigner {
  const der = Buffer.concat([PKCS8_PREFIX, custody.deriveKey(PURPOSE)]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return { publicKey: checkpointPublicKey(key), sign: (head) => signCheckpoint(head, key) };
}
