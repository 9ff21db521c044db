import { readFileSync } from "node:fs";
import { readWebhookKubeconfig, type WebhookConnection } from "../../../shared/kubernetes/webhook-kubeconfig.ts";
import { AuthenticationSetupError } from "./authenticator.ts";
import type { TokenReviewSettings } from "./settings.ts";

/**
 * Where tokens are sent for review, whom we trust there and what we show.
 *
 * @throws {AuthenticationSetupError} or {KubeconfigError} when a file cannot be read or used.
 */
export function reviewTargetOf(settings: TokenReviewSettings): WebhookConnection {
  const { kubeconfig, url = "", certificateAuthorityFile, credentials } = settings;
  if (kubeconfig !== undefined) return readWebhookKubeconfig(kubeconfig);
  const { tokenFile, clientCertificateFile, clientKeyFile } = credentials ?? {};
  const optionalText = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : readText(path);
  // Read at every call, since such tokens are short-lived; once now, so that a wrong path is noticed.
  const token = (): string | undefined => optionalText(tokenFile)?.trim();
  token();
  return {
    url: new URL(url),
    caPem: optionalText(certificateAuthorityFile),
    clientCertificatePem: optionalText(clientCertificateFile),
    clientKeyPem: optionalText(clientKeyFile),
    token,
    tlsServerName: undefined,
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AuthenticationSetupError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
