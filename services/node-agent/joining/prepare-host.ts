import { AgentError } from "../agent-error.ts";
import type { Credentials, ServerAddress } from "../api/asked-server.ts";
import { type Patience, patientApi } from "../api/patient.ts";
import { signingApi } from "../api/signing-api.ts";
import type { CertificateParts } from "../certificates/certificate-parts.ts";
import type { FileState, JoinDependencies, JoinOptions, JoinOutcome } from "./join-options.ts";
import { isSameServer, isSameUser, type KubeconfigUser, kubeconfigText, userOf } from "./kubelet-kubeconfig.ts";
import { requireMayAsk } from "./may-ask.ts";
import { currentFile, type NodeFiles, type NodePaths } from "./node-files.ts";
import { obtainCertificate } from "./obtain-certificate.ts";
import { pendingKey } from "./pending-key.ts";
import { writeNodeFile } from "./write-node-file.ts";

/** One run: what is asked for, what is there, and what it is done with. */
export interface Work {
  readonly options: JoinOptions;
  readonly found: NodeFiles;
  readonly again: Patience;
  readonly deps: JoinDependencies;
}

/** Which node joins, and where its kubelet goes. */
export interface Target {
  readonly nodeName: string;
  readonly server: ServerAddress;
}

/** What is there of another server is not overwritten by mistake. */
export function requireSameServer(found: NodeFiles, server: ServerAddress, paths: NodePaths): void {
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
}

/** Leaves everything that is wanted, by a credential that is at hand. */
export async function prepare(work: Work, target: Target, credentials: NonNullable<Credentials>): Promise<JoinOutcome> {
  const { options, again } = work;
  await again(() => requireMayAsk(target.server, credentials));
  const bootstrap = await leaveBootstrap(work, target, credentials);
  if (!options.wantsCertificate) return { ...outcomeOf(work, target), files: bootstrap };
  const obtained = options.isDryRun ? undefined : await obtain(work, target, credentials);
  const rest = await leaveKubeconfig(work, target);
  if (obtained === undefined) {
    return { ...outcomeOf(work, target), files: [...bootstrap, certificateFile(options, "wouldWrite"), ...rest] };
  }
  await pendingKey(options.paths.certificateDirectory).remove();
  const files = [...bootstrap, certificateFile(options, "written"), ...rest];
  const { parts, requestName } = obtained;
  return { ...outcomeOf(work, target), files, certificate: described(parts), requestName };
}

function obtain({ options, again, deps }: Work, { nodeName, server }: Target, credentials: NonNullable<Credentials>) {
  const { certificateDirectory } = options.paths;
  const api = patientApi(signingApi(server, credentials), again);
  return obtainCertificate(api, { nodeName, waitSeconds: options.waitSeconds, certificateDirectory }, deps);
}

/** The certificate is there; a kubeconfig that is missing is left as well. */
export async function finish(work: Work, target: Target, parts: CertificateParts): Promise<JoinOutcome> {
  const { isDryRun, wantsCertificate, paths } = work.options;
  const rest = wantsCertificate ? await leaveKubeconfig(work, target) : [];
  if (!isDryRun) await pendingKey(paths.certificateDirectory).remove();
  const files = [certificateFile(work.options, "kept"), ...rest];
  return { ...outcomeOf(work, target), files, certificate: described(parts) };
}

export function certificateFile({ paths }: JoinOptions, state: FileState) {
  return { what: "certificate", path: currentFile(paths.certificateDirectory), state } as const;
}

function outcomeOf({ options }: Work, { nodeName, server }: Target) {
  return { nodeName, server: server.url.origin, isDryRun: options.isDryRun };
}

export function described({ certificate }: CertificateParts) {
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  return { notAfter: certificate.validToDate, fingerprint };
}

async function leaveBootstrap(
  work: Work,
  target: Target,
  credentials: NonNullable<Credentials>,
): Promise<JoinOutcome["files"]> {
  const { bootstrapKubeconfig: path } = work.options.paths;
  if (path === undefined) return [];
  const state = await leave(work, target, path, work.found.bootstrapKubeconfig?.user, userOf(credentials));
  return [{ what: "bootstrapKubeconfig", path, state }];
}

async function leaveKubeconfig(work: Work, target: Target): Promise<JoinOutcome["files"]> {
  const { kubeconfig: path, certificateDirectory } = work.options.paths;
  const file = currentFile(certificateDirectory);
  const user = { kind: "files", certificateFile: file, keyFile: file } as const;
  return [{ what: "kubeconfig", path, state: await leave(work, target, path, work.found.kubeconfig?.user, user) }];
}

async function leave(
  work: Work,
  { server }: Target,
  path: string,
  found: KubeconfigUser,
  wanted: KubeconfigUser,
): Promise<FileState> {
  if (isSameUser(found, wanted)) return "kept";
  if (work.options.isDryRun) return "wouldWrite";
  await writeNodeFile(path, kubeconfigText({ server, user: wanted }));
  return "written";
}
