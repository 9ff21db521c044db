import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import closeWithGrace from "close-with-grace";
import { systemClock } from "../shared/clock.ts";
import { removeLeftovers } from "../shared/durable-file.ts";
import { createLogger, type Logger } from "../shared/logging.ts";
import { createAccess } from "./access/access.ts";
import { openAudit } from "./access/audit/audit.ts";
import { CLUSTER_INFO_RBAC } from "./access/cluster-info.ts";
import { createRateLimiter } from "./access/rate-limiter.ts";
import { openRbac } from "./access/rbac/open-rbac.ts";
import { readRbacFiles } from "./access/rbac/read-objects.ts";
import { createRbacRegistries } from "./access/rbac/registries.ts";
import { type KeyLists, openKeyLists } from "./approval/key-lists.ts";
import { createKeyPolicy } from "./approval/key-policy.ts";
import { type Configuration, type ConfigurationOverrides, loadConfiguration } from "./configuration.ts";
import { type ConfiguredApproval, configuredApproval } from "./configured-approval.ts";
import { type AttestationWatch, configuredAttestation, createAttestationWatch } from "./configured-attestation.ts";
import { openConfiguredCustody } from "./configured-custody.ts";
import { configuredIssuance, newNameSuffix } from "./configured-issuance.ts";
import { configuredRevocation } from "./configured-revocation.ts";
import { type ConfiguredRotation, configuredRotation } from "./configured-rotation.ts";
import { openConfiguredTokens } from "./configured-tokens.ts";
import { controlPlaneRenewal } from "./control-plane-renewal.ts";
import { type ClusterMode, type ControllerOptions, openCluster } from "./controller.ts";
import { createCheckpointSigner } from "./custody/checkpoint-key.ts";
import { generateKeyPair } from "./custody/key-pair.ts";
import type { Tokens } from "./custody/pkcs11/tokens.ts";
import { encryptionAtRest } from "./encryption-at-rest.ts";
import { type FrontDoor, type FrontDoorDependencies, openFrontDoor } from "./front-door.ts";
import { createMetrics } from "./http/metrics.ts";
import { guardedSigner } from "./issuance/guarded-signer.ts";
import { issuerAdministration } from "./issuer-administration.ts";
import { type WatchedFiles, watchFiles } from "./issuer-files.ts";
import { openNodeAddresses } from "./kubernetes/node-addresses.ts";
import { openLedger } from "./ledger/ledger.ts";
import { isAdministratorKubeconfigDue, leaveFiles } from "./left-files.ts";
import { nameLessSafeChoices } from "./less-safe-choices.ts";
import { LiveIssuers } from "./live-issuers.ts";
import { ownIdentity } from "./own-identity.ts";
import { ADMIN_KUBECONFIG } from "./own-kubeconfigs.ts";
import { requestKeys } from "./request-keys.ts";
import { revocationPointersOf } from "./revocation-settings.ts";
import { createExpiry } from "./rotation/expiry/expiry.ts";
import { type JobWork, scheduledJobs } from "./rotation/scheduler/job.ts";
import { createScheduler } from "./rotation/scheduler/scheduler.ts";
import { scheduledWork } from "./scheduled-work.ts";
import { createSigner, type Signer } from "./signer/signer.ts";
import { CERTIFICATE_JUDGE } from "./verify-ledger.ts";

export { ConfigurationError } from "./configuration.ts";
export { checkPki, initializePki } from "./pki.ts";
export { checkPolicy, testPolicy } from "./policy.ts";
export { replayPolicy } from "./replay.ts";
export { makeServiceCertificates } from "./service-certificates.ts";
export { verifyLedgerFile } from "./verify-ledger.ts";

const clock = systemClock;
const MINUTE_SECONDS = 60;
const BYTES_PER_MEGABYTE = 1024 * 1024;
const SHUTDOWN_LIMIT_MILLISECONDS = 30_000;

/**
 * Starts the standalone certificate authority and resolves when it accepts connections, having printed
 * `gatehouse ready https://HOST:PORT` on standard output; logs go to standard error. SIGINT and SIGTERM stop it.
 *
 * @throws {ConfigurationError} and the errors of the rooms that refuse to start, each naming its way out.
 */
export async function serve(overrides: ConfigurationOverrides): Promise<void> {
  await run(overrides, undefined);
}

