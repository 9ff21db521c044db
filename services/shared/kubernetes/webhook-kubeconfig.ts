import {
  credentialsOf,
  type KubeconfigCredentials,
  KubeconfigError,
  type KubeconfigServer,
  readKubeconfig,
  serverOf,
} from "./kubeconfig.ts";

/** How a webhook is called. */
export type WebhookConnection = Omit<KubeconfigServer, "skipsVerification"> & KubeconfigCredentials;

/**
 * Reads how a webhook is called from a file in kubeconfig format, as kube-apiserver's webhooks are configured: the
 * cluster is the webhook, the user is we.
 *
 * @param what - who is called, for messages.
 * @throws {KubeconfigError}
 */
export function readWebhookKubeconfig(path: string, what = "the webhook"): WebhookConnection {
  const config = readKubeconfig(path);
  const where = `${what}'s kubeconfig ${path}`;
  const current = config["current-context"] ?? "";
  const context = config.contexts?.find(({ name }) => name === current)?.context;
  if (context === undefined) throw new KubeconfigError(`${where} has no context "${current}", its current one`);
  const cluster = config.clusters?.find(({ name }) => name === context.cluster)?.cluster;
  if (cluster === undefined) {
    throw new KubeconfigError(`${where} has no cluster "${context.cluster}", which its context names`);
  }
  const { skipsVerification, ...server } = serverOf(cluster, { path, where });
  if (skipsVerification) {
    throw new KubeconfigError(
      `${where}: insecure-skip-tls-verify would let anybody be ${what}; give certificate-authority`,
    );
  }
  const user = config.users?.find(({ name }) => name === context.user);
  if (context.user && user === undefined) {
    throw new KubeconfigError(`${where} has no user "${context.user}", which its context names`);
  }
  return { ...server, ...credentialsOf(user?.user, { path, where }) };
}
