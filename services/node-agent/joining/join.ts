import { X509Certificate } from "node:crypto";
import { isDnsSubdomain } from "../../shared/dns-names.ts";
import { AgentError } from "../agent-error.ts";
import type { ServerAddress } from "../api/asked-server.ts";
import { patience } from "../api/patient.ts";
import { attest, rehearseAttestation } from "../attesting/attest.ts";
import type { AttestationAdmission, JoinDependencies, JoinOptions, JoinOutcome } from "./join-options.ts";
import type { KubeletKubeconfig } from "./kubelet-kubeconfig.ts";
import { type NodeFiles, presentCredential, readNodeFiles } from "./node-files.ts";
import { nodeNameIn } from "./node-request.ts";
import { certificateFile, described, finish, prepare, requireSameServer, type Work } from "./prepare-host.ts";
import { trustedServer } from "./trusted-server.ts";

const NOTHING: NodeFiles = { bootstrapKubeconfig: undefined, kubeconfig: undefined, credential: undefined };
/** A credential that ends sooner serves no kubelet any more. */
const LEAST_LEFT_MILLISECONDS = 60_000;

/**
 * Prepares a host for its kubelet: leaves a kubeconfig to bootstrap with, or asks for the client certificate itself and
 * leaves it where the kubelet looks. What is there already stays; a run that was killed is gone on with by the next one.
 *
 * @throws {AgentError}
 */
export async function join(options: JoinOptions, deps: JoinDependencies): Promise<JoinOutcome> {
  const { admission, paths, mayReplace } = options;
  if (admission.nodeName !== undefined) requireNodeName(admission.nodeName);
  const again = patience(options.retrySeconds, deps);
  const server = await trustedServer(options.server, again);
  const found = mayReplace ? NOTHING : await readNodeFiles(paths, admission.nodeName, deps.clock.now());
  const work = { options, found, again, deps };
  if (admission.kind === "attestation") return joinByAttestation(work, admission, server);
  requireSameServer(found, server, paths);
  const { nodeName } = admission;
  const target = { nodeName, server };
  if (found.credential !== undefined) return finish(work, target, found.credential.parts);
  const credentials = await admission.credentials();
  return prepare(work, target, credentials);
}

async function joinByAttestation(
  work: Work,
  admission: AttestationAdmission,
  authority: ServerAddress,
): Promise<JoinOutcome> {
  const { options, found, again, deps } = work;
  const there = whatIsThere(work, authority);
  if (there !== undefined) return there;
  const { nodeName, source, profile, audience } = admission;
  const present = await presentCredential(options.paths.certificateDirectory, deps.clock.now());
  const attestation = { server: authority, source, profile, nodeName, audience, present };
  if (options.isDryRun) {
    const evidence = await rehearseAttestation(attestation, again, deps);
    const files = wouldWrite(options);
    return { ...(nodeName && { nodeName }), server: authority.url.origin, isDryRun: true, files, evidence };
  }
  const attested = await attest(attestation, again, deps);
  const { credentials, expiresAt, ...target } = attested;
  requireNodeName(target.nodeName);
  deps.logger.info({ nodeName: target.nodeName, attestor: source.kind, expiresAt }, "attested");
  requireSameServer(found, target.server, options.paths);
  const outcome = await prepare(work, target, credentials);
  return options.wantsCertificate ? outcome : { ...outcome, bootstrapBefore: expiresAt };
}

/** The outcome when this host needs no evidence any more, or not yet again. */
function whatIsThere({ options, found, deps }: Work, authority: ServerAddress): JoinOutcome | undefined {
  const { wantsCertificate, isDryRun, paths } = options;
  const { credential, kubeconfig, bootstrapKubeconfig } = found;
  const server = (kubeconfig ?? bootstrapKubeconfig)?.server ?? authority;
  const outcome = { server: server.url.origin, isDryRun };
  if (credential !== undefined && (kubeconfig !== undefined || !wantsCertificate)) {
    const { certificate } = credential.parts;
    const nodeName = nodeNameIn(certificate.subject) ?? "";
    const rest = wantsCertificate ? [{ what: "kubeconfig", path: paths.kubeconfig, state: "kept" } as const] : [];
    const files = [certificateFile(options, "kept"), ...rest];
    return { ...outcome, nodeName, files, certificate: described(credential.parts) };
  }
  const end = endOf(bootstrapKubeconfig);
  const isGood = end !== undefined && end.getTime() - deps.clock.now().getTime() > LEAST_LEFT_MILLISECONDS;
  if (wantsCertificate || !isGood || paths.bootstrapKubeconfig === undefined) return undefined;
  const file = { what: "bootstrapKubeconfig", path: paths.bootstrapKubeconfig, state: "kept" } as const;
  return { ...outcome, files: [file], bootstrapBefore: end };
}

/** Until when an attested credential in a kubeconfig serves; undefined for other credentials. */
function endOf(kubeconfig: KubeletKubeconfig | undefined): Date | undefined {
  const user = kubeconfig?.user;
  if (user?.kind !== "embedded") return undefined;
  try {
    return new X509Certificate(user.certificatePem).validToDate;
  } catch {
    return undefined;
  }
}

function wouldWrite(options: JoinOptions): JoinOutcome["files"] {
  const { bootstrapKubeconfig, kubeconfig } = options.paths;
  const state = "wouldWrite";
  const bootstrap =
    bootstrapKubeconfig === undefined
      ? []
      : [{ what: "bootstrapKubeconfig", path: bootstrapKubeconfig, state } as const];
  if (!options.wantsCertificate) return bootstrap;
  return [...bootstrap, certificateFile(options, state), { what: "kubeconfig", path: kubeconfig, state }];
}

function requireNodeName(nodeName: string): void {
  if (isDnsSubdomain(nodeName)) return;
  const hint =
    "It must be a lower-case DNS subdomain of at most 253 characters, like worker-1 or worker-1.example.com.";
  throw new AgentError("unusable", `"${nodeName}" cannot be the name of a node`, { hint });
}
