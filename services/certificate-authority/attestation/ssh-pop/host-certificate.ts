import { isSshSignature, parseSshKey, readSshKey, type SshKey } from "./ssh-key.ts";
import { SshFormatError, SshReader, sshString } from "./ssh-reader.ts";

const SUFFIX = "-cert-v01@openssh.com";
const HOST = 2;
const MAXIMUM_PRINCIPALS = 256;

/** A host certificate whose CA's signature was checked; whether that CA is one of ours is the caller's to judge. */
export interface HostCertificate {
  readonly key: SshKey;
  /** The key alone, as it would stand in a `.pub` file. */
  readonly keyBlob: Buffer;
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since the epoch; the second is the first one it is not valid in. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly authorityBlob: Buffer;
}

/**
 * Reads an OpenSSH host certificate and checks that the CA it names has signed all of it.
 *
 * @throws {SshFormatError}
 *
 * Source: OpenSSH PROTOCOL.certkeys.
 */
export function readHostCertificate(blob: Buffer): HostCertificate {
  const reader = new SshReader(blob);
  const certificateType = reader.name("certificate type");
  if (!certificateType.endsWith(SUFFIX)) throw new SshFormatError("certificate type: no OpenSSH certificate");
  const type = certificateType.slice(0, -SUFFIX.length);
  reader.string("nonce");
  const start = reader.offset;
  const key = readSshKey(reader, type);
  const keyBlob = Buffer.concat([sshString(type), blob.subarray(start, reader.offset)]);
  const serial = reader.uint64("serial");
  if (reader.uint32("type") !== HOST) throw new SshFormatError("type: not a host's certificate");
  const keyId = reader.string("key id").toString("utf8");
  const principals = readPrincipals(reader.string("valid principals"));
  const validAfter = reader.uint64("valid after");
  const validBefore = reader.uint64("valid before");
  // OpenSSH has none for hosts; whatever there is means something that we would overlook.
  if (reader.string("critical options").length > 0) throw new SshFormatError("critical options: not understood");
  readExtensions(reader.string("extensions"));
  reader.string("reserved");
  const authorityBlob = reader.string("signature key");
  const signed = blob.subarray(0, reader.offset);
  const signature = reader.string("signature");
  reader.expectEnd("certificate");
  if (!isSshSignature(parseSshKey(authorityBlob), signed, signature))
    throw new SshFormatError("signature: not that of the CA which the certificate names");
  return { key, keyBlob, serial, keyId, principals, validAfter, validBefore, authorityBlob };
}

function readPrincipals(packed: Buffer): readonly string[] {
  const reader = new SshReader(packed);
  const principals: string[] = [];
  while (!reader.isAtEnd()) {
    if (principals.length === MAXIMUM_PRINCIPALS)
      throw new SshFormatError(`valid principals: more than ${MAXIMUM_PRINCIPALS}`);
    principals.push(reader.name("valid principals"));
  }
  return principals;
}

/** Extensions may be ignored, says their specification. */
function readExtensions(packed: Buffer): void {
  const reader = new SshReader(packed);
  while (!reader.isAtEnd()) {
    reader.string("extensions");
    reader.string("extensions");
  }
}
