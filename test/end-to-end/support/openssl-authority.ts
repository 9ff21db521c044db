import { join } from "node:path";
import { openssl } from "../../builders/openssl.ts";

export interface AuthorityFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface AuthorityArguments {
  /** Names the files too. */
  readonly commonName: string;
  /** As `openssl req -subj` takes it; the common name alone without it. */
  readonly subject?: string;
  /** RSA keys are written as PKCS#1, elliptic ones as SEC1. */
  readonly kind: "rsa-2048" | "ecdsa-p384";
  /** Default: CA:TRUE. */
  readonly basicConstraints?: string;
  /** Default: ten years. */
  readonly days?: number;
}

const NEW_KEY = { "rsa-2048": ["rsa:2048"], "ecdsa-p384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"] } as const;

/** A CA made by openssl, in files named after it. */
export function makeAuthority(directory: string, authority: AuthorityArguments): AuthorityFiles {
  const { commonName, subject = `/CN=${commonName}`, kind, basicConstraints = "CA:TRUE", days = 3650 } = authority;
  const path = (end: string): string => join(directory, `${commonName}.${end}`);
  const extensions = [
    ...["-addext", "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"],
    ...["-addext", `basicConstraints=critical,${basicConstraints}`],
  ];
  const outputs = ["-keyout", path("pkcs8"), "-out", path("crt")];
  const named = ["-subj", subject, "-days", `${days}`];
  openssl("req", "-x509", "-newkey", ...NEW_KEY[kind], "-nodes", ...named, ...extensions, ...outputs);
  const rewrite = kind === "rsa-2048" ? ["rsa", "-traditional"] : ["ec"];
  openssl(...rewrite, "-in", path("pkcs8"), "-out", path("key"));
  return { certificateFile: path("crt"), keyFile: path("key") };
}
