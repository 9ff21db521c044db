import { existsSync } from "node:fs";
import { join } from "node:path";
import { AgentError } from "../agent-error.ts";
import { oneLine } from "../certificates/check-answer.ts";
import { type Credential, readCredential } from "../certificates/credential-files.ts";
import { type KubeletKubeconfig, readKubeletKubeconfig } from "./kubelet-kubeconfig.ts";
import { nodeNameIn, nodeSubject } from "./node-request.ts";

/** Where a kubelet looks for what it joins with; absolute. */
export interface NodePaths {
  /** What it bootstraps with; undefined when none is wanted. */
  readonly bootstrapKubeconfig: string | undefined;
  /** What it has from then on. */
  readonly kubeconfig: string;
  readonly certificateDirectory: string;
}

/** What is there of it. */
export interface NodeFiles {
  readonly bootstrapKubeconfig: KubeletKubeconfig | undefined;
  readonly kubeconfig: KubeletKubeconfig | undefined;
  /** A certificate of this node that is valid now, and its key. */
  readonly credential: Credential | undefined;
}

/** The link by which a kubelet finds its client certificate and key. */
export function currentFile(certificateDirectory: string): string {
  return join(certificateDirectory, "kubelet-client-current.pem");
}

/**
 * @param nodeName - undefined takes any node's.
 * @throws {AgentError} `unusable` when something is there that is not this node's, or cannot be read.
 */
export async function readNodeFiles(paths: NodePaths, nodeName: string | undefined, now: Date): Promise<NodeFiles> {
  const { bootstrapKubeconfig: bootstrap } = paths;
  return {
    bootstrapKubeconfig: bootstrap === undefined ? undefined : readKubeletKubeconfig(bootstrap),
    kubeconfig: readKubeletKubeconfig(paths.kubeconfig),
    credential: await validCredential(currentFile(paths.certificateDirectory), nodeName, now),
  };
}

/** The certificate that the kubelet has now, whichever node's; undefined without one that serves. */
export function presentCredential(certificateDirectory: string, now: Date): Promise<Credential | undefined> {
  return validCredential(currentFile(certificateDirectory), undefined, now).catch(() => undefined);
}

async function validCredential(path: string, nodeName: string | undefined, now: Date): Promise<Credential | undefined> {
  // A link that points nowhere is as good as none.
  if (!existsSync(path)) return undefined;
  const credential = await readCredential({ certificateFile: path, keyFile: undefined }).catch((cause: unknown) => {
    if (!(cause instanceof AgentError)) throw cause;
    const hint = "Remove the file, or have it replaced with --replace.";
    throw new AgentError("unusable", cause.message, { cause, hint });
  });
  const { subject, validToDate } = credential.parts.certificate;
  const isExpected = nodeName === undefined ? nodeNameIn(subject) !== undefined : subject === nodeSubject(nodeName);
  if (!isExpected) {
    const whose = oneLine(subject);
    const hint = "Is --node-name right? To give this host another name, use --replace.";
    throw new AgentError("unusable", `${path} is the certificate of ${whose}, not of node ${nodeName ?? ""}`, { hint });
  }
  return validToDate > now ? credential : undefined;
}
