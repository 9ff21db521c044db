import { lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { error, type Finding, messageOf, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import { currentFile } from "../../joining/node-files.ts";
import type { KubeconfigState, NodeCheck, NodeContext } from "../contract.ts";

const OTHERS = 0o077;
const WRITABLE_BY_OTHERS = 0o022;

export const privateFiles: NodeCheck = {
  id: "node.files",
  title: "files with keys and tokens: mode and owner; nobody else may replace them",
  async run(context) {
    const { certificateDirectory, kubeconfig, bootstrapKubeconfig } = context.settings;
    const names = (await readdir(certificateDirectory).catch(() => [])).filter((name) => /\.(pem|key|tmp)$/.test(name));
    const files = [...names.map((name) => join(certificateDirectory, name)), kubeconfig, bootstrapKubeconfig];
    const directories = [...new Set([certificateDirectory, dirname(kubeconfig)])];
    const findings = (
      await Promise.all([
        ...files.map((path) => fileFindings(path, context)),
        ...directories.map((path) => directoryFindings(path)),
      ])
    ).flat();
    const problems = findings.filter(({ outcome }) => outcome !== "ok");
    if (problems.length > 0) return problems;
    if (findings.length === 0) {
      return [skipped(certificateDirectory, "there are no files yet; gatehouse join makes them")];
    }
    return [ok(certificateDirectory, `${findings.length} files and directories are their owner's alone`)];
  },
};

async function fileFindings(path: string, { uid }: NodeContext): Promise<readonly Finding[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    const isLink = await lstat(path).then(
      (entry) => entry.isSymbolicLink(),
      () => false,
    );
    return isLink ? [error(path, "is a link that leads nowhere", `rm ${path}, then gatehouse join --certificate`)] : [];
  }
  if ((found.mode & OTHERS) !== 0)
    return [error(path, `mode ${octal(found.mode)} lets others in`, `chmod 600 ${path}`)];
  if (uid !== undefined && uid !== 0 && found.uid !== uid) {
    return [warning(path, `belongs to user ${found.uid}, and this is user ${uid}`, "run as the kubelet's user")];
  }
  return [ok(path, octal(found.mode))];
}

async function directoryFindings(path: string): Promise<readonly Finding[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return [];
  if ((found.mode & WRITABLE_BY_OTHERS) === 0) return [ok(path, octal(found.mode))];
  return [error(path, `mode ${octal(found.mode)} lets others put files in its place`, `chmod go-w ${path}`)];
}

export const kubeconfigs: NodeCheck = {
  id: "node.kubeconfig",
  title: "the kubelet's kubeconfig, and what is left of bootstrapping",
  run(context) {
    const { kubeconfig, bootstrapKubeconfig, settings } = context;
    const joined = kubeconfigFindings(settings, kubeconfig, bootstrapKubeconfig);
    return [...joined, ...bootstrapFindings(settings.bootstrapKubeconfig, bootstrapKubeconfig, kubeconfig)];
  },
};

function kubeconfigFindings(
  { kubeconfig: path, certificateDirectory }: NodeContext["settings"],
  state: KubeconfigState,
  bootstrap: KubeconfigState,
): readonly Finding[] {
  if (state.kind === "unreadable") return [error(path, state.reason, `rm ${path}, then gatehouse join --certificate`)];
  if (state.kind === "absent") {
    if (bootstrap.kind === "here") return [ok(path, "does not exist yet; the kubelet makes it when it bootstraps")];
    return [error(path, "does not exist, and there is nothing to bootstrap with", "gatehouse join (see --help)")];
  }
  const { server, user } = state.content;
  const { origin } = server.url;
  if (user === undefined)
    return [error(path, `shows ${origin} no certificate`, "gatehouse join --certificate --replace")];
  if (user.kind === "token") {
    const text = `shows ${origin} a token; a node has a certificate`;
    return [warning(path, text, "gatehouse join --certificate --replace")];
  }
  if (user.kind === "embedded") {
    const text = "holds the certificate itself: what the kubelet renews does not get there";
    return [warning(path, text, `have client-certificate and client-key name ${currentFile(certificateDirectory)}`)];
  }
  const trusts = server.caPem === undefined ? "; it trusts what the system trusts" : "";
  return [ok(path, `leads to ${origin} with ${user.certificateFile}${trusts}`)];
}

function bootstrapFindings(path: string, state: KubeconfigState, joined: KubeconfigState): readonly Finding[] {
  if (state.kind === "unreadable") return [warning(path, state.reason, `rm ${path}`)];
  const isLeft = state.kind === "here" && joined.kind === "here" && state.content.user?.kind === "token";
  if (isLeft) return [warning(path, "still holds a token, which the node needs no more", `rm ${path}`)];
  return [];
}

/** What a kubeconfig's reader says, or what it read. */
export function stateOf<T>(
  read: () => T | undefined,
): { kind: "absent" } | { kind: "unreadable"; reason: string } | { kind: "here"; content: T } {
  try {
    const content = read();
    return content === undefined ? { kind: "absent" } : { kind: "here", content };
  } catch (thrown) {
    return { kind: "unreadable", reason: messageOf(thrown) };
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
