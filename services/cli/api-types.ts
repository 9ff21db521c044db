/** What the server's answers look like, as far as the commands use them. Times are RFC 3339. */

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
}

/** Source: kubernetes staging/src/k8s.io/api/certificates/v1/types.go. */
export interface SigningRequest {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
  };
  readonly spec: {
    readonly signerName: string;
    readonly expirationSeconds?: number;
    readonly usages?: readonly string[];
    readonly username?: string;
    readonly groups?: readonly string[];
  };
  readonly status?: { readonly conditions?: readonly Condition[]; readonly certificate?: string };
}

/** Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go (Table). */
export interface ServerTable {
  readonly kind: string;
  readonly metadata?: { readonly resourceVersion?: string };
  /** Missing from all events of a watch but the first. */
  readonly columnDefinitions?: readonly { readonly name: string; readonly priority?: number }[] | null;
  readonly rows?:
    | readonly {
        readonly cells: readonly unknown[];
        readonly object?: { readonly metadata?: { readonly resourceVersion?: string } };
      }[]
    | null;
}

export interface List<Item> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly continue?: string; readonly resourceVersion?: string };
  readonly items: readonly Item[];
}

export interface Certificate {
  readonly serial: string;
  readonly fingerprint: string;
  readonly state: string;
  readonly signerName: string;
  readonly issuerId: string;
  readonly nodeName?: string;
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly publicKeySha256: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly issuedAt: string;
  /** Missing of those that the server issued. */
  readonly importedAt?: string;
  readonly request?: { readonly name: string; readonly uid: string; readonly requester: string };
  readonly predecessor?: string;
  /** Missing from servers before it was told. */
  readonly keyReused?: boolean;
  readonly certificatePem?: string;
  /** The rest is missing from lists, and from servers before it was told. */
  readonly details?: {
    readonly keyAlgorithm: string;
    readonly signatureAlgorithm: string;
    readonly extendedKeyUsages: readonly string[];
    readonly isAuthority: boolean;
  };
  readonly risks?: readonly { readonly kind: string; readonly severity: string; readonly message: string }[];
  readonly lineage?: { readonly predecessors: readonly Kin[]; readonly successors: readonly Kin[] };
}

/** A certificate that replaces another, or that it replaces. */
export interface Kin {
  readonly fingerprint: string;
  readonly serial: string;
  readonly state: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly keyReused?: boolean;
}

export interface CertificateImportOutcome {
  readonly dryRun: boolean;
  readonly imported: number;
  readonly known: number;
  readonly refused: number;
  readonly items: readonly {
    readonly source?: string;
    readonly outcome: string;
    readonly serial?: string;
    readonly commonName?: string;
    readonly signerName?: string;
    readonly message?: string;
  }[];
}

export interface Node {
  readonly name: string;
  readonly state: string;
  readonly quarantined: boolean;
  readonly holdings: readonly {
    readonly signerName: string;
    readonly state: string;
    readonly serial: string;
    readonly notBefore: string;
    readonly notAfter: string;
    readonly renewal: { readonly begins: string; readonly ends: string };
    readonly renewsItself: boolean;
  }[];
  readonly certificates?: readonly (Certificate & {
    readonly replacedBy: readonly string[];
    readonly replacedAt?: string;
    readonly renewedLate: boolean;
  })[];
  readonly hasMoreCertificates?: boolean;
}

/** What a revocation hit, or would hit. */
export interface RevocationOutcome {
  readonly dryRun: boolean;
  readonly quarantined: boolean;
  readonly readmitted: boolean;
  readonly items: readonly Certificate[];
}

export interface Decision {
  readonly request: {
    readonly name: string;
    readonly uid: string;
    readonly signerName: string;
    readonly requester: string;
  };
  readonly outcome: string;
  readonly hook?: string;
  readonly reason: string;
  readonly message: string;
  /** Missing from what requesters see of their own. */
  readonly decidedBy?: string;
  readonly decidedAt: string;
  readonly rehearsal?: boolean;
  readonly trace: readonly TraceEntry[];
  readonly explanation?: { readonly flips: readonly Flip[] };
}

