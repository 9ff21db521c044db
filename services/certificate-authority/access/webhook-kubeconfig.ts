import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";

/** A kubeconfig that names no way to call a webhook; the message names the file, the entry and the way out. */
class WebhookKubeconfigError extends Error {
  override readonly name = "WebhookKubeconfigError";
}

/** How a webhook is called. */
export interface WebhookConnection {
  readonly url: URL;
  /** Undefined trusts what the system trusts. */
  readonly caPem: string | undefined;
  readonly clientCertificatePem: string | undefined;
  readonly clientKeyPem: string | undefined;
  /** The bearer token of now; a token file is read each time, since such tokens are short-lived. */
  readonly token: () => string | undefined;
  readonly tlsServerName: string | undefined;
}

const text = z.string().nullish();

const kubeconfigSchema = z.object({
  clusters: z.array(
    z.object({
      name: z.string(),
      cluster: z.object({
        server: z.string(),
        "certificate-authority": text,
        "certificate-authority-data": text,
        "tls-server-name": text,
        "insecure-skip-tls-verify": z.boolean().nullish(),
      }),
    }),
  ),
  users: z
    .array(
      z.object({
        name: z.string(),
        user: z
          .object({
            "client-certificate": text,
            "client-certificate-data": text,
            "client-key": text,
            "client-key-data": text,
            token: text,
            tokenFile: text,
            username: text,
            exec: z.unknown().optional(),
            "auth-provider": z.unknown().optional(),
          })
          .nullish(),
      }),
    )
    .nullish(),
  contexts: z.array(
    z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string().nullish() }) }),
  ),
  "current-context": z.string(),
});

type WebhookKubeconfig = z.infer<typeof kubeconfigSchema>;
type Cluster = WebhookKubeconfig["clusters"][number]["cluster"];
type User = NonNullable<NonNullable<WebhookKubeconfig["users"]>[number]["user"]>;

/**
 * Reads how a webhook is called from a file in kubeconfig format, as kube-apiserver's webhooks are configured: the
 * cluster is the webhook, the user is we. Relative paths in it are relative to its folder.
 *
 * @throws {WebhookKubeconfigError}
 */
export function readWebhookKubeconfig(path: string): WebhookConnection {
  const config = parse(path);
  const context = config.contexts.find(({ name }) => name === config["current-context"])?.context;
  if (context === undefined) throw problem(path, `it has no context "${config["current-context"]}", its current one`);
  const cluster = config.clusters.find(({ name }) => name === context.cluster)?.cluster;
  if (cluster === undefined) throw problem(path, `it has no cluster "${context.cluster}", which its context names`);
  const user = config.users?.find(({ name }) => name === context.user)?.user ?? {};
  return { ...clusterPart(path, cluster), ...userPart(path, user) };
}

function parse(path: string): WebhookKubeconfig {
  const document = parseDocument(readText(path, path));
  const [syntax] = document.errors;
  if (syntax !== undefined) throw problem(path, syntax.message);
  const parsed = kubeconfigSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) throw problem(path, z.prettifyError(parsed.error));
  return parsed.data;
}

function clusterPart(path: string, cluster: Cluster): Pick<WebhookConnection, "url" | "caPem" | "tlsServerName"> {
  if (!URL.canParse(cluster.server)) throw problem(path, `server "${cluster.server}" is no URL`);
  const url = new URL(cluster.server);
  if (url.protocol !== "https:") throw problem(path, `server "${cluster.server}" must be https`);
  if (cluster["insecure-skip-tls-verify"]) {
    throw problem(path, "insecure-skip-tls-verify would let anybody be the webhook; give certificate-authority");
  }
  const caPem = dataOrFile(path, cluster["certificate-authority-data"], cluster["certificate-authority"]);
  return { url, caPem, tlsServerName: cluster["tls-server-name"] || undefined };
}

function userPart(path: string, user: User): Omit<WebhookConnection, "url" | "caPem" | "tlsServerName"> {
  const foreign = (["exec", "auth-provider", "username"] as const).filter((key) => user[key]);
  if (foreign.length > 0)
    throw problem(path, `${foreign.join(", ")} cannot be used; use a client certificate or token`);
  const clientCertificatePem = dataOrFile(path, user["client-certificate-data"], user["client-certificate"]);
  const clientKeyPem = dataOrFile(path, user["client-key-data"], user["client-key"]);
  if ((clientCertificatePem === undefined) !== (clientKeyPem === undefined)) {
    throw problem(path, "a client certificate and its key must be given together");
  }
  const { token, tokenFile } = user;
  const readToken = () => token || (tokenFile ? readText(path, beside(path, tokenFile)).trim() : undefined);
  readToken();
  return { clientCertificatePem, clientKeyPem, token: readToken };
}

/** Inline data wins over a file, as in kubectl. */
function dataOrFile(path: string, data: string | null | undefined, file: string | null | undefined) {
  if (data) return Buffer.from(data, "base64").toString();
  return file ? readText(path, beside(path, file)) : undefined;
}

function beside(path: string, file: string): string {
  return resolve(dirname(path), file);
}

function readText(path: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw problem(path, `cannot read ${file}: ${(cause as Error).message}`, cause);
  }
}

function problem(path: string, message: string, cause?: unknown): WebhookKubeconfigError {
  return new WebhookKubeconfigError(`the webhook's kubeconfig ${path}: ${message}`, { cause });
}
