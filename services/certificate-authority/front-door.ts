import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import { VERSION } from "../shared/version.ts";
import type { Access } from "./access/access.ts";
import type { Audit } from "./access/audit/audit.ts";
import { clusterInfoReader, noClusterInfo } from "./access/cluster-info.ts";
import type { createRateLimiter } from "./access/rate-limiter.ts";
import type { RbacRegistries } from "./access/rbac/registries.ts";
import type { AttestationService } from "./attestation/service.ts";
import type { Configuration } from "./configuration.ts";
import type { ConfiguredApproval } from "./configured-approval.ts";
import type { AttestationWatch } from "./configured-attestation.ts";
import type { ConfiguredRevocation } from "./configured-revocation.ts";
import type { ConfiguredRotation } from "./configured-rotation.ts";
import type { Tokens } from "./custody/pkcs11/tokens.ts";
import { CSR_RESOURCE } from "./domain/certificate-signing-request.ts";
import type { EncryptionAtRest } from "./domain/encryption.ts";
import type { ConfiguredIssuers } from "./domain/issuer.ts";
import type { JobAdministration } from "./domain/job.ts";
import type { CheckpointSigner } from "./domain/merkle-log.ts";
import * as accessReviews from "./http/access-reviews/routes.ts";
import { ADMIN_OPEN_API_PATH, adminOpenApiDocument } from "./http/admin-api/open-api.ts";
import { admittingRequesters } from "./http/admin-api/own-decision.ts";
import { createRevocationWaiters } from "./http/admin-api/revocation-waiters.ts";
import * as adminApi from "./http/admin-api/routes.ts";
import * as attestationApi from "./http/attestation-api/routes.ts";
import * as description from "./http/description/routes.ts";
import { createEdge } from "./http/edge.ts";
import { healthRoutes } from "./http/health.ts";
import * as kubernetesApi from "./http/kubernetes-api/routes.ts";
import type { Metrics } from "./http/metrics.ts";
import {
  createApp,
  createHttpsServer,
  dispatchAhead,
  listen,
  replaceServingCertificate,
  shutDown,
} from "./http/server.ts";
import { createImporting } from "./issuance/import.ts";
import type { Issuance } from "./issuance/issuance.ts";
import { createRevoking } from "./issuance/revoke.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { type OwnCertificate, type ownIdentity, servingNames } from "./own-identity.ts";
import { clusterKubeconfig } from "./own-kubeconfigs.ts";
import { recordedReviews } from "./recorded-reviews.ts";
import type { Expiry } from "./rotation/expiry/expiry.ts";
import { examineCertificate } from "./signer/certificate-examiner.ts";
import { createImportReader } from "./signer/imported-certificates.ts";
import { configuredSigners, trustDomainsOf } from "./signer-settings.ts";

const MAX_BODY_BYTES = 3 * 1024 * 1024;
const MAX_WATCH_BUFFER_BYTES = 8 * 1024 * 1024;
const SHUTDOWN_GRACE_MILLISECONDS = 20_000;
const CSR_PATH = `/apis/certificates.k8s.io/v1/${CSR_RESOURCE}`;