export interface TraceEntry {
  readonly hook: string;
  readonly required: boolean;
  readonly kind: string;
  readonly reason: string;
  readonly message: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** The smallest change of verdicts that would bring another outcome. */
export interface Flip {
  readonly outcome: string;
  readonly message: string;
  readonly changes: readonly { readonly hook: string; readonly hint?: string }[];
}

export interface ExplainRequest {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly metadata?: unknown;
  readonly spec?: unknown;
  readonly requestPem?: string;
  readonly signerName?: string;
  readonly usages?: readonly string[];
  readonly expirationSeconds?: number;
  readonly requester?: { readonly username: string; readonly groups?: readonly string[] };
}

export interface Machine {
  readonly attestor: string;
  readonly machineId: string;
  readonly state: string;
  readonly enrolled: boolean;
  readonly nodeName?: string;
  readonly boundTo?: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly pins: Readonly<Record<string, string>>;
  readonly attestedAt?: string;
  readonly createdAt: string;
  readonly bindings?: readonly {
    readonly id: string;
    readonly nodeName: string;
    readonly state: string;
    readonly profile: string;
    readonly fields: Readonly<Record<string, string>>;
    readonly dnsNames: readonly string[];
    readonly ipAddresses: readonly string[];
    readonly createdAt: string;
    readonly attestedAt: string;
  }[];
}

export interface BootstrapToken {
  readonly id: string;
  readonly description: string;
  readonly groups: readonly string[];
  /** Missing from servers before there were any. */
  readonly usages?: readonly string[];
  readonly nodeName?: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly createdBy: string;
  readonly token?: string;
}

export interface Issuer {
  readonly id: string;
  readonly name: string;
  readonly commonName: string;
  readonly slot: string;
  readonly origin: string;
  readonly keyAlgorithm: string;
  readonly notAfter: string;
  readonly endedAt?: string;
  readonly certificatePem: string;
}

export interface IssuerRotation {
  readonly name: string;
  readonly phase: string;
  readonly summary: string;
  readonly trust?: {
    readonly shown: number;
    readonly total: number;
    readonly missing: readonly string[];
    readonly given?: string;
  };
  readonly slots: readonly {
    readonly id: string;
    readonly slot: string;
    readonly keyAlgorithm: string;
    readonly liveCertificates: number;
    readonly nodeCertificates: number;
    readonly blockingCertificates: number;
    readonly notAfter: string;
  }[];
  readonly refusal?: string;
  readonly requestPem?: string;
}

export interface ConfiguredIssuer {
  readonly name: string;
  readonly state: string;
  readonly issuerId?: string;
  readonly problem?: string;
  readonly signerNames: readonly string[];
}

export interface IssuerRequest {
  readonly requestPem: string;
}

export interface Reencryption {
  readonly provider: string;
  readonly keyName?: string;
  readonly sealedFiles: number;
  readonly rewritten: number;
}

/** An entry of the ledger's hash chain: what was decided, signed, made or taken away. */
export interface AuditEntry {
  readonly sequence: number;
  readonly at: string;
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
}

/** What was asked. Source: kubernetes staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go (Event). */
export interface AuditEvent {
  readonly kind: string;
  readonly stage?: string;
  readonly verb?: string;
  readonly requestURI?: string;
  readonly user?: { readonly username?: string };
  readonly impersonatedUser?: { readonly username?: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly stageTimestamp?: string;
}

export interface LedgerCheckpoint {
  readonly checkpoint: string;
  readonly publicKey: string;
}

/** That an entry is in the ledger. */
export interface LedgerProof {
  readonly kind: "LedgerProof";
  readonly sequence: number;
  readonly entry: string;
  /** Base64. */
  readonly path: readonly string[];
  readonly checkpoint: string;
}

/** That the ledger was only added to. */
export interface LedgerConsistency {
  readonly kind: "LedgerConsistency";
  readonly from: number;
  /** Base64. */
  readonly path: readonly string[];
  readonly checkpoint: string;
}

export interface LedgerVerification {
  readonly revision: number;
  readonly auditEntries: number;
  readonly auditHead: string;
  readonly certificates: number;
  readonly decisions: number;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** How far a verification is, in certificates. */
export interface VerificationProgress {
  readonly done: number;
  readonly total: number;
}

/** One hook of the chain in force; patterns that are absent stand for all. */
export interface DescribedHook {
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  readonly signers?: readonly string[];
  readonly requesters?: { readonly users: readonly string[]; readonly groups: readonly string[] };
  readonly quorum?: number;
  readonly asking?: number;
  readonly waiting?: number;
}

/** What the shadow chain would have decided otherwise. */
export interface ShadowChain {
  readonly counts?: {
    readonly since: string;
    readonly agreed: number;
    readonly differed: readonly { readonly live: string; readonly shadow: string; readonly count: number }[];
    readonly failed: number;
    readonly dropped: number;
  };
  readonly examples: readonly {
    readonly at: string;
    readonly request: { readonly name: string; readonly requester: string };
    readonly live: { readonly outcome: string };
    readonly shadow: { readonly outcome: string; readonly hook?: string; readonly message: string };
  }[];
}

export interface ApprovalChain {
  readonly since: string;
  readonly guards: Readonly<Record<string, boolean | number | string>>;
  readonly hooks: readonly DescribedHook[];
  readonly configurationFile?: {
    readonly path: string;
    readonly problem?: { readonly message: string; readonly since: string };
    readonly needsRestart: readonly string[];
  };
}

/** One run of a job of the scheduler. */
export interface JobRun {
  readonly id: number;
  readonly job: string;
  readonly trigger: string;
  readonly requestedBy?: string;
  readonly dryRun: boolean;
  readonly holder: string;
  readonly outcome: "running" | "succeeded" | "failed" | "interrupted";
  readonly startedAt: string;
  readonly durationMilliseconds?: number;
  readonly summary: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface Job {
  readonly name: string;
  readonly description: string;
  readonly schedule: string;
  readonly enabled: boolean;
  readonly nextAt?: string;
  readonly problem?: string;
  readonly lastRun?: JobRun;
}
