import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ChainCertificate } from "./certificate-chain.ts";
import { openssl } from "./openssl.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/**
 * What openssl signs, in the way of AWS: `-stream` makes indefinite lengths and content in chunks.
 *
 * @param options - further ones of `openssl cms -sign`, e.g. `-nocerts`.
 */
export function opensslCms(content: Uint8Array, signer: ChainCertificate, ...options: readonly string[]): Buffer {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  writeFileSync(path("content"), content);
  writeFileSync(path("signer.pem"), signer.pem);
  writeFileSync(path("key.pem"), signer.privateKey.export({ type: "pkcs8", format: "pem" }));
  const files = ["-in", path("content"), "-signer", path("signer.pem"), "-inkey", path("key.pem"), "-out", path("cms")];
  openssl("cms", "-sign", "-binary", "-nodetach", "-md", "sha256", "-outform", "DER", ...files, ...options);
  return readFileSync(path("cms"));
}
