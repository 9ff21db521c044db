import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** OpenSSH certificates and signatures with Ed25519 keys as anybody might make them, right and wrong ones alike. */

export function sshText(content: Uint8Array | string): Buffer {
  const octets = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets.length);
  return Buffer.concat([length, octets]);
}

function uint32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}

function uint64(value: bigint): Buffer {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(value);
  return octets;
}

export interface SshTestKey {
  readonly privateKey: KeyObject;
  /** The 32 octets of the public key. */
  readonly raw: Buffer;
  readonly blob: Buffer;
}

export function buildSshKey(): SshTestKey {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  const raw = Buffer.from(x, "base64url");
  return { privateKey, raw, blob: Buffer.concat([sshText("ssh-ed25519"), sshText(raw)]) };
}

const signatureBlob = ({ privateKey }: SshTestKey, message: Buffer) =>
  Buffer.concat([sshText("ssh-ed25519"), sshText(sign(null, message, privateKey))]);

export interface HostCertificateArguments {
  readonly key: SshTestKey;
  readonly authority: SshTestKey;
  /** Signs in place of the authority. */
  readonly signer?: SshTestKey;
  readonly certificateType?: string;
  readonly type?: number;
  readonly keyId?: string;
  readonly principals?: readonly string[];
  readonly validAfter?: bigint;
  readonly validBefore?: bigint;
  readonly criticalOptions?: Buffer;
  readonly extensions?: Buffer;
  /** In place of the authority's key. */
  readonly signatureKey?: Buffer;
}

export function buildHostCertificate(args: HostCertificateArguments): Buffer {
  const { key, authority, signer = authority, principals = ["node-1.nodes.example"] } = args;
  const signed = Buffer.concat([
    sshText(args.certificateType ?? "ssh-ed25519-cert-v01@openssh.com"),
    sshText(randomBytes(32)),
    sshText(key.raw),
    uint64(7n),
    uint32(args.type ?? 2),
    sshText(args.keyId ?? "host node-1"),
    sshText(Buffer.concat(principals.map(sshText))),
    uint64(args.validAfter ?? 0n),
    uint64(args.validBefore ?? 2n ** 64n - 1n),
    sshText(args.criticalOptions ?? ""),
    sshText(args.extensions ?? ""),
    sshText(""),
    sshText(args.signatureKey ?? authority.blob),
  ]);
  return Buffer.concat([signed, sshText(signatureBlob(signer, signed))]);
}

export interface SshSignatureArguments {
  readonly key: SshTestKey;
  readonly message: Buffer;
  readonly namespace?: string;
  /** What the signature says of itself, where it is not what was signed. */
  readonly shownNamespace?: string;
  readonly shownKey?: SshTestKey;
  readonly hash?: string;
  readonly magic?: string;
  readonly version?: number;
}

export function buildSshSignature(args: SshSignatureArguments): Buffer {
  const { key, message, namespace = "node-attest-v1", hash = "sha512", magic = "SSHSIG" } = args;
  const digest = createHash(hash).update(message).digest();
  const signed = Buffer.concat([Buffer.from("SSHSIG"), ...[namespace, "", hash, digest].map(sshText)]);
  return Buffer.concat([
    Buffer.from(magic),
    uint32(args.version ?? 1),
    sshText((args.shownKey ?? key).blob),
    sshText(args.shownNamespace ?? namespace),
    sshText(""),
    sshText(hash),
    sshText(signatureBlob(key, signed)),
  ]);
}
