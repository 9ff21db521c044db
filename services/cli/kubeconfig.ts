import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import {
  credentialsOf,
  type Kubeconfig,
  KubeconfigError,
  readKubeconfig,
  serverOf,
} from "../shared/kubernetes/kubeconfig.ts";
import { CommandError } from "./command-error.ts";
import type { Terminal } from "./terminal.ts";

/** Where to connect and who to be. Keys and tokens in here never reach a message. */
export interface Connection {
  readonly server: URL;
  /** Undefined trusts what the system trusts. */
  readonly caPem: string | undefined;
  readonly clientCertificatePem: string | undefined;
  readonly clientKeyPem: string | undefined;
  readonly token: string | undefined;
  /** The name to expect in the server's certificate, when it is not the host of `server`. */
  readonly tlsServerName: string | undefined;
  readonly skipsVerification: boolean;
  /** For messages: the files, and the names in them. */
  readonly source: string;
  readonly contextName: string;
  readonly userName: string;
}

export interface ConnectionChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

interface LoadedFile {
  readonly path: string;
  readonly content: Kubeconfig;
}

/**
 * The connection a kubeconfig describes: of `--kubeconfig`, `$GATEHOUSE_KUBECONFIG`, `./data/admin.kubeconfig`,
 * `$KUBECONFIG` and `~/.kube/config` the first that is there.
 *
 * @throws {CommandError} naming the file, the entry and the way out.
 */
export function loadConnection(choice: ConnectionChoice, terminal: Terminal): Connection {
  const paths = chooseFiles(choice, terminal);
  try {
    return connectionOf(
      paths.map((path) => ({ path, content: readKubeconfig(path) })),
      choice,
    );
  } catch (error) {
    if (error instanceof KubeconfigError) throw new CommandError(error.message, error.hint, { cause: error });
    throw error;
  }
}

function connectionOf(files: readonly LoadedFile[], choice: ConnectionChoice): Connection {
  const source = files.map((file) => file.path).join(delimiter);
  const contextName = choice.context ?? firstOf(files, (file) => file.content["current-context"] || undefined);
  if (contextName === undefined) {
    throw new CommandError(`${source} has no current-context`, "Name one with --context.");
  }
  const context = firstOf(files, ({ content }) => content.contexts?.find(({ name }) => name === contextName)?.context);
  if (context === undefined) throw unknownContext(source, contextName, files);
  const cluster = find(files, "clusters", context.cluster, source);
  const where = `cluster "${context.cluster}" of ${cluster.file.path}`;
  const { url, ...server } = serverOf(cluster.entry.cluster, { path: cluster.file.path, where });
  const userName = context.user ?? "";
  return { server: url, ...server, ...credentialsIn(files, userName, source), source, contextName, userName };
}

function credentialsIn(files: readonly LoadedFile[], name: string, source: string) {
  if (name === "") return { clientCertificatePem: undefined, clientKeyPem: undefined, token: undefined };
  const { file, entry } = find(files, "users", name, source);
  const credentials = credentialsOf(entry.user, { path: file.path, where: `user "${name}" of ${file.path}` });
  return { ...credentials, token: credentials.token() };
}

function chooseFiles(choice: ConnectionChoice, terminal: Terminal): readonly string[] {
  const { environment, workingDirectory, homeDirectory } = terminal;
  const inWorkingDirectory = (path: string): string => resolve(workingDirectory, path);
  if (choice.kubeconfig !== undefined) return [inWorkingDirectory(choice.kubeconfig)];
  const ours = environment["GATEHOUSE_KUBECONFIG"];
  if (ours) return [inWorkingDirectory(ours)];
  const serverMade = join(workingDirectory, "data", "admin.kubeconfig");
  if (existsSync(serverMade)) return [serverMade];
  const listed = (environment["KUBECONFIG"] ?? "").split(delimiter).filter(Boolean).map(inWorkingDirectory);
  const present = listed.filter((path) => existsSync(path));
  if (present.length > 0) return present;
  const standard = join(homeDirectory, ".kube", "config");
  if (listed.length === 0 && existsSync(standard)) return [standard];
  const looked = ["$GATEHOUSE_KUBECONFIG", serverMade, ...(listed.length > 0 ? listed : ["$KUBECONFIG", standard])];
  throw new CommandError(
    `no kubeconfig was found; looked at ${looked.join(", ")}`,
    'Start a server with "gatehouse serve", which leaves data/admin.kubeconfig, or name a file with --kubeconfig.',
  );
}

function unknownContext(source: string, name: string, files: readonly LoadedFile[]): CommandError {
  const known = files.flatMap(({ content }) => (content.contexts ?? []).map((context) => context.name));
  const hint = known.length === 0 ? "It has no contexts at all." : `It has ${known.join(", ")}; choose with --context.`;
  return new CommandError(`${source} has no context "${name}"`, hint);
}

function find<Kind extends "clusters" | "users">(
  files: readonly LoadedFile[],
  kind: Kind,
  name: string,
  source: string,
): { readonly file: LoadedFile; readonly entry: NonNullable<Kubeconfig[Kind]>[number] } {
  for (const file of files) {
    const entries: readonly NonNullable<Kubeconfig[Kind]>[number][] = file.content[kind] ?? [];
    const entry = entries.find((candidate) => candidate.name === name);
    if (entry !== undefined) return { file, entry };
  }
  throw new CommandError(`${source} has no entry "${name}" in ${kind}, which its context names`);
}

function firstOf<T>(files: readonly LoadedFile[], select: (file: LoadedFile) => T | undefined): T | undefined {
  for (const file of files) {
    const found = select(file);
    if (found !== undefined) return found;
  }
  return undefined;
}
