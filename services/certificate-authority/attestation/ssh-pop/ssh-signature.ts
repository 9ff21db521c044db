import { createHash } from "node:crypto";
import { isSshSignature, type SshKey } from "./ssh-key.ts";
import { SshFormatError, SshReader, sshString } from "./ssh-reader.ts";

const MAGIC = "SSHSIG";
const VERSION = 1;
const HASHES: ReadonlySet<string> = new Set(["sha256", "sha512"]);

export interface SignedMessage {
  readonly message: Buffer;
  readonly namespace: string;
  readonly key: SshKey;
  /** The key alone, as it would stand in a `.pub` file. */
  readonly keyBlob: Buffer;
}

/**
 * Whether an SSHSIG, as `ssh-keygen -Y sign` makes it, is by this key over this message for this namespace.
 *
 * @param blob - without armour.
 * @throws {SshFormatError} when it is laid out otherwise, for another namespace or by another key.
 *
 * Source: OpenSSH PROTOCOL.sshsig.
 */
export function isSshMessageSignature(blob: Buffer, { message, namespace, key, keyBlob }: SignedMessage): boolean {
  const reader = new SshReader(blob);
  if (reader.read(MAGIC.length, "magic").toString("latin1") !== MAGIC) throw new SshFormatError("magic: no SSHSIG");
  if (reader.uint32("version") !== VERSION) throw new SshFormatError(`version: not ${VERSION}`);
  if (!reader.string("public key").equals(keyBlob)) throw new SshFormatError("public key: not the certified one");
  if (reader.name("namespace") !== namespace) throw new SshFormatError(`namespace: not ${namespace}`);
  const reserved = reader.string("reserved");
  const hash = reader.name("hash algorithm");
  if (!HASHES.has(hash)) throw new SshFormatError("hash algorithm: neither sha256 nor sha512");
  const signature = reader.string("signature");
  reader.expectEnd("SSHSIG");
  const digest = createHash(hash).update(message).digest();
  const fields = [namespace, reserved, hash, digest].map(sshString);
  return isSshSignature(key, Buffer.concat([Buffer.from(MAGIC), ...fields]), signature);
}