/** The same for the requests of a cluster, in place of our own. @throws as `serve`. */
export async function control(overrides: ConfigurationOverrides, options: ControllerOptions): Promise<void> {
  await run(overrides, options);
}

async function run(overrides: ConfigurationOverrides, controlled: ControllerOptions | undefined): Promise<void> {
  const configuration = loadConfiguration(overrides);
  const logger = createLogger({ level: configuration.log.level, format: logFormat(configuration.log.format) });
  nameLessSafeChoices(configuration, logger);
  mkdirSync(configuration.dataDirectory, { recursive: true, mode: 0o700 });
  await removeLeftovers(configuration.dataDirectory);
  const cluster = controlled && openCluster(configuration, controlled, { clock, logger });
  const authority = await openAuthority(configuration, overrides, cluster, logger);
  const jobs = schedule(configuration, authority, logger, async ({ dryRun, report }) => {
    const due = [
      ...(door.isServingCertificateDue() ? ["serving certificate"] : []),
      ...(isAdministratorKubeconfigDue(configuration, authority) ? [ADMIN_KUBECONFIG] : []),
    ];
    if (!dryRun) {
      await door.renewServingCertificate();
      await leaveFiles(configuration, authority, door.url, logger);
    }
    for (const one of due) report(one);
    return { summary: `${dryRun ? "would renew" : "renewed"} ${due.length} of 2 certificates` };
  });
  const door = await openFrontDoor({ ...authority, jobs: jobs.administration, configuration, clock, logger });
  await leaveFiles(configuration, authority, door.url, logger);
  await jobs.start();
  watchAttestation(authority, logger);
  const issuerFiles = followIssuers(configuration, authority, door, logger);
  const configurationFile = followApproval(authority, logger);
  if (cluster === undefined) authority.issuance.start();
  else cluster.start(authority.issuance, () => authority.rotation.publish());
  closeWithGrace({ delay: SHUTDOWN_LIMIT_MILLISECONDS }, async ({ err, signal }) => {
    if (err === undefined) logger.info({ signal }, "stopping: no new connections, finishing what was accepted");
    else logger.fatal({ err }, "unexpected error, stopping");
    await jobs.stop();
    issuerFiles.close();
    configurationFile.close();
    await door.close();
    await authority.close();
    logger.info("stopped");
  });
  process.stdout.write(`gatehouse ready ${door.url}\n`);
  sayWhatNext(configuration.dataDirectory);
}

function logFormat(configured: Configuration["log"]["format"]): "json" | "text" {
  if (configured !== "auto") return configured;
  return process.stderr.isTTY ? "text" : "json";
}

/** Where a person goes from here; a program that waits for the ready line never sees it. */
function sayWhatNext(directory: string): void {
  if (!process.stdout.isTTY) return;
  const kubeconfig = join(directory, ADMIN_KUBECONFIG);
  process.stdout.write(`  kubectl --kubeconfig ${kubeconfig} get csr\n  scripts/gatehouse token create --help\n`);
}

/** Everything behind the listeners. */
interface Authority extends Omit<FrontDoorDependencies, "jobs" | "configuration" | "clock" | "logger"> {
  readonly keyLists: KeyLists;
  readonly approval: ConfiguredApproval;
  readonly signer: Signer;
  readonly issuers: LiveIssuers;
  readonly rotation: ConfiguredRotation;
  readonly renewControlPlane: JobWork["run"];
  readonly tokens: Tokens;
  readonly attestationWatch: AttestationWatch;
  readonly cleanable: ClusterMode["cleanable"];
  close(): Promise<void>;
}

