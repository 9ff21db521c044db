import type { Clock } from "../../../shared/clock.ts";
import { httpsExchange } from "../../../shared/https-exchange.ts";
import { readWebhookKubeconfig } from "../../../shared/kubernetes/webhook-kubeconfig.ts";
import type { Logger } from "../../../shared/logging.ts";
import { type ChainedAuthorizer, privilegedGroups } from "./chain.ts";
import type { AuthorizerSettings } from "./settings.ts";
import { type WebhookAuthorizerDependencies, webhookAuthorizer } from "./webhook.ts";

export interface AuthorizerParts {
  readonly rbac: ChainedAuthorizer;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "warn">;
  readonly observe?: WebhookAuthorizerDependencies["observe"];
}

const MAXIMUM_ANSWER_BYTES = 64 * 1024;

/**
 * Makes the authorizers that are configured, in their order, behind the one that keeps administrators in.
 *
 * @throws {KubeconfigError} when a webhook's file cannot be used.
 */
export function createAuthorizers(
  settings: readonly AuthorizerSettings[],
  { rbac, clock, logger, observe }: AuthorizerParts,
): readonly ChainedAuthorizer[] {
  if (!settings.some(({ type }) => type === "RBAC")) {
    logger.warn("authorization has no RBAC: roles and bindings count for nothing, nodes depend on the webhook");
  }
  return [
    privilegedGroups,
    ...settings.map((entry) => {
      if (entry.type === "RBAC") return rbac;
      const target = readWebhookKubeconfig(entry.kubeconfigFile);
      const exchange = httpsExchange({
        caPem: target.caPem,
        certificatePem: target.clientCertificatePem,
        privateKeyPem: target.clientKeyPem,
        serverName: target.tlsServerName,
        timeoutMilliseconds: entry.timeoutSeconds * 1000,
        maximumBytes: MAXIMUM_ANSWER_BYTES,
      });
      return webhookAuthorizer(entry, { target, exchange, clock, logger, observe });
    }),
  ];
}
