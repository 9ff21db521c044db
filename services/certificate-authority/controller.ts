import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import { clusterWarnings } from "./approval/approval-warnings.ts";
import { type Configuration, ConfigurationError } from "./configuration.ts";
import type { Authorizer } from "./domain/authorization.ts";
import { isServedSigner } from "./domain/configured-signer.ts";
import { isPodRecord } from "./domain/pod-certificate.ts";
import type { CertificateRequests } from "./domain/ports.ts";
import { OUR_SIGNERS } from "./domain/signer-profile.ts";
import type { Issuance } from "./issuance/issuance.ts";
import { clusterAuthorizer } from "./kubernetes/cluster-authorizer.ts";
import { type ClusterConnection, connectCluster } from "./kubernetes/cluster-connection.ts";
import { createEvents } from "./kubernetes/events.ts";
import { ALWAYS_LEADING, type Election, runElection } from "./kubernetes/leader-election.ts";
import { createMirroredRequests, type MirroredRequests } from "./kubernetes/mirrored-requests.ts";
import { podRequests } from "./kubernetes/pod-requests.ts";
import { eitherRequests, remoteRequests, type SigningRequests } from "./kubernetes/remote-requests.ts";
import { createRequestCache, requestOf } from "./kubernetes/request-cache.ts";
import { followRequests, type Informer, REQUESTS_PATH } from "./kubernetes/request-informer.ts";
import { createSeenCertificates } from "./kubernetes/seen-certificate.ts";
import { type ClusterPublisher, clusterPublishers } from "./kubernetes/trust-bundle.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { Signer } from "./signer/signer.ts";
import { configuredSigners } from "./signer-settings.ts";

/** The lease and the watch have connections of their own: behind thousands of writes a term would run out. */
const STEADY = { requestsPerSecond: 100, maximumConnections: 4 };
/** How often everything is compared with its record, whatever was heard. */
const RESYNC_MILLISECONDS = 600_000;

/** Which cluster `gatehouse controller` works for. */
export interface ControllerOptions {
  /** Undefined is the cluster of the pod that this runs in. */
  readonly kubeconfigFile: string | undefined;
}

/** A cluster whose requests take the place of our own. */
export interface ClusterMode {
  /** Who says what the cluster's users may do. */
  readonly authorizer: Authorizer;
  /** What the use cases work on. To be called once. */
  requestsOf(ledger: Ledger, readCertificate: Signer["readCertificate"]): CertificateRequests;
  /** What the cleaner works on; nothing while another replica leads. */
  readonly cleanable: SigningRequests["cleanable"];
  /** The objects that the trust bundle is kept in. */
  readonly publishers: readonly ClusterPublisher[];
  /**
   * Follows the cluster, and works on its requests once we lead.
   * @param publish - brings the trust bundle where it belongs; called when we lead.
   */
  start(issuance: Issuance, publish: () => Promise<void>): void;
  /** Finishes what waits, to be called when nothing is decided any more, and lets another replica lead. */
  stop(): Promise<void>;
}

/**
 * The second way to compose the certificate authority: requests live in a kube-apiserver, and everything past the port
 * `CertificateRequests` is what it is standalone.
 *
 * @throws {ConfigurationError} when a signer is named that nobody serves, or the kubeconfig cannot be used.
 */
