import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { stringify } from "yaml";
import {
  type Kubeconfig,
  KubeconfigError,
  parseKubeconfig,
  readKubeconfig,
  serverOf,
} from "../../shared/kubernetes/kubeconfig.ts";
import { AgentError } from "../agent-error.ts";
import type { Credentials, ServerAddress } from "../api/asked-server.ts";

/** Who a kubeconfig's user is; undefined stands for what we know nothing of. */
export type KubeconfigUser =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "embedded"; readonly certificatePem: string; readonly keyPem: string }
  | { readonly kind: "files"; readonly certificateFile: string; readonly keyFile: string }
  | undefined;

/** What a kubeconfig for a kubelet says. */
export interface KubeletKubeconfig {
  readonly server: ServerAddress;
  readonly user: KubeconfigUser;
}

export function userOf(credentials: NonNullable<Credentials>): NonNullable<KubeconfigUser> {
  return "token" in credentials ? { kind: "token", ...credentials } : { kind: "embedded", ...credentials };
}

/**
 * The text of a kubeconfig, everything but certificate files embedded, with the names that a kubelet gives to what it
 * writes itself.
 *
 * Source: kubernetes pkg/kubelet/certificate/bootstrap/bootstrap.go (writeKubeconfigFromBootstrapping).
 */
export function kubeconfigText({ server, user }: KubeletKubeconfig): string {
  const cluster = {
    ...(server.caPem !== undefined && { "certificate-authority-data": base64(server.caPem) }),
    server: server.url.href.replace(/\/$/, ""),
    ...(server.serverName !== undefined && { "tls-server-name": server.serverName }),
  };
  return stringify(
    {
      ...{ apiVersion: "v1", kind: "Config" },
      clusters: [{ name: "default-cluster", cluster }],
      contexts: [
        {
          name: "default-context",
          context: { cluster: "default-cluster", namespace: "default", user: "default-auth" },
        },
      ],
      "current-context": "default-context",
      users: [{ name: "default-auth", user: userEntry(user) }],
    },
    { lineWidth: 0 },
  );
}

function userEntry(user: KubeconfigUser): object {
  switch (user?.kind) {
    case undefined:
      return {};
    case "token":
      return { token: user.token };
    case "embedded":
      return { "client-certificate-data": base64(user.certificatePem), "client-key-data": base64(user.keyPem) };
    case "files":
      return { "client-certificate": user.certificateFile, "client-key": user.keyFile };
    default:
      return user satisfies never;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/**
 * What the kubeconfig at `path` says by its current context; undefined when there is none.
 *
 * @throws {AgentError} `unusable` when it cannot be read; the message holds no secret.
 */
export function readKubeletKubeconfig(path: string): KubeletKubeconfig | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return contentOf(readKubeconfig(path), path);
  } catch (cause) {
    if (!(cause instanceof KubeconfigError)) throw cause;
    const { message } = cause;
    throw new AgentError("unusable", message, { cause, hint: "Remove the file, or have it replaced with --replace." });
  }
}

/** The same of a text that came from elsewhere. @param where - for messages. @throws {KubeconfigError} */
export function parseKubeletKubeconfig(text: string, where: string): KubeletKubeconfig {
  return contentOf(parseKubeconfig(text, where), where);
}

function contentOf(content: Kubeconfig, path: string): KubeletKubeconfig {
  const name = content["current-context"];
  const context = content.contexts?.find((entry) => entry.name === name)?.context;
  const cluster = content.clusters?.find((entry) => entry.name === context?.cluster)?.cluster;
  if (cluster === undefined) throw new KubeconfigError(`${path} names no server in its current context`);
  const { url, caPem, tlsServerName } = serverOf(cluster, { path, where: path });
  const user = content.users?.find((entry) => entry.name === context?.user)?.user;
  return { server: { url, caPem, serverName: tlsServerName }, user: readUser(user ?? {}, dirname(path)) };
}

function readUser(
  user: NonNullable<NonNullable<Kubeconfig["users"]>[number]["user"]>,
  directory: string,
): KubeconfigUser {
  const {
    token,
    "client-certificate": certificateFile,
    "client-key": keyFile,
    "client-certificate-data": certificateData,
    "client-key-data": keyData,
  } = user;
  if (certificateData && keyData) {
    return { kind: "embedded", certificatePem: fromBase64(certificateData), keyPem: fromBase64(keyData) };
  }
  if (certificateFile && keyFile) {
    return {
      kind: "files",
      certificateFile: resolve(directory, certificateFile),
      keyFile: resolve(directory, keyFile),
    };
  }
  return token ? { kind: "token", token } : undefined;
}

function fromBase64(data: string): string {
  return Buffer.from(data, "base64").toString();
}

/** Whether two kubeconfigs lead to the same server, trusted by the same CAs. */
export function isSameServer(one: ServerAddress, other: ServerAddress): boolean {
  const text = (pem: string | undefined): string | undefined => pem?.replaceAll(/\s+/g, "");
  return (
    one.url.href === other.url.href && text(one.caPem) === text(other.caPem) && one.serverName === other.serverName
  );
}

export function isSameUser(one: KubeconfigUser, other: KubeconfigUser): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
