import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import closeWithGrace from "close-with-grace";
import { systemClock } from "../shared/clock.ts";
import { createLogger, type Logger } from "../shared/logging.ts";
import { parseFeatureGates } from "./domain/feature-gates.ts";
import { createNodeAuthorizer, type NodeAuthorizer } from "./domain/node-authorizer.ts";
import { NO_OPINION } from "./domain/verdicts.ts";
import { createVeto } from "./domain/veto.ts";
import type { ApiServer } from "./graph-feed/cluster-api.ts";
import { clusterFeed } from "./graph-feed/cluster-feed.ts";
import { type GraphFeed, NO_FEED } from "./graph-feed/feed.ts";
import { objectsFeed } from "./graph-feed/objects-feed.ts";
import { createApp } from "./http/app.ts";
import { createMetrics } from "./http/metrics.ts";
import { createHttpsServer, listen, secureContextOptions, shutDown } from "./http/server.ts";
import { createWebhooks, type Decisions } from "./http/webhooks.ts";
import {
  checkOptions,
  type NodeAuthorizerServerOptions,
  nameLessSafeChoices,
  type ServingPair,
  tlsOf,
} from "./options.ts";
import { revocationFeed } from "./revocations/revocation-feed.ts";
import { revocationFile } from "./revocations/revocation-file.ts";
import { NO_REVOCATIONS, NOTHING_REVOKED, type RevocationSource } from "./revocations/revocation-list.ts";

export { graphOfObjects } from "./local-graph.ts";
export { manifests } from "./manifests.ts";
export { NodeAuthorizerOptionsError } from "./options.ts";

const clock = systemClock;
const SHUTDOWN_LIMIT_MILLISECONDS = 10_000;
const TLS_CHECK_MILLISECONDS = 10_000;

/**
 * Starts the node-authorizer and resolves when it accepts connections, having printed `gatehouse ready https://HOST:PORT` on
 * standard output; logs go to standard error. SIGINT and SIGTERM stop it.
 *
 * @throws {NodeAuthorizerOptionsError}; StatusError for feature gates and objects that cannot be read.
 */
export async function serveNodeAuthorizer(options: NodeAuthorizerServerOptions): Promise<void> {
  checkOptions(options);
  const logger = createLogger({ level: options.logLevel, format: process.stderr.isTTY ? "text" : "json" });
  nameLessSafeChoices(options, logger);
  const authorizer = createNodeAuthorizer({ featureGates: parseFeatureGates(options.featureGates) });
  const api = options.kubeconfig === undefined ? undefined : await connect(options.kubeconfig);
  const feed = feedOf(options, authorizer, api, logger);
  const revocations = await revocationsOf(options, logger);
  await revocations.start();
  await feed.start();
  const made = options.tls === undefined ? await options.makeServing() : undefined;
  const server = openServer(options, { authorizer, api, feed, revocations, made, logger });
  const bound = await listen(server.https, options.listen);
  const reloading = setInterval(server.reloadTls, TLS_CHECK_MILLISECONDS).unref();
  closeWithGrace({ delay: SHUTDOWN_LIMIT_MILLISECONDS }, async ({ err, signal }) => {
    if (err === undefined) logger.info({ signal }, "stopping: no new connections, finishing what was accepted");
    else logger.fatal({ err }, "unexpected error, stopping");
    clearInterval(reloading);
    await shutDown(server.https, SHUTDOWN_LIMIT_MILLISECONDS / 2);
    await Promise.all([feed.stop(), revocations.stop()]);
    logger.info("stopped");
  });
  process.stdout.write(`gatehouse ready ${urlOf(bound)}\n`);
}

/** The Kubernetes client takes long to load, and not everybody needs it. */
async function connect(kubeconfig: string): Promise<ApiServer> {
  const { connectApiServer } = await import("./graph-feed/api-server.ts");
  return connectApiServer(kubeconfig);
}

function feedOf(
  { objects, kubeconfig }: NodeAuthorizerServerOptions,
  graph: NodeAuthorizer,
  api: ApiServer | undefined,
  logger: Logger,
): GraphFeed {
  if (objects !== undefined) return objectsFeed({ source: objects, graph, clock, logger });
  if (api === undefined || kubeconfig === undefined) return NO_FEED;
  return clusterFeed({ api, graph, clock, logger });
}

