import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openssl } from "../../builders/openssl.ts";
import type { AuthorityFiles } from "./openssl-authority.ts";

export interface LeafFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface LeafArguments {
  /** Names the files. */
  readonly name: string;
  /** As `openssl req -subj` takes it. */
  readonly subject: string;
  /** Lines of an openssl extension file. */
  readonly extensions: readonly string[];
}

/** A certificate for one day by a CA, made by openssl; its key is P-256. */
export function makeLeaf(directory: string, authority: AuthorityFiles, leaf: LeafArguments): LeafFiles {
  const path = (end: string): string => join(directory, `${leaf.name}.${end}`);
  writeFileSync(path("ext"), leaf.extensions.map((line) => `${line}\n`).join(""));
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path("key")];
  openssl("req", "-new", ...newKey, "-subj", leaf.subject, "-out", path("csr"));
  const ca = ["-CA", authority.certificateFile, "-CAkey", authority.keyFile, "-CAcreateserial"];
  openssl("x509", "-req", "-in", path("csr"), ...ca, "-days", "1", "-extfile", path("ext"), "-out", path("crt"));
  return { certificateFile: path("crt"), keyFile: path("key") };
}

/** The PEM texts of a client certificate and its key. */
export function makeClient(directory: string, authority: AuthorityFiles, name: string, subject: string) {
  const extensions = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"];
  const { certificateFile, keyFile } = makeLeaf(directory, authority, { name, subject, extensions });
  return { certificatePem: readFileSync(certificateFile, "utf8"), privateKeyPem: readFileSync(keyFile, "utf8") };
}