export interface FrontDoorDependencies {
  readonly configuration: Configuration;
  readonly ledger: Ledger;
  readonly access: Access;
  readonly rbac: RbacRegistries;
  readonly issuance: Issuance;
  readonly revocation: ConfiguredRevocation;
  readonly metrics: Metrics;
  readonly identity: ReturnType<typeof ownIdentity>;
  readonly rateLimiter: ReturnType<typeof createRateLimiter>;
  /** Undefined when requests are not audited. */
  readonly audit: Audit | undefined;
  /** The CAs whose client certificates TLS lets through to authentication. */
  readonly clientCaPem: () => string;
  /** The CAs that clients are to trust. */
  readonly trustedCaPem: () => string;
  readonly configuredIssuers: ConfiguredIssuers;
  readonly approval: Pick<ConfiguredApproval, "administration" | "loads">;
  readonly rotation: Pick<ConfiguredRotation, "rotation" | "trust" | "recentStatuses">;
  readonly jobs: JobAdministration;
  readonly encryption: EncryptionAtRest;
  readonly checkpoints: CheckpointSigner;
  readonly expiry: Expiry;
  /** Rejects when a key management service that is configured is not well. */
  readonly keyServices: () => Promise<void>;
  /** The tokens that issuers have their keys in. */
  readonly tokens: Pick<Tokens, "all">;
  readonly attestationWatch: AttestationWatch;
  /** Opens the attestation protocol; undefined when it is not configured. */
  readonly openAttestation: (serverUrl: () => string) => AttestationService | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The listeners and everything that answers on them. */
export interface FrontDoor {
  /** `https://HOST:PORT` that clients on this machine reach; goes into the kubeconfigs. */
  readonly url: string;
  /** Makes a new serving certificate when less than a third of the old one's life is left; tells whether it did. */
  renewServingCertificate(): Promise<boolean>;
  /** Whether it would. */
  isServingCertificateDue(): boolean;
  /** Trusts the CAs of clients as they are now, and makes a serving certificate under the issuer of now. */
  followIssuers(): Promise<void>;
  /** Stops accepting, ends watches and lets what is in flight finish. */
  close(): Promise<void>;
}

export async function openFrontDoor(deps: FrontDoorDependencies): Promise<FrontDoor> {
  const { server: settings } = deps.configuration;
  const watches = kubernetesApi.createWatchRegistry({
    maxWatches: settings.maxWatches,
    maxBufferBytes: MAX_WATCH_BUFFER_BYTES,
  });
  attachMetricSources(deps, () => watches.size);
  let url = "";
  const revocationWaiters = createRevocationWaiters(deps.ledger.revocations);
  const attestation = deps.openAttestation(() => url);
  const listener = requestListener(deps, { watches, revocationWaiters, attestation, serverUrl: () => url });
  const serving = new ServingCertificates(deps);
  const open = async (address: string, requestClientCertificate: boolean) => {
    const { maxConnections } = settings;
    const options = {
      serving: await serving.current(),
      clientCaPem: deps.clientCaPem(),
      requestClientCertificate,
      maxConnections,
    };
    const server = createHttpsServer(options, listener);
    const bound = await listen(server, address);
    deps.logger.info({ address: bound.address, port: bound.port, requestClientCertificate }, "listening");
    return { server, bound };
  };
  const main = await open(settings.listen, true);
  url = urlOf(settings, main.bound);
  const bootstrap = settings.bootstrapListen === undefined ? undefined : await open(settings.bootstrapListen, false);
  const replace = (certificate: OwnCertificate): void => {
    const clientCaPem = deps.clientCaPem();
    for (const server of servers) replaceServingCertificate(server, { serving: certificate, clientCaPem });
  };
  const servers = [main, ...(bootstrap === undefined ? [] : [bootstrap])].map(({ server }) => server);
  return {
    url,
    renewServingCertificate: async () => {
      const renewed = await serving.renewWhenDue();
      if (renewed !== undefined) replace(renewed);
      return renewed !== undefined;
    },
    isServingCertificateDue: () => serving.isDue(),
    followIssuers: async () => {
      // Clients of a new issuer are let in even if no serving certificate can be had from it.
      replace(await serving.current());
      replace(await serving.renew());
    },
    close: async () => {
      watches.closeAll();
      revocationWaiters.close();
      attestation?.close();
      await Promise.all(servers.map((server) => shutDown(server, SHUTDOWN_GRACE_MILLISECONDS)));
    },
  };
}

interface ListenerParts {
  readonly watches: kubernetesApi.WatchRegistry;
  readonly revocationWaiters: ReturnType<typeof createRevocationWaiters>;
  readonly attestation: AttestationService | undefined;
  readonly serverUrl: () => string;
}

function requestListener(deps: FrontDoorDependencies, parts: ListenerParts) {
  const { watches, revocationWaiters, attestation, serverUrl } = parts;
  const { access, ledger, issuance, clock, logger, metrics, rateLimiter, configuration } = deps;
  const edge = createEdge({
    authenticate: access.authenticate,
    authorizer: admittingRequesters(access.authorizer),
    rateLimiter,
    metrics,
    logger,
    clock,
    maxBodyBytes: MAX_BODY_BYTES,
    audit: deps.audit?.recorder,
  });
  const adminApiDescription = { path: ADMIN_OPEN_API_PATH, document: adminOpenApiDocument(VERSION) };
  const csrDependencies = { requests: ledger.requests, issuance, watches, clock, logger };
  const app = createApp(edge, [
    ...kubernetesApi.routes(csrDependencies),
    ...kubernetesApi.rbacRoutes({
      clusterRoles: { store: ledger.clusterRoles, registry: deps.rbac.clusterRoles },
      clusterRoleBindings: { store: ledger.clusterRoleBindings, registry: deps.rbac.clusterRoleBindings },
      ...{ watches, clock, logger },
    }),
    ...kubernetesApi.secretRoutes({ secrets: access.bootstrapSecrets, watches, clock, logger }),
    ...kubernetesApi.configMapRoutes({ configMaps: clusterInfo(deps, serverUrl), watches, clock, logger }),
    ...accessReviews.routes({ authorizer: access.authorizer, clock }),
    ...description.routes({ version: VERSION, additionalDocuments: [adminApiDescription] }),
    ...adminApi.routes({
      certificates: ledger.certificates,
      ...{ merkle: ledger.merkle, checkpoints: deps.checkpoints },
      importing: createImporting({ ...ledger, reader: createImportReader(), clock, logger }),
      ...{ nodes: ledger.nodes, quarantine: ledger.revocations, readDetails: examineCertificate },
      attestations: ledger.attestations,
      revocations: ledger.revocations,
      revocationWaiters,
      revocationLists: deps.revocation.revocationLists,
      ocsp: deps.revocation.ocsp,
      revoking: createRevoking({ ...ledger, clock, logger }),
      decisions: ledger.decisions,
      requests: ledger.requests,
      recorded: recordedReviews(ledger.recorded, configuredSigners(configuration)),
      issuance,
      authorizer: access.authorizer,
      issuers: ledger.issuers,
      audit: ledger.audit,
      maintenance: ledger.maintenance,
      tokens: access.tokenAdministration,
      encryption: deps.encryption,
      jobs: deps.jobs,
      configuredIssuers: deps.configuredIssuers,
      fleetExpiry: deps.expiry,
      issuerRotation: deps.rotation.rotation,
      trust: deps.rotation.trust,
      approval: deps.approval.administration,
      shadow: ledger.shadow,
      trustDomains: trustDomainsOf(configuration.signers),
      backupDirectory: join(configuration.dataDirectory, "backups"),
      clock,
    }),
    ...attestationApi.routes({ attestation }),
    ...healthRoutes({ readinessChecks: readinessChecks(deps), metrics }),
  ]);
  const hot = edge.listener(kubernetesApi.csrHandler(csrDependencies));
  return dispatchAhead(app, hot, isForCsrs);
}

/** Without credentials in it: the caller has a token. */
function clusterInfo({ access, configuration, clock, trustedCaPem }: FrontDoorDependencies, serverUrl: () => string) {
  const reader = clusterInfoReader({
    tokens: access.tokenAdministration,
    kubeconfig: () => clusterKubeconfig(serverUrl(), trustedCaPem()),
    clock,
  });
  return configuration.bootstrapTokens.publishClusterInfo ? reader : noClusterInfo(reader);
}

/**
 * Key services are checked by the name kube-apiserver gives that check, where a configuration may name some. A server
 * that may not change anything for want of an audit record is not ready.
 */
function readinessChecks(deps: FrontDoorDependencies) {
  const { ledger, configuration, keyServices, tokens, audit, attestationWatch } = deps;
  const guard = audit?.guard;
  const { encryption } = configuration;
  const mayUseKeyServices = encryption !== undefined && "configurationFile" in encryption;
  return {
    ledger: () => ledger.maintenance.check(),
    ...(mayUseKeyServices && { "kms-providers": keyServices }),
    ...Object.fromEntries(tokens.all.map((token) => [`token-${token.name}`, async () => token.requireWell()])),
    ...(configuration.attestation && { attestation: async () => attestationWatch.requireNone() }),
    ...(guard && { audit: () => guard.check() }),
  };
}

/** Requests on CertificateSigningRequests are all but all of the traffic; Express would cost each of them some 50 µs. */
function isForCsrs({ url = "" }: IncomingMessage): boolean {
  if (!url.startsWith(CSR_PATH)) return false;
  const next = url[CSR_PATH.length];
  return next === undefined || next === "?" || next === "/";
}

function attachMetricSources(
  { metrics, ledger, issuance, approval, configuredIssuers, tokens, expiry, rotation, clock }: FrontDoorDependencies,
  watches: () => number,
): void {
  const { requests, certificates, issuers } = ledger;
  metrics.attach({
    pending: async () => {
      const names = await requests.unfinished();
      const oldest = names[0] === undefined ? undefined : await requests.get(names[0]);
      return { count: names.length, oldest: oldest && new Date(oldest.metadata.creationTimestamp) };
    },
    certificatesExpiringBefore: (bounds) => certificates.countByExpiry(clock.now(), bounds),
    issuers: async () => (await issuers.list()).filter(({ endedAt }) => endedAt === undefined),
    rotations: rotation.recentStatuses,
    configuredIssuers: () => configuredIssuers.list(),
    tokens: () => tokens.all,
    hookLoads: approval.loads,
    configurationFile: () => approval.administration.status().file,
    expiry: () => expiry.counts(),
    queueDepth: () => issuance.depth,
    watches,
    revision: () => requests.revision(),
    now: () => clock.now(),
  });
}

/** The serving certificate: its key lives in memory only, so every start and every renewal makes a new pair. */
class ServingCertificates {
  readonly #deps: FrontDoorDependencies;
  #current: (OwnCertificate & { readonly renewAt: number }) | undefined;

