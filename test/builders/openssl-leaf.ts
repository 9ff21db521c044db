import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openssl } from "./openssl.ts";

/** A certificate and its key in PEM files. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface OpensslLeafArguments {
  /** Names the files. */
  readonly name: string;
  /** As `openssl req -subj` takes it. */
  readonly subject: string;
  /** Lines of an openssl extension file. */
  readonly extensions: readonly string[];
}

export const CLIENT_EXTENSIONS = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"];

/** A certificate for one day with any extensions, by a CA in files; its key is P-256. */
export function makeOpensslLeaf(
  directory: string,
  authority: CertificateFiles,
  leaf: OpensslLeafArguments,
): CertificateFiles {
  const path = (end: string): string => join(directory, `${leaf.name}.${end}`);
  writeFileSync(path("ext"), leaf.extensions.map((line) => `${line}\n`).join(""));
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path("key")];
  openssl("req", "-new", ...newKey, "-subj", leaf.subject, "-out", path("csr"));
  const ca = ["-CA", authority.certificateFile, "-CAkey", authority.keyFile, "-CAcreateserial"];
  openssl("x509", "-req", "-in", path("csr"), ...ca, "-days", "1", "-extfile", path("ext"), "-out", path("crt"));
  return { certificateFile: path("crt"), keyFile: path("key") };
}
