/** What the commands use of the node agent's main module. */
export interface NodeAgent {
  /** Rejects with a RenewalError. */
  readonly renewCertificate: (options: RenewalOptions, run: RunOptions) => Promise<RenewalOutcome>;
  readonly keepCertificateRenewed: (options: RenewalOptions, run: RunOptions) => Promise<void>;
}

export interface CredentialPaths {
  readonly certificateFile: string;
  readonly keyFile: string | undefined;
}

export interface RenewalOptions {
  readonly paths: CredentialPaths;
  readonly clientPaths: CredentialPaths | undefined;
  readonly server: { readonly url: URL; readonly caPem: string | undefined; readonly serverName: string | undefined };
  readonly issuersPem: string | undefined;
  readonly signerName: string | undefined;
  readonly usages: readonly string[] | undefined;
  readonly expirationSeconds: number | undefined;
  readonly lead: { readonly fraction: number } | { readonly seconds: number };
  readonly isForced: boolean;
  readonly keepsKey: boolean;
  readonly waitSeconds: number;
  readonly retrySeconds: number;
  readonly reloadCommand: readonly string[];
}

export interface RunOptions {
  readonly logLevel: "silent" | "error" | "warn" | "info" | "debug";
  readonly logFormat: "json" | "text";
  readonly signal: AbortSignal;
}

export type RenewalOutcome =
  | { readonly kind: "notDue"; readonly renewsAt: Date; readonly notAfter: Date }
  | { readonly kind: "renewed"; readonly notAfter: Date; readonly requestName: string };

/** Loads the agent's code, which other commands never need. */
export type LoadNodeAgent = () => Promise<NodeAgent>;

export const loadNodeAgent: LoadNodeAgent = () => import("../node-agent/main.ts");
