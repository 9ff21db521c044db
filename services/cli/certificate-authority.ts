import type { LedgerVerification, VerificationProgress } from "./api-types.ts";
import type { ReplayOptions, ReplayReport } from "./policy-replay-report.ts";

/** What the commands use of the certificate authority's main module. */
export interface CertificateAuthority {
  /** Resolves when the server has stopped. */
  readonly serve: (options: ServeOptions) => Promise<void>;
  /** As `serve`, for the requests of a cluster. */
  readonly control: (options: ServeOptions, cluster: { readonly kubeconfigFile: string | undefined }) => Promise<void>;
  readonly verifyLedgerFile: (
    path: string,
    onProgress?: (progress: VerificationProgress) => void,
  ) => Promise<LedgerVerification>;
  readonly replayPolicy: (options: ReplayOptions) => Promise<ReplayReport>;
  readonly initializePki: (options: PkiOptions) => Promise<PkiOutcome>;
  readonly checkPki: (directory: string, etcd: "local" | "external") => Promise<PkiExpiration>;
  readonly testPolicy: (options: PolicyTestOptions) => Promise<readonly PolicyCaseResult[]>;
  readonly checkPolicy: (options: Pick<PolicyTestOptions, "configFile">) => Promise<CheckedPolicy>;
  readonly makeServiceCertificates: (
    caName: string,
    wishes: readonly ServiceCertificateWish[],
    lifetimeSeconds: number,
  ) => Promise<ServiceCertificates>;
}

/** A certificate for a program. */
export interface ServiceCertificateWish {
  readonly commonName: string;
  readonly purpose: "serverAuth" | "clientAuth";
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
}

/** Certificates under a CA of their own, in the order of the wishes. */
export interface ServiceCertificates {
  readonly caPem: string;
  readonly certificates: readonly { readonly certificatePem: string; readonly keyPem: string }[];
}

/** What the files of a control plane node depend on. */
export interface PkiOptions {
  readonly configFile: string | undefined;
  readonly dataDirectory: string | undefined;
  readonly directory: string;
  readonly clusterName: string;
  readonly nodeName: string;
  readonly advertiseAddress: string;
  readonly bindPort: number;
  readonly controlPlaneEndpoint: string | undefined;
  readonly extraNames: readonly string[];
  readonly serviceCidrs: readonly string[];
  readonly serviceDnsDomain: string;
  readonly etcd: "local" | "external";
  readonly isExternal: boolean;
  readonly isRenewing: boolean;
  readonly renewBeforeSeconds: number | undefined;
  readonly keyAlgorithm: string;
  readonly lifetimeSeconds: number;
}

export interface PkiOutcome {
  readonly files: readonly {
    readonly name: string;
    readonly path: string;
    readonly action: string;
    readonly notAfter: Date | undefined;
  }[];
  readonly notices: readonly string[];
}

interface ExpiringCertificate {
  readonly name: string;
  readonly notAfter: Date | undefined;
  readonly residualSeconds: number;
  readonly isExternallyManaged: boolean;
  /** Undefined for CAs. */
  readonly authority: string | undefined;
  readonly isMissing: boolean;
}

export interface PkiExpiration {
  readonly certificates: readonly ExpiringCertificate[];
  readonly authorities: readonly ExpiringCertificate[];
}

export interface PolicyTestOptions {
  readonly configFile: string | undefined;
  readonly casesFile: string;
  readonly asksOutside: boolean;
}

/** A chain of hooks that can be used, and the rules of its policies. */
export interface CheckedPolicy {
  readonly hooks: readonly { readonly name: string; readonly kind: string; readonly required: boolean }[];
  readonly rules: readonly {
    readonly hook: string;
    readonly name: string;
    readonly effect: string;
    readonly where: string;
  }[];
}

/** What became of a case, and what was expected. */
export interface PolicyCaseResult {
  readonly name: string;
  readonly hasPassed: boolean;
  readonly expected: { readonly outcome: string };
  readonly outcome: string;
  readonly hook: string | undefined;
  readonly reason: string;
  readonly message: string;
  readonly differences: readonly string[];
  readonly trace: readonly {
    readonly hook: string;
    readonly kind: string;
    readonly reason: string;
    readonly message: string;
    readonly evidence: Readonly<Record<string, unknown>>;
  }[];
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
