import { parse, stringify } from "yaml";
import {
  credentialsOf,
  type Kubeconfig,
  KubeconfigError,
  readKubeconfig,
  serverOf,
} from "../../shared/kubernetes/kubeconfig.ts";
import { PRIVATE, readContent, writeContent } from "./file-content.ts";
import type { KeyedCertificate } from "./judgement.ts";

/** A kubeconfig that was found. */
export type FoundKubeconfig =
  | { readonly kind: "absent" }
  | { readonly kind: "unusable"; readonly problem: string }
  | {
      readonly kind: "found";
      readonly server: string;
      /** What it trusts; empty for what the system trusts. */
      readonly caPem: string;
      readonly credentials: KeyedCertificate;
      /** The credentials are in other files, which somebody else keeps current. */
      readonly isByReference: boolean;
    };

/** What goes into a new kubeconfig. */
export interface KubeconfigContent {
  readonly clusterName: string;
  readonly userName: string;
  readonly server: string;
  readonly caPem: string;
  readonly credentials: KeyedCertificate;
}

export async function readKubeconfigFile(path: string): Promise<FoundKubeconfig> {
  if ((await readContent(path)) === undefined) return { kind: "absent" };
  try {
    return interpret(readKubeconfig(path), path);
  } catch (error) {
    if (error instanceof KubeconfigError) return { kind: "unusable", problem: error.message };
    throw error;
  }
}

function interpret(config: Kubeconfig, path: string): FoundKubeconfig {
  const { cluster, user } = currentEntries(config);
  if (cluster === undefined || user === undefined)
    return { kind: "unusable", problem: `${path} has no current context with a cluster and a user` };
  const place = { path, where: path };
  const { url, caPem = "" } = serverOf(cluster, place);
  const { clientCertificatePem, clientKeyPem } = credentialsOf(user, place);
  if (clientCertificatePem === undefined || clientKeyPem === undefined)
    return { kind: "unusable", problem: `${path} has no client certificate` };
  return {
    kind: "found",
    server: url.href.replace(/\/$/, ""),
    caPem,
    credentials: { certificatePem: clientCertificatePem, keyPem: clientKeyPem },
    isByReference: !user["client-certificate-data"] || !user["client-key-data"],
  };
}

function currentEntries({ contexts, clusters, users, "current-context": current }: Kubeconfig) {
  const context = contexts?.find(({ name }) => name === current)?.context;
  return {
    cluster: clusters?.find(({ name }) => name === context?.cluster)?.cluster,
    user: users?.find(({ name }) => name === context?.user)?.user ?? undefined,
  };
}

/** Writes a kubeconfig with everything embedded. */
export async function writeKubeconfig(path: string, content: KubeconfigContent): Promise<void> {
  const { clusterName, userName, server, caPem, credentials } = content;
  const contextName = `${userName}@${clusterName}`;
  const text = stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: clusterName, cluster: { "certificate-authority-data": base64(caPem), server } }],
    contexts: [{ name: contextName, context: { cluster: clusterName, user: userName } }],
    "current-context": contextName,
    preferences: {},
    users: [{ name: userName, user: userOf(credentials) }],
  });
  await writeContent(path, text, { mode: PRIVATE, existing: "kept" });
}

/** Changes the credentials of the current context's user and leaves the rest of the file as people made it. */
export async function replaceCredentials(path: string, credentials: KeyedCertificate): Promise<void> {
  const config: Kubeconfig = parse((await readContent(path)) ?? "");
  const current = config.contexts?.find(({ name }) => name === config["current-context"])?.context.user;
  const users = config.users?.map((entry) =>
    entry.name === current ? { ...entry, user: userOf(credentials) } : entry,
  );
  await writeContent(path, stringify({ ...config, users }), { mode: PRIVATE, existing: "replaced" });
}

function userOf({ certificatePem, keyPem }: KeyedCertificate) {
  return { "client-certificate-data": base64(certificatePem), "client-key-data": base64(keyPem) };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
