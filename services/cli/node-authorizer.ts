/** What the commands use of the node-authorizer's main module. */
export interface NodeAuthorizer {
  /** Resolves when the server accepts connections. */
  readonly serveNodeAuthorizer: (options: NodeAuthorizerServerOptions) => Promise<void>;
  readonly manifests: (settings: ManifestSettings) => readonly Manifest[];
  /** The graph of a file of objects, or of standard input. */
  readonly graphOfObjects: (source: string, featureGates: string) => Promise<AskedGraph>;
}

export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Why a node may, or may not, reach an object. */
export interface NodeExplanation {
  readonly verdict: "allow" | "deny" | "noOpinion";
  readonly reason: string;
  /** From the object to the node; empty without one. */
  readonly path: readonly ObjectRef[];
  readonly missing?: string | undefined;
}

export interface ReaderList {
  readonly items: readonly { readonly node: string; readonly path: readonly ObjectRef[] }[];
}

export interface ReadableObjects {
  readonly objects: readonly ObjectRef[];
}

/** What draining a node does to what it can read. */
export interface Drain {
  readonly evicted: readonly ObjectRef[];
  readonly staying: readonly ObjectRef[];
  readonly lost: readonly ObjectRef[];
  readonly kept: readonly ObjectRef[];
}

export interface ChangeList {
  readonly revision: number;
  readonly oldestRevision: number;
  readonly isComplete: boolean;
  readonly changes: readonly {
    readonly revision: number;
    readonly change: "granted" | "withdrawn";
    readonly node: string;
    readonly object: ObjectRef;
  }[];
}

interface ObjectQuery {
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** What a graph can be asked. */
export interface AskedGraph {
  explain(
    query: ObjectQuery & { readonly node: string; readonly verb: string; readonly subresource: string },
  ): Promise<NodeExplanation>;
  readers(query: ObjectQuery): Promise<ReaderList>;
  readable(node: string): Promise<ReadableObjects>;
  drain(node: string): Promise<Drain>;
}

export interface NodeAuthorizerServerOptions {
  readonly listen: string;
  readonly mode: "veto" | "full";
  readonly featureGates: string;
  readonly kubeconfig: string | undefined;
  readonly objects: string | undefined;
  readonly tls: { readonly certificateFile: string; readonly keyFile: string } | undefined;
  readonly makeServing: () => Promise<{ readonly certificatePem: string; readonly keyPem: string }>;
  readonly clientCaFile: string | undefined;
  readonly allowedClients: readonly string[];
  readonly revocations: string | undefined;
  readonly authority: string | undefined;
  readonly stateDirectory: string;
  readonly requireCredentialId: boolean;
  readonly logLevel: "silent" | "error" | "warn" | "info" | "debug";
}

export interface ManifestSettings {
  readonly url: string;
  readonly mode: "veto" | "full";
  readonly rememberedSeconds: number | undefined;
  readonly directory: string;
  readonly caPem: string;
  readonly clientCertificatePem: string;
  readonly clientKeyPem: string;
  readonly userName: string;
}

export interface Manifest {
  readonly name: string;
  readonly content: string;
  readonly isSecret: boolean;
}

/** Loads the server's code, which other commands never need. */
export type LoadNodeAuthorizer = () => Promise<NodeAuthorizer>;

export const loadNodeAuthorizer: LoadNodeAuthorizer = () => import("../node-authorizer/main.ts");