  constructor(deps: FrontDoorDependencies) {
    this.#deps = deps;
  }

  async current(): Promise<OwnCertificate> {
    return this.#current ?? this.renew();
  }

  /** @returns the new pair, or undefined when more than a third of the old one's life is left. */
  async renewWhenDue(): Promise<OwnCertificate | undefined> {
    return this.isDue() ? this.renew() : undefined;
  }

  isDue(): boolean {
    return this.#current === undefined || this.#deps.clock.now().getTime() >= this.#current.renewAt;
  }

  async renew(): Promise<OwnCertificate> {
    const { identity, configuration, clock, logger } = this.#deps;
    const { listen: address, names } = configuration.server;
    const made = await identity.serving(servingNames(hostOf(address), names));
    const now = clock.now().getTime();
    this.#current = { ...made, renewAt: now + ((made.notAfter.getTime() - now) * 2) / 3 };
    logger.info({ notAfter: made.notAfter }, "made a serving certificate");
    return made;
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

/** An address that is bound on all interfaces is reached by the first configured name, else on loopback. */
function urlOf({ listen: address, names }: Configuration["server"], { port }: AddressInfo): string {
  const host = hostOf(address);
  const isWildcard = host === "0.0.0.0" || host === "::";
  const reachable = isWildcard ? (names[0] ?? "127.0.0.1") : host;
  return `https://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
