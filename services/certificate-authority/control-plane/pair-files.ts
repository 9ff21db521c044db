import { X509Certificate } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../shared/durable-file.ts";
import { PRIVATE, PUBLIC, readContent, writeContent } from "./file-content.ts";
import type { KeyedCertificate } from "./judgement.ts";
import { readKeyPem } from "./key-pem.ts";

/** What lies under `<path>.crt` and `<path>.key`. */
export type FoundPair =
  | { readonly kind: "absent" }
  | { readonly kind: "whole"; readonly pair: KeyedCertificate }
  /** What a crash leaves: the key is written first. */
  | { readonly kind: "keyOnly"; readonly keyPem: string }
  | { readonly kind: "certificateOnly" };

/** @param isTrial - nothing is to be changed: a renewal that was cut off is read as if it were ended. */
export async function readPair(path: string, isTrial: boolean): Promise<FoundPair> {
  if (!isTrial) await finishRenewal(path);
  const [foundPem, keyPem] = await Promise.all([readContent(`${path}.crt`), readContent(`${path}.key`)]);
  const certificatePem = (isTrial ? (await readRenewed(path))?.usablePem : undefined) ?? foundPem;
  if (certificatePem === undefined) return keyPem === undefined ? { kind: "absent" } : { kind: "keyOnly", keyPem };
  return keyPem === undefined ? { kind: "certificateOnly" } : { kind: "whole", pair: { certificatePem, keyPem } };
}

/** Writes a new pair, or the certificate for a key that is there. */
export async function writePair(
  path: string,
  { certificatePem, keyPem }: KeyedCertificate,
  isKeyThere: boolean,
): Promise<void> {
  if (!isKeyThere) await writeContent(`${path}.key`, keyPem, { mode: PRIVATE, existing: "kept" });
  await writeContent(`${path}.crt`, certificatePem, { mode: PUBLIC, existing: "kept" });
}

/**
 * Puts a new pair in an old one's place. Two files cannot be replaced at one instant, so the new certificate lies ready
 * before the key changes: whatever a crash leaves, `readPair` finds the old pair or the new one.
 */
export async function replacePair(path: string, { certificatePem, keyPem }: KeyedCertificate): Promise<void> {
  await writeContent(renewedPath(path), certificatePem, { mode: PUBLIC, existing: "replaced" });
  await writeContent(`${path}.key`, keyPem, { mode: PRIVATE, existing: "replaced" });
  await finishRenewal(path);
}

async function finishRenewal(path: string): Promise<void> {
  const renewed = await readRenewed(path);
  if (renewed === undefined) return;
  if (renewed.usablePem !== undefined) await rename(renewedPath(path), `${path}.crt`);
  else await rm(renewedPath(path), { force: true });
  await syncDirectory(dirname(path));
}

/** A certificate that lies ready: usable once its key is in place. */
async function readRenewed(path: string): Promise<{ readonly usablePem: string | undefined } | undefined> {
  const renewedPem = await readContent(renewedPath(path));
  if (renewedPem === undefined) return undefined;
  const reading = readKeyPem((await readContent(`${path}.key`)) ?? "");
  const isKeyOfIt = reading.kind === "key" && new X509Certificate(renewedPem).checkPrivateKey(reading.key);
  return { usablePem: isKeyOfIt ? renewedPem : undefined };
}

function renewedPath(path: string): string {
  return `${path}.crt.renewed`;
}
