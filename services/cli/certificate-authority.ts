import type { LedgerVerification } from "./api-types.ts";

/** What the commands use of the certificate authority's main module. */
export interface CertificateAuthority {
  /** Resolves when the server has stopped. */
  readonly serve: (options: ServeOptions) => Promise<void>;
  readonly verifyLedgerFile: (path: string) => Promise<LedgerVerification>;
}

/** What the command line lays over the configuration file. */
export interface ServeOptions {
  readonly configFile?: string;
  readonly dataDirectory?: string;
  readonly listen?: string;
  readonly logLevel?: string;
}

/** Loads the server's code, which most commands never need. */
export type LoadCertificateAuthority = () => Promise<CertificateAuthority>;

export const loadCertificateAuthority: LoadCertificateAuthority = () => import("../certificate-authority/main.ts");