export function openCluster(
  configuration: Configuration,
  { kubeconfigFile }: ControllerOptions,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): ClusterMode {
  const settings = configuration.cluster;
  const cluster = connect(kubeconfigFile, settings.client);
  const steady = connect(kubeconfigFile, STEADY);
  const signers = signersOf(configuration);
  for (const warning of clusterWarnings(configuration.approval)) logger.warn(warning);
  if (!settings.leaderElection.enabled) {
    logger.warn(
      "cluster.leaderElection.enabled is false: two replicas would both sign what the cluster has asked for once",
    );
  }
  const configured = configuredSigners(configuration);
  const cache = createRequestCache(requestOf);
  const remote = remoteRequests(cluster, cache);
  const servesPods = [...configured].some(([name, { pods }]) => pods !== undefined && signers.has(name));
  const pods = servesPods ? podRequests(cluster, configured, clock) : undefined;
  let election: Election | undefined;
  let mirrored: MirroredRequests | undefined;
  let informer: Informer | undefined;
  let podInformer: Informer | undefined;
  let arePodsKnown = false;
  let resync: NodeJS.Timeout | undefined;
  const identity = `${hostname()}_${randomUUID()}`;
  const events = createEvents({ cluster, wanted: settings.events, instance: identity, clock, logger });
  const isLeading = (): boolean => election?.isLeading() ?? false;

  function elect(issuance: Issuance, publish: () => Promise<void>): Election {
    const onElected = (): void => {
      issuance.start();
      void mirrored?.syncAll();
      void publish();
      // Nothing should be left behind; what was is found.
      resync = setInterval(() => void mirrored?.syncAll(), RESYNC_MILLISECONDS).unref();
    };
    if (!settings.leaderElection.enabled) {
      queueMicrotask(onElected);
      return ALWAYS_LEADING;
    }
    const lost = new Error("another replica leads, or the lease could not be renewed in time");
    const onLost = (): void => void setImmediate(() => endWith(lost));
    return runElection({
      ...{ cluster: steady, settings: settings.leaderElection, identity, onElected, onLost, logger },
      now: () => clock.now(),
    });
  }

  return {
    authorizer: clusterAuthorizer(cluster),
    publishers: clusterPublishers(cluster, settings.trustBundle, isLeading),
    requestsOf(ledger, readCertificate) {
      const { issuers, certificates } = ledger;
      mirrored = createMirroredRequests({
        ...{ record: ledger.requests, audit: ledger.audit, isLeading, clock, logger },
        remote: pods === undefined ? remote : eitherRequests(remote, pods.remote),
        isKnown: (name) => arePodsKnown || !isPodRecord(name),
        tell: events.tell,
        seen: createSeenCertificates({ issuers, certificates, readCertificate }),
        isOurs: (signerName) => signers.has(signerName),
        concurrency: settings.client.maximumConnections,
      });
      return mirrored.requests;
    },
    cleanable: {
      ...remote.cleanable,
      list: async () => (isLeading() && settings.clean ? remote.cleanable.list() : { items: [], revision: 0 }),
    },
    start(issuance, publish) {
      const sync = (name: string): void => mirrored?.sync(name);
      mirrored?.listen(issuance);
      const common = { cluster: steady, onChange: sync, logger };
      const followed = followRequests({ ...common, cache, what: "requests", path: async () => REQUESTS_PATH });
      informer = followed;
      if (pods !== undefined) {
        podInformer = followRequests({ ...common, cache: pods.cache, what: "pods' requests", path: () => pods.path() });
        void podInformer.synced.then(() => {
          arePodsKnown = true;
          void mirrored?.syncAll();
        });
      }
      logger.info({ signers: [...signers] }, "working for a cluster");
      void followed.synced.then(() => {
        election ??= elect(issuance, publish);
      });
    },
    async stop() {
      clearInterval(resync);
      await mirrored?.drain();
      await Promise.all([informer?.stop(), podInformer?.stop()]);
      await election?.stop();
      cluster.close();
      steady.close();
    },
  };
}

/** Ends the process the way errors do that nobody expected: what was accepted is finished, the exit code is not 0. */
function endWith(error: Error): never {
  throw error;
}

function connect(kubeconfigFile: string | undefined, limits: Configuration["cluster"]["client"]): ClusterConnection {
  try {
    return connectCluster(kubeconfigFile, limits);
  } catch (cause) {
    const wayOut = "name a cluster with --kubeconfig, or run in a pod with a service account";
    throw new ConfigurationError(`${(cause as Error).message}; ${wayOut}`, { cause });
  }
}

/** @throws {ConfigurationError} when a signer is named that nobody serves. */
function signersOf(configuration: Configuration): ReadonlySet<string> {
  const configured = configuredSigners(configuration);
  const { signers } = configuration.cluster;
  for (const [index, name] of (signers ?? []).entries()) {
    if (isServedSigner(name, configured)) continue;
    throw new ConfigurationError(
      `cluster.signers[${index}]: nobody here signs for ${JSON.stringify(name)}; name a signer of Kubernetes, or give it a profile in signers`,
    );
  }
  return new Set(signers ?? [...OUR_SIGNERS, ...configured.keys()]);
}
