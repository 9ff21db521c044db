import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { CommandError, messageOf } from "./command-error.ts";
import { type ClusterEntry, type Kubeconfig, kubeconfigSchema, type UserEntry } from "./kubeconfig-schema.ts";
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

/** One file; relative paths in it are relative to its folder. */
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
  const files = chooseFiles(choice, terminal).map(loadFile);
  const source = files.map((file) => file.path).join(delimiter);
  const contextName = choice.context ?? firstOf(files, (file) => file.content["current-context"] || undefined);
  if (contextName === undefined) {
    throw new CommandError(`${source} has no current-context`, "Name one with --context.");
  }
  const context = firstOf(files, ({ content }) => content.contexts?.find(({ name }) => name === contextName)?.context);
  if (context === undefined) throw unknownContext(source, contextName, files);
  const cluster = find(files, "clusters", context.cluster, source);
  const userName = context.user ?? "";
  const user = userName === "" ? undefined : find(files, "users", userName, source);
  return {
    ...serverPart(cluster.file, cluster.entry.cluster, context.cluster),
    ...(user === undefined ? NO_CREDENTIALS : credentialPart(user.file, user.entry.user, userName)),
    source,
    contextName,
    userName,
  };
}

const NO_CREDENTIALS = { clientCertificatePem: undefined, clientKeyPem: undefined, token: undefined };

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

function loadFile(path: string): LoadedFile {
  const document = parseDocument(readText(path, `the kubeconfig ${path}`));
  const [problem] = document.errors;
  if (problem !== undefined) throw new CommandError(`${path} is not valid YAML: ${problem.message}`);
  const result = kubeconfigSchema.safeParse(document.toJS() ?? {});
  if (!result.success) {
    throw new CommandError(`${path} is not a kubeconfig:\n${z.prettifyError(result.error)}`);
  }
  return { path, content: result.data };
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

function serverPart(file: LoadedFile, cluster: ClusterEntry, name: string) {
  const where = `cluster "${name}" of ${file.path}`;
  if (!URL.canParse(cluster.server)) throw new CommandError(`${where}: server "${cluster.server}" is no URL`);
  const server = new URL(cluster.server);
  if (server.protocol !== "https:") {
    throw new CommandError(`${where}: server "${cluster.server}" is not https`, "Credentials travel over TLS only.");
  }
  if (cluster["proxy-url"]) throw new CommandError(`${where}: proxy-url is not supported`);
  return {
    server,
    caPem: dataOrFile(file, cluster["certificate-authority-data"], cluster["certificate-authority"], where),
    tlsServerName: cluster["tls-server-name"] || undefined,
    skipsVerification: cluster["insecure-skip-tls-verify"] ?? false,
  };
}

function credentialPart(file: LoadedFile, user: UserEntry, name: string) {
  const where = `user "${name}" of ${file.path}`;
  const foreign = (["exec", "auth-provider", "username"] as const).filter((key) => user[key]);
  if (foreign.length > 0) {
    throw new CommandError(
      `${where}: ${foreign.join(" and ")} cannot be used here`,
      "Use a kubeconfig with a client certificate or a token.",
    );
  }
  const token = user.token || (user.tokenFile ? readText(at(file, user.tokenFile), where).trim() : undefined);
  const clientCertificatePem = dataOrFile(file, user["client-certificate-data"], user["client-certificate"], where);
  const clientKeyPem = dataOrFile(file, user["client-key-data"], user["client-key"], where);
  if ((clientCertificatePem === undefined) !== (clientKeyPem === undefined)) {
    throw new CommandError(`${where}: a client certificate and its key must be given together`);
  }
  return { clientCertificatePem, clientKeyPem, token };
}

/** Inline data wins over a file, as in kubectl. */
function dataOrFile(
  file: LoadedFile,
  data: string | null | undefined,
  path: string | null | undefined,
  where: string,
): string | undefined {
  if (data) return Buffer.from(data, "base64").toString();
  return path ? readText(at(file, path), where) : undefined;
}

function at(file: LoadedFile, path: string): string {
  return resolve(dirname(file.path), path);
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new CommandError(`cannot read ${what}: ${messageOf(cause)}`, undefined, { cause });
  }
}

function firstOf<T>(files: readonly LoadedFile[], select: (file: LoadedFile) => T | undefined): T | undefined {
  for (const file of files) {
    const found = select(file);
    if (found !== undefined) return found;
  }
  return undefined;
}
