import type { Clock } from "../../shared/clock.ts";
import { isDnsSubdomain } from "../../shared/dns-names.ts";
import type { Logger } from "../../shared/logging.ts";
import { AgentError } from "../agent-error.ts";
import type { Credentials, ServerAddress } from "../api/asked-server.ts";
import { type Patience, patience, patientApi } from "../api/patient.ts";
import { signingApi } from "../api/signing-api.ts";
import type { CertificateParts } from "../certificates/certificate-parts.ts";
import { isSameServer, isSameUser, type KubeconfigUser, kubeconfigText, userOf } from "./kubelet-kubeconfig.ts";
import { requireMayAsk } from "./may-ask.ts";
import { currentFile, type NodeFiles, type NodePaths, readNodeFiles } from "./node-files.ts";
import { obtainCertificate } from "./obtain-certificate.ts";
import { pendingKey } from "./pending-key.ts";
import { type NamedServer, trustedServer } from "./trusted-server.ts";
import { writeNodeFile } from "./write-node-file.ts";

/** Which node joins, where, and what it is to have afterwards. */
export interface JoinOptions {
  readonly nodeName: string;
  readonly server: NamedServer;
  /** Called once a credential is needed. */
  readonly credentials: () => Promise<NonNullable<Credentials>>;
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
  readonly nodeName: string;
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
}

const NOTHING: NodeFiles = { bootstrapKubeconfig: undefined, kubeconfig: undefined, credential: undefined };

/**
 * Prepares a host for its kubelet: leaves a kubeconfig to bootstrap with, or asks for the client certificate itself and
 * leaves it where the kubelet looks. What is there already stays; a run that was killed is gone on with by the next one.
 *
 * @throws {AgentError}
 */
export async function join(options: JoinOptions, deps: JoinDependencies): Promise<JoinOutcome> {
  requireNodeName(options.nodeName);
  const again = patience(options.retrySeconds, deps);
  const server = await trustedServer(options.server, again);
  const found = await lookAround(options, server, deps.clock.now());
  const work = { options, server, found, again, deps };
  if (found.credential !== undefined) return finish(work, found.credential.parts);
  const credentials = await options.credentials();
  await again(() => requireMayAsk(server, credentials));
  const bootstrap = await leaveBootstrap(work, credentials);
  if (!options.wantsCertificate) return { ...outcomeOf(work), files: bootstrap };
  const obtained = options.isDryRun ? undefined : await obtain(work, credentials);
  const rest = await leaveKubeconfig(work);
  if (obtained === undefined) {
    return { ...outcomeOf(work), files: [...bootstrap, certificateFile(work, "wouldWrite"), ...rest] };
  }
  await pendingKey(options.paths.certificateDirectory).remove();
  const files = [...bootstrap, certificateFile(work, "written"), ...rest];
  const { parts, requestName } = obtained;
  return { ...outcomeOf(work), files, certificate: described(parts), requestName };
}

function obtain({ options, server, again, deps }: Work, credentials: NonNullable<Credentials>) {
  const { nodeName, waitSeconds } = options;
  const { certificateDirectory } = options.paths;
  const api = patientApi(signingApi(server, credentials), again);
  return obtainCertificate(api, { nodeName, waitSeconds, certificateDirectory }, deps);
}

interface Work {
  readonly options: JoinOptions;
  readonly server: ServerAddress;
  readonly found: NodeFiles;
  readonly again: Patience;
  readonly deps: JoinDependencies;
}

function requireNodeName(nodeName: string): void {
  if (isDnsSubdomain(nodeName)) return;
  const hint =
    "It must be a lower-case DNS subdomain of at most 253 characters, like worker-1 or worker-1.example.com.";
  throw new AgentError("unusable", `"${nodeName}" cannot be the name of a node`, { hint });
}

/** What is there; of another server it is not overwritten by mistake. */
async function lookAround(
  { paths, nodeName, mayReplace }: JoinOptions,
  server: ServerAddress,
  now: Date,
): Promise<NodeFiles> {
  if (mayReplace) return NOTHING;
  const found = await readNodeFiles(paths, nodeName, now);
  for (const [path, kubeconfig] of [
    [paths.bootstrapKubeconfig, found.bootstrapKubeconfig],
    [paths.kubeconfig, found.kubeconfig],
  ] as const) {
    if (kubeconfig === undefined || isSameServer(kubeconfig.server, server)) continue;
    const { href } = kubeconfig.server.url;
    const other = href === server.url.href ? `${href} with another CA` : href;
    const hint = "To have this host join the other one, use --replace.";
    throw new AgentError("unusable", `${path} is for ${other}, not for ${server.url.href}`, { hint });
  }
  return found;
}

/** The certificate is there; a kubeconfig that is missing is left as well. */
async function finish(work: Work, parts: CertificateParts): Promise<JoinOutcome> {
  const { isDryRun, wantsCertificate, paths } = work.options;
  const rest = wantsCertificate ? await leaveKubeconfig(work) : [];
  if (!isDryRun) await pendingKey(paths.certificateDirectory).remove();
  return { ...outcomeOf(work), files: [certificateFile(work, "kept"), ...rest], certificate: described(parts) };
}

function certificateFile({ options }: Work, state: FileState) {
  return { what: "certificate", path: currentFile(options.paths.certificateDirectory), state } as const;
}

function outcomeOf({ options, server }: Work) {
  return { nodeName: options.nodeName, server: server.url.origin, isDryRun: options.isDryRun };
}

function described({ certificate }: CertificateParts) {
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  return { notAfter: certificate.validToDate, fingerprint };
}

async function leaveBootstrap(work: Work, credentials: NonNullable<Credentials>): Promise<JoinOutcome["files"]> {
  const { bootstrapKubeconfig: path } = work.options.paths;
  if (path === undefined) return [];
  const state = await leave(work, path, work.found.bootstrapKubeconfig?.user, userOf(credentials));
  return [{ what: "bootstrapKubeconfig", path, state }];
}

async function leaveKubeconfig(work: Work): Promise<JoinOutcome["files"]> {
  const { kubeconfig: path, certificateDirectory } = work.options.paths;
  const file = currentFile(certificateDirectory);
  const user = { kind: "files", certificateFile: file, keyFile: file } as const;
  return [{ what: "kubeconfig", path, state: await leave(work, path, work.found.kubeconfig?.user, user) }];
}

async function leave(work: Work, path: string, found: KubeconfigUser, wanted: KubeconfigUser): Promise<FileState> {
  if (isSameUser(found, wanted)) return "kept";
  if (work.options.isDryRun) return "wouldWrite";
  await writeNodeFile(path, kubeconfigText({ server: work.server, user: wanted }));
  return "written";
}
