import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import type { Credentials } from "../api/asked-server.ts";
import type { RehearsedAttestation } from "../attesting/attest.ts";
import type { EvidenceSource } from "../evidence/open-evidence.ts";
import type { NodePaths } from "./node-files.ts";
import type { NamedServer } from "./trusted-server.ts";

/** By evidence of what this host is. */
export interface AttestationAdmission {
  readonly kind: "attestation";
  /** Undefined takes the one that the evidence leads to. */
  readonly nodeName: string | undefined;
  readonly source: EvidenceSource;
  /** Which of several profiles of the attestor. */
  readonly profile: string | undefined;
  /** As evidence names the attestation API; undefined takes any at the server's own address. */
  readonly audience: string | undefined;
}

/** By what this host is let in. */
export type Admission =
  | AttestationAdmission
  | {
      readonly kind: "credentials";
      readonly nodeName: string;
      /** Called once one is needed. */
      readonly credentials: () => Promise<NonNullable<Credentials>>;
    };

/** Which node joins, where, and what it is to have afterwards. */
export interface JoinOptions {
  /** With attestation the one that attests, which says itself where the kubelet goes. */
  readonly server: NamedServer;
  readonly admission: Admission;
  readonly paths: NodePaths;
  /** Whether the certificate is asked for here, instead of by the kubelet. */
  readonly wantsCertificate: boolean;
  /** Nothing is changed; what would be is told. */
  readonly isDryRun: boolean;
  /** What is there of another node or server gives way. */
  readonly mayReplace: boolean;
  /** How long to wait for approval and certificate. */
  readonly waitSeconds: number;
  /** How long to go on trying while the server cannot be reached. */
  readonly retrySeconds: number;
}

export interface JoinDependencies {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What became of a file; `wouldWrite` when nothing was to be changed. */
export type FileState = "kept" | "written" | "wouldWrite";

export interface JoinOutcome {
  /** Undefined where evidence would have to tell it. */
  readonly nodeName?: string;
  readonly server: string;
  readonly isDryRun: boolean;
  readonly files: readonly {
    readonly what: "bootstrapKubeconfig" | "certificate" | "kubeconfig";
    readonly path: string;
    readonly state: FileState;
  }[];
  /** The client certificate that the kubelet will find. */
  readonly certificate?: { readonly notAfter: Date; readonly fingerprint: string };
  /** The request that was made for it. */
  readonly requestName?: string;
  /** Until when the kubelet has to have bootstrapped, when that is soon. */
  readonly bootstrapBefore?: Date;
  /** What would be proven, in a dry run. */
  readonly evidence?: RehearsedAttestation;
}