async function openAuthority(
  configuration: Configuration,
  overrides: ConfigurationOverrides,
  cluster: ClusterMode | undefined,
  logger: Logger,
): Promise<Authority> {
  const { dataDirectory } = configuration;
  const discovery = configuration.bootstrapTokens.publishClusterInfo ? CLUSTER_INFO_RBAC : [];
  const rbacObjects = [...readRbacFiles(configuration.rbac.files), ...discovery];
  const keyLists = openKeyLists(configuration.keyPolicy, logger);
  const metrics = createMetrics();
  const audit =
    configuration.audit && (await openAudit(configuration.audit, { clock, logger, observe: metrics.auditEvents }));
  const ledger = await openLedger({
    file: join(dataDirectory, "gatehouse.db"),
    clock,
    logger,
    compactionWindowSeconds: configuration.ledger.compactionWindowSeconds,
    certificateJudge: CERTIFICATE_JUDGE,
    commitDelayMilliseconds: configuration.ledger.commitDelayMilliseconds,
    limits: {
      maximumRequests: configuration.limits.maxStoredRequests,
      maximumBytes: configuration.ledger.maximumMegabytes * BYTES_PER_MEGABYTE,
    },
  });
  const custody = await openConfiguredCustody(configuration, ledger.issuers, logger);
  const tokens = await openConfiguredTokens(configuration, logger);
  const settings = configuration;
  const issuers = await LiveIssuers.open({ settings, custody, tokens, issuers: ledger.issuers, clock, logger });
  const rotation = configuredRotation(configuration, {
    ...{ ledger, live: issuers, custody, tokens, clock, logger },
    ...(cluster && { publishers: cluster.publishers }),
  });
  const workers = configuration.signing.workers ?? Math.max(1, availableParallelism() - 1);
  const pointersOf = (issuerId: string) => revocationPointersOf(configuration.signing, issuerId);
  const acceptsMlDsa = configuration.keyPolicy.mlDsa.length > 0;
  const unguarded = createSigner({
    issuers: issuers.directory.signing,
    workers,
    acceptsMlDsa,
    pointersOf,
    clock,
    logger,
  });
  const signer = audit?.guard ? { ...unguarded, signer: guardedSigner(unguarded.signer, audit.guard) } : unguarded;
  const rateLimiter = createRateLimiter({ ...rateLimits(configuration.limits), clock });
  const { clusterRoles, clusterRoleBindings } = ledger;
  const stores = { clusterRoles, clusterRoleBindings };
  const policy = await openRbac({ ...stores, files: rbacObjects, clock, logger, newUid: randomUUID });
  const access = createAccess({
    authentication: configuration.authentication,
    authorization: configuration.authorization,
    observeWebhook: metrics.authorizationWebhook,
    clusterCa: () => issuers.directory,
    tokens: ledger.tokens,
    tokenHashKey: custody.deriveKey("bootstrap-token-hash"),
    attestationTokenKey: custody.deriveKey("attestation-token-seal"),
    tokenSealKey: configuration.bootstrapTokens.keepSigningSecrets
      ? custody.deriveKey("bootstrap-token-seal")
      : undefined,
    readCertificate: signer.readCertificate,
    isRevoked: (fingerprint) => ledger.certificates.isRevoked(fingerprint),
    policy,
    clock,
    logger,
    rateLimiter,
  });
  const rbac = createRbacRegistries({
    ...{ ...stores, policy, clock, newNameSuffix, newUid: randomUUID },
    authorizer: access.authorizer,
  });
  const { certificates } = ledger;
  const expiry = createExpiry({
    ...{ records: ledger.expiry, settings: configuration.expiry, clock, logger },
    observe: metrics.expiryNotified,
  });
  const keyPolicy = createKeyPolicy({ settings: configuration.keyPolicy, lists: keyLists, certificates });
  const approval = configuredApproval(configuration, {
    ...{ overrides, certificates, shadow: ledger.shadow, keyPolicy, observe: metrics.hookAnswered, clock, logger },
    revocations: ledger.revocations,
    hooks: {
      ...{ authorizer: cluster?.authorizer ?? access.authorizer, certificates, logger },
      ...{ attestations: ledger.attestations, requestKeys },
      onNewEvidence: () => issuance.revisit(),
      openNodeAddresses: (wanted, onChange) => openNodeAddresses(wanted, { clock, logger, onChange }),
    },
  });
  const { chain, nodeNames, pending } = approval;
  const requests = cluster?.requestsOf(ledger, signer.readCertificate) ?? ledger.requests;
  const parts = { ledger, requests, issuers, signer, access, chain, nodeNames, pending, keyPolicy, metrics, logger };
  const issuance = configuredIssuance(configuration, parts);
  const revocation = configuredRevocation(configuration, { ledger, issuers, signer, clock, logger });
  const identity = ownIdentity({
    issuers,
    signer: signer.signer,
    certificates,
    generateKeyPair: () => generateKeyPair("ecdsa-p256"),
    clock,
  });
  return {
    ...{ ledger, issuers, signer, access, rbac, approval, issuance, keyLists, metrics, identity, rateLimiter, audit },
    cleanable: cluster?.cleanable ?? ledger.requests,
    revocation,
    trustedCaPem: () => issuers.directory.trustedPem,
    clientCaPem: () => issuers.directory.tlsCaPem + access.additionalClientCaPem,
    renewControlPlane: controlPlaneRenewal(configuration.controlPlane, {
      ...{ ledger, custody, live: issuers, clock, logger },
      guard: (unaudited) => (audit?.guard ? guardedSigner(unaudited, audit.guard) : unaudited),
    }),
    configuredIssuers: issuerAdministration({
      ...{ settings, live: issuers, custody, tokens, clock },
      ...{ issuers: ledger.issuers, audit: ledger.audit },
    }),
    rotation,
    encryption: encryptionAtRest(custody),
    checkpoints: createCheckpointSigner(custody),
    expiry,
    keyServices: () => custody.checkKeyServices(),
    tokens,
    attestationWatch: createAttestationWatch(configuration, {
      authorizer: cluster?.authorizer ?? access.authorizer,
      ...{ isInCluster: cluster !== undefined, hooks: approval.hooks, logger },
    }),
    openAttestation: (serverUrl) =>
      configuredAttestation(configuration, {
        ...{ ledger, identity, serverUrl, clock, logger },
        tokens: access.tokenAdministration,
        sealKey: custody.deriveKey("attestation-challenge-seal"),
        isInCluster: cluster !== undefined,
        trustedCaPem: () => issuers.directory.trustedPem,
        observe: metrics.attested,
      }),
    close: async () => {
      await issuance.stop();
      await cluster?.stop();
      await expiry.close();
      await approval.close();
      await signer.close();
      await tokens.close();
      await ledger.close();
      custody.close();
      await audit?.close();
    },
  };
}