async function revocationsOf(
  { revocations, authority, stateDirectory }: NodeAuthorizerServerOptions,
  logger: Logger,
): Promise<RevocationSource> {
  if (revocations !== undefined) return revocationFile(revocations, clock, logger);
  if (authority === undefined) return NO_REVOCATIONS;
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const server = await connect(authority);
  return revocationFeed({ get: (path, query) => server.get(path, query), stateDirectory, clock, logger });
}

interface ServerParts {
  readonly authorizer: NodeAuthorizer;
  readonly api: ApiServer | undefined;
  readonly feed: GraphFeed;
  readonly revocations: RevocationSource;
  readonly made: ServingPair | undefined;
  readonly logger: Logger;
}

function openServer(options: NodeAuthorizerServerOptions, parts: ServerParts) {
  const { authorizer, feed, revocations, made, logger } = parts;
  const decisions = decisionsOf(options, parts);
  const hasRevocations = options.revocations !== undefined || options.authority !== undefined;
  const ageOf = (at: Date | undefined) => at && (clock.now().getTime() - at.getTime()) / 1000;
  const lag = (): number | undefined => {
    const ages = feed.status().kinds.map(({ heardAt }) => ageOf(heardAt));
    return ages.includes(undefined) || ages.length === 0 ? undefined : Math.max(...ages.map((age) => age ?? 0));
  };
  const listed = () => {
    const { fingerprints, nodeNames } = revocations.current() ?? NOTHING_REVOKED;
    return { entries: fingerprints.size + nodeNames.size, ageSeconds: ageOf(revocations.confirmedAt()) };
  };
  const metrics = createMetrics({
    graph: () => ({ sizes: flat(authorizer.sizes()), eventsApplied: authorizer.eventsApplied }),
    feed: () => ({ isSynced: feed.isSynced(), lagSeconds: lag() }),
    revocations: () => (hasRevocations ? listed() : undefined),
  });
  const state = () => ({
    mode: options.mode,
    feed: { ...feed.status(), lagSeconds: lag() },
    ...(hasRevocations && { revocations: listed() }),
  });
  const app = createApp({ authorizer, state, unreadiness: decisions.unreadiness, metrics, logger });
  let tls = tlsOf(options, made);
  const https = createHttpsServer({ tls, webhooks: createWebhooks({ decisions, metrics, logger }), app });
  const reloadTls = (): void => {
    try {
      const next = tlsOf(options, made);
      if (JSON.stringify(next) === JSON.stringify(tls)) return;
      https.setSecureContext(secureContextOptions(next));
      tls = next;
      logger.info("took a renewed serving certificate");
    } catch (error) {
      logger.error({ err: error }, "cannot take the serving certificate; the one before stays in use");
    }
  };
  return { https, reloadTls };
}

function decisionsOf({ mode, requireCredentialId }: NodeAuthorizerServerOptions, parts: ServerParts): Decisions {
  const { authorizer, api, feed, revocations } = parts;
  const veto = createVeto({
    isRevoked: (fingerprint) => revocations.current()?.fingerprints.has(fingerprint) ?? true,
    isQuarantined: (nodeName) => revocations.current()?.nodeNames.has(nodeName) ?? true,
    requireCredentialId,
  });
  const hasGraph = feed.status().source !== "none";
  return {
    unreadiness() {
      if (revocations.current() === undefined) return "the list of revocations has not been read yet";
      return feed.isSynced() ? undefined : "the cluster's objects have not all been read yet";
    },
    veto,
    authorize: mode === "full" ? authorizer.authorize : () => NO_OPINION,
    admit: hasGraph ? authorizer.admit : () => ({ kind: "allowed" }),
    async isAudienceAllowed({ username, uid, groups, extra }, attributes) {
      if (api === undefined) return false;
      return api.isAllowed({ user: username, uid, groups, extra, resourceAttributes: { ...attributes } });
    },
  };
}

function flat(sizes: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(sizes).flatMap(([key, value]) =>
      typeof value === "number"
        ? [[key, value]]
        : Object.entries(Object(value) as Record<string, number>).map(([kind, count]) => [kind, count]),
    ),
  ) as Record<string, number>;
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `https://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
