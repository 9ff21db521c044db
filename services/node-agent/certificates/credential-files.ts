import { createPublicKey, type KeyObject } from "node:crypto";
import { lstat, readFile, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fillFileDurably, syncDirectory } from "../../shared/durable-file.ts";
import { AgentError } from "../agent-error.ts";
import { type CertificateParts, certificateParts } from "./certificate-parts.ts";
import { privateKeyPem, readPrivateKey } from "./private-key.ts";

const CERTIFICATE_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const LARGEST_FILE_BYTES = 1024 * 1024;
const PRIVATE = 0o600;

/** Where a certificate and its key are. */
export interface CredentialPaths {
  /** PEM; may be a symbolic link, as kubelet's `kubelet-client-current.pem` is. */
  readonly certificateFile: string;
  /** PEM; undefined when it is in the certificate's file. */
  readonly keyFile: string | undefined;
}

export interface Credential {
  readonly parts: CertificateParts;
  readonly key: KeyObject;
  /** The leaf and what comes with it. */
  readonly chainPem: string;
}

/** @throws {AgentError} `unusable` when a file cannot be read, holds something else, or the key is another's. */
export async function readCredential({ certificateFile, keyFile }: CredentialPaths): Promise<Credential> {
  const text = await readText(certificateFile);
  const keyPath = keyFile ?? certificateFile;
  const blocks = certificateBlocks(text);
  const [leaf] = blocks;
  if (leaf === undefined) throw new AgentError("unusable", `${certificateFile} holds no certificate in PEM`);
  const parts = certificateParts(leaf, certificateFile);
  const key = readPrivateKey(keyFile === undefined ? text : await readText(keyFile), keyPath);
  if (!belongsTo(parts, key)) {
    throw new AgentError("unusable", `the key in ${keyPath} is not that of the certificate in ${certificateFile}`);
  }
  return { parts, key, chainPem: `${blocks.join("\n")}\n` };
}

export function certificateBlocks(pem: string): readonly string[] {
  return pem.match(CERTIFICATE_BLOCK) ?? [];
}

export function belongsTo({ certificate }: CertificateParts, key: KeyObject): boolean {
  return certificate.publicKey.equals(createPublicKey(key));
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > LARGEST_FILE_BYTES) throw new Error(`it has ${size} bytes`);
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new AgentError("unusable", `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Puts a new certificate and its key in the place of the old ones. One file is replaced in one step; of two the key comes
 * first, and whoever calls can repeat it: until it has ended the pair does not fit together.
 */
export async function installCredential(
  { certificateFile, keyFile }: CredentialPaths,
  { chainPem, key }: { readonly chainPem: string; readonly key: KeyObject },
  now: Date,
): Promise<void> {
  const keyPem = privateKeyPem(key);
  if (keyFile === undefined) return replace(certificateFile, chainPem + keyPem, PRIVATE, now);
  await replace(keyFile, keyPem, PRIVATE, now);
  await replace(certificateFile, chainPem, await modeOf(certificateFile), now);
}

/** A certificate alone is no secret: it stays as readable as it was. */
async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

async function replace(path: string, content: string, mode: number, now: Date): Promise<void> {
  const owner = await stat(path);
  const write = (to: string, existing: "replaced" | "kept"): Promise<void> =>
    fillFileDurably(to, { mode, existing }, async (file) => {
      await file.writeFile(content);
      // A service that reads its files as another user goes on to do so.
      const isOurs = owner.uid === process.getuid?.() && owner.gid === process.getgid?.();
      if (!isOurs) await file.chown(owner.uid, owner.gid);
    });
  if ((await lstat(path)).isSymbolicLink()) await replaceTarget(path, write, now);
  else await write(path, "replaced");
}

/**
 * A new file beside the one the link points to, and then the link in one step; what it pointed to before stays.
 *
 * Source: kubernetes staging/src/k8s.io/client-go/util/certificate/certificate_store.go (fileStore.Update).
 */
async function replaceTarget(
  link: string,
  write: (to: string, existing: "kept") => Promise<void>,
  now: Date,
): Promise<void> {
  const former = await readlink(link);
  const directory = resolve(dirname(link), dirname(former));
  const prefix = basename(link).replace(/(-current)?\.pem$/, "");
  const name = `${prefix}-${now.toISOString().slice(0, 23).replace(/[T:.]/g, "-")}.pem`;
  await write(join(directory, name), "kept");
  await turnLink(link, join(dirname(former), name));
}

/** Has a symbolic link point to `target`, in one step and whatever stood there before. */
export async function turnLink(link: string, target: string): Promise<void> {
  const temporary = `${link}.new`;
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, link);
  await syncDirectory(dirname(link));
}