function rateLimits(limits: Configuration["limits"]) {
  const rate = (perSecond: number) => ({ perSecond, burst: Math.max(1, perSecond * 10) });
  const failuresPerMinute = limits.failedAuthenticationsPerMinutePerAddress;
  return {
    perIdentity: rate(limits.requestsPerSecondPerIdentity),
    perAddress: rate(limits.requestsPerSecondPerAddress),
    failedAuthentications: { perSecond: failuresPerMinute / MINUTE_SECONDS, burst: Math.max(1, failuresPerMinute) },
    maxTracked: 50_000,
  };
}

/** Everything that depends on who signs goes along when that changes. The signer first, or requests would find it too old. */
function followIssuers(
  configuration: Configuration,
  authority: Authority,
  door: FrontDoor,
  logger: Logger,
): WatchedFiles {
  const { issuers, signer, issuance, tokens } = authority;
  issuers.onChange(async () => {
    signer.changeIssuers(issuers.directory.signing);
    issuance.revisit();
    // `ca.crt` names a new root before anything below it is served.
    await leaveFiles(configuration, authority, door.url, logger);
    await door.followIssuers();
  });
  // What waited for a token is signed as soon as it is back.
  tokens.onChange(({ problem }) => {
    if (problem === undefined) issuance.revisit();
  });
  return watchFiles(issuers.paths, () => void issuers.checkFiles(), logger);
}

/** Looks now and whenever another chain decides; a job looks in between. */
function watchAttestation({ approval, attestationWatch }: Authority, logger: Logger): void {
  const look = (): void => {
    attestationWatch
      .check()
      .catch((err: unknown) => logger.warn({ err }, "could not ask who is approved past attestation"));
  };
  look();
  approval.onChange(look);
}

/** What waits is put to a new chain at once. */
function followApproval({ approval, issuance }: Authority, logger: Logger): WatchedFiles {
  approval.onChange(() => issuance.revisit());
  return watchFiles(approval.follower.paths, () => approval.follower.check(), logger);
}

function schedule(
  configuration: Configuration,
  authority: Authority,
  logger: Logger,
  renewOwnCertificates: JobWork["run"],
) {
  const work = scheduledWork({ ...authority, configuration, renewOwnCertificates, clock, logger });
  const elsewhere = {
    "clean-requests": `@every ${configuration.cleaner.intervalSeconds}s`,
    "watch-expiry": `@every ${configuration.expiry.scanSeconds}s`,
  };
  return createScheduler({
    jobs: scheduledJobs(work, configuration.jobs, elsewhere),
    runs: authority.ledger.runs,
    observe: authority.metrics.jobEnded,
    clock,
    logger,
  });
}
