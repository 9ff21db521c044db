import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { Counts, Distributions, type Tally } from "../../shared/tallies.ts";
import type { Expiry } from "../rotation/expiry/expiry.ts";
import type { IssuerRotationStatus } from "../rotation/issuers/contract.ts";
import { expiryGauges } from "./expiry-metrics.ts";
import { rotationGauges } from "./rotation-metrics.ts";

const SECONDS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const DAY_MILLISECONDS = 86_400_000;

/** Upper bounds of the expiry buckets, in days from now. */
const EXPIRY_BUCKETS = { "1d": 1, "7d": 7, "30d": 30, "90d": 90 } as const;

/** What is read from elsewhere when somebody scrapes. */
export interface MetricSources {
  /** Requests that are undecided or await a signature, oldest first. */
  pending(): Promise<{ readonly count: number; readonly oldest: Date | undefined }>;
  certificatesExpiringBefore(
    bounds: readonly Date[],
  ): Promise<{ readonly counts: readonly number[]; readonly valid: number }>;
  issuers(): Promise<
    readonly { readonly id: string; readonly commonName: string; readonly slot: string; readonly notAfter: Date }[]
  >;
  configuredIssuers(): readonly {
    readonly name: string;
    readonly state: string;
    readonly problem: string | undefined;
  }[];
  /** Tokens that issuers have their keys in. */
  tokens?(): readonly { readonly name: string; readonly problem: string | undefined }[];
  /** Hooks of the approval chain that ask somebody outside, by name. */
  hookLoads?(): ReadonlyMap<string, { readonly asking: number; readonly waiting: number }>;
  /** What keeps the configuration file from being in force. */
  configurationFile?(): { readonly problem: unknown; readonly needsRestart: readonly string[] } | undefined;
  /** What expires, as of the last look. */
  expiry?(): ReturnType<Expiry["counts"]>;
  /** Where the rotation of each issuer stands; may be a minute old. */
  rotations?(): Promise<readonly IssuerRotationStatus[]>;
  queueDepth(): number;
  watches(): number;
  revision(): number;
  now(): Date;
}

export interface Metrics {
  readonly contentType: string;
  /** The exposition text; reads the sources. */
  render(): Promise<string>;
  /** Names where the gauges are read from; until then they are not shown. */
  attach(sources: MetricSources): void;
  requestFinished(verb: string, resource: string, code: number, seconds: number): void;
  readonly decided: (outcome: string, by: string, signerName: string) => void;
  readonly issued: (signerName: string, secondsSinceCreation: number) => void;
  readonly rejected: (signerName: string) => void;
  readonly retried: (phase: string) => void;
  /** An attestation that ended; see `AttestationDependencies`. */
  readonly attested: (attestor: string, outcome: string) => void;
  /** One answer of a hook of the approval chain; `verdict` may be `failed`. */
  readonly hookAnswered: (hook: string, verdict: string, seconds: number) => void;
  readonly issuancePhase: (phase: string, seconds: number) => void;
  /** One question to an authorization webhook; `remembered` ones cost no time. */
  readonly authorizationWebhook: (name: string, outcome: string, seconds: number) => void;
  /** One run of a job of the scheduler. */
  readonly jobEnded: (job: string, outcome: string, seconds: number) => void;
  /** Notices that a target took, or one attempt to hand some over that failed. */
  readonly expiryNotified: (target: string, outcome: "delivered" | "failed", count: number) => void;
  /** Several audit events at once; a failure is one attempt to hand over a batch. */
  readonly auditEvents: (sink: string, outcome: "written" | "dropped" | "failed", count: number) => void;
}

/** Prometheus metrics under the prefix `gatehouse_`, with Node's own process metrics beside them. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Counts({
    name: "gatehouse_http_requests_total",
    help: "Requests answered, by verb, resource and HTTP code",
    labelNames: ["verb", "resource", "code"],
  });
  const durations = new Distributions(
    {
      name: "gatehouse_http_request_duration_seconds",
      help: "Time from the request's head to the end of its answer, watches left out",
      labelNames: ["verb", "resource"],
    },
    SECONDS_BUCKETS,
  );
  const decisions = new Counts({
    name: "gatehouse_decisions_total",
    help: "Durable decisions on requests, by outcome, who decided (gatehouse or person) and signer",
    labelNames: ["outcome", "by", "signer"],
  });
  const certificates = new Distributions(
    {
      name: "gatehouse_issuance_seconds",
      help: "Time from a request's creation to its durable certificate, by signer; the count is the certificates issued",
      labelNames: ["signer"],
    },
    [...SECONDS_BUCKETS, 60, 600, 3600],
  );
  const phases = new Distributions(
    {
      name: "gatehouse_issuance_phase_seconds",
      help: "Time a request spends in each phase of issuance: decode, review, sign, commit",
      labelNames: ["phase"],
    },
    SECONDS_BUCKETS,
  );
  const hookVerdicts = new Counts({
    name: "gatehouse_hook_answers_total",
    help: "Answers of approval hooks by verdict; failed ones could not evaluate and are asked again",
    labelNames: ["hook", "verdict"],
  });
  const hookSeconds = new Distributions(
    {
      name: "gatehouse_hook_seconds",
      help: "Time an approval hook takes to answer, or to fail, the waiting line included",
      labelNames: ["hook"],
    },
    [...SECONDS_BUCKETS, 60, 600],
  );
  const tallies: readonly Tally[] = [
    ...[requests, durations, decisions, certificates, phases],
    ...[hookVerdicts, hookSeconds],
  ];
  const rejections = new Counter({
    name: "gatehouse_profile_violations_total",
    help: "Approved requests marked Failed because they violate their signer's profile",
    labelNames: ["signer"],
    registers,
  });
  const retries = new Counter({
    name: "gatehouse_issuance_retries_total",
    help: "Work on a request that went wrong and is tried again, by phase",
    labelNames: ["phase"],
    registers,
  });
  const auditEvents = new Counter({
    name: "gatehouse_audit_events_total",
    help: "Audit events by sink and what became of them: written, or dropped because the sink did not take them",
    labelNames: ["sink", "outcome"],
    registers,
  });
  const auditFailures = new Counter({
    name: "gatehouse_audit_failures_total",
    help: "Attempts to hand audit events to a sink that failed; they are tried again",
    labelNames: ["sink"],
    registers,
  });
  const notifications = new Counter({
    name: "gatehouse_expiry_notifications_total",
    help: "Notices of expiries that targets took (delivered), and attempts to hand some over that failed",
    labelNames: ["target", "outcome"],
    registers,
  });
  const webhookAnswers = new Counter({
    name: "gatehouse_authorization_webhook_answers_total",
    help: "Questions to authorization webhooks by outcome: allowed, denied, noOpinion, failed, or remembered",
    labelNames: ["webhook", "outcome"],
    registers,
  });
  const webhookSeconds = new Histogram({
    name: "gatehouse_authorization_webhook_seconds",
    help: "Time an authorization webhook takes to answer, or to fail",
    labelNames: ["webhook"],
    buckets: SECONDS_BUCKETS,
    registers,
  });
  const attestations = new Counter({
    name: "gatehouse_attestations_total",
    help: "Attempts to attest with a challenge of ours, by outcome: bound, denied, conflict, slow_down or bad_request",
    labelNames: ["attestor", "outcome"],
    registers,
  });
  const jobEnded = jobMetrics(registers);
  let sources: MetricSources | undefined;
  const collectors = sourceGauges(registers);
  return {
    contentType: registry.contentType,
    attach: (given) => {
      sources = given;
    },
    render: async () => {
      if (sources !== undefined) await collectors(sources);
      return [await registry.metrics(), ...tallies.map((tally) => tally.text())].join("\n");
    },
    requestFinished: (verb, resource, code, seconds) => {
      requests.add(verb, resource, String(code));
      if (verb !== "watch") durations.observe(seconds, verb, resource);
    },
    decided: (outcome, by, signer) => decisions.add(outcome, by, knownSigner(signer)),
    issued: (signer, seconds) => certificates.observe(seconds, knownSigner(signer)),
    rejected: (signer) => rejections.inc({ signer: knownSigner(signer) }),
    retried: (phase) => retries.inc({ phase }),
    hookAnswered: (hook, verdict, seconds) => {
      hookVerdicts.add(hook, verdict);
      hookSeconds.observe(seconds, hook);
    },
    issuancePhase: (phase, seconds) => phases.observe(seconds, phase),
    authorizationWebhook: (webhook, outcome, seconds) => {
      webhookAnswers.inc({ webhook, outcome });
      if (outcome !== "remembered") webhookSeconds.observe({ webhook }, seconds);
    },
    attested: (attestor, outcome) => attestations.inc({ attestor, outcome }),
    jobEnded,
    expiryNotified: (target, outcome, count) => notifications.inc({ target, outcome }, count),
    auditEvents: (sink, outcome, count) => {
      if (outcome === "failed") auditFailures.inc({ sink }, count);
      else auditEvents.inc({ sink, outcome }, count);
    },
  };
}

/** A label `job` would be overlaid by that of Prometheus for whatever it scrapes. */
function jobMetrics(registers: Registry[]): Metrics["jobEnded"] {
  const runs = new Counter({
    name: "gatehouse_job_runs_total",
    help: "Runs of scheduled jobs by outcome: succeeded, failed or interrupted",
    labelNames: ["job_name", "outcome"],
    registers,
  });
  const duration = new Gauge({
    name: "gatehouse_job_duration_seconds",
    help: "Time the last run of a job took",
    labelNames: ["job_name"],
    registers,
  });
  const success = new Gauge({
    name: "gatehouse_job_last_success_seconds",
    help: "When the last run of a job ended that succeeded, seconds since 1970",
    labelNames: ["job_name"],
    registers,
  });
  return (job, outcome, seconds) => {
    runs.inc({ job_name: job, outcome });
    duration.set({ job_name: job }, seconds);
    if (outcome === "succeeded") success.setToCurrentTime({ job_name: job });
  };
}

const LABELLED_SIGNERS = new Set([
  "kubernetes.io/kube-apiserver-client",
  "kubernetes.io/kube-apiserver-client-kubelet",
  "kubernetes.io/kubelet-serving",
]);

/** Signer names come from requesters: only known ones become label values, so that nobody can fill the registry. */
function knownSigner(signerName: string): string {
  return LABELLED_SIGNERS.has(signerName) ? signerName : "other";
}

function sourceGauges(registers: Registry[]): (sources: MetricSources) => Promise<void> {
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const pendingCount = gauge(
    "gatehouse_pending_requests",
    "Requests that nobody decided yet or that await a signature",
  );
  const pendingAge = gauge(
    "gatehouse_pending_oldest_age_seconds",
    "Age of the oldest such request, 0 when there is none",
  );
  const expiring = gauge(
    "gatehouse_certificates",
    "Valid certificates by the time until they expire; bucket all counts every valid one",
    ["expires_within"],
  );
  const issuerExpiry = gauge("gatehouse_issuer_not_after_seconds", "When each issuer expires, seconds since 1970", [
    "issuer",
    "common_name",
    "slot",
  ]);
  const ready = gauge(
    "gatehouse_issuer_ready",
    "1 while a configured issuer can sign, 0 while it awaits its certificate",
    ["name"],
  );
  const rejected = gauge(
    "gatehouse_issuer_files_rejected",
    "1 while the files of an issuer cannot be used and what was taken from them before signs on",
    ["name"],
  );
  const tokenReady = gauge("gatehouse_token_ready", "1 while a token can be used, 0 while it is away", ["token"]);
  const setApproval = approvalGauges(gauge);
  const setExpiry = expiryGauges(gauge, knownSigner);
  const setRotation = rotationGauges(gauge);
  const depth = gauge("gatehouse_issuance_queue_depth", "Requests waiting for review or signature in this process");
  const watches = gauge("gatehouse_watches", "Open watch streams");
  const revision = gauge("gatehouse_ledger_revision", "Newest durable revision");
  return async (sources) => {
    const now = sources.now();
    const bounds = Object.values(EXPIRY_BUCKETS).map((days) => new Date(now.getTime() + days * DAY_MILLISECONDS));
    const [pending, expiry, issuers] = await Promise.all([
      sources.pending(),
      sources.certificatesExpiringBefore(bounds),
      sources.issuers(),
    ]);
    pendingCount.set(pending.count);
    pendingAge.set(pending.oldest === undefined ? 0 : Math.max(0, (now.getTime() - pending.oldest.getTime()) / 1000));
    for (const [index, bucket] of Object.keys(EXPIRY_BUCKETS).entries())
      expiring.set({ expires_within: bucket }, expiry.counts[index] ?? 0);
    expiring.set({ expires_within: "all" }, expiry.valid);
    issuerExpiry.reset();
    for (const { id, commonName, slot, notAfter } of issuers)
      issuerExpiry.set({ issuer: id.slice(0, 16), common_name: commonName, slot }, notAfter.getTime() / 1000);
    for (const { name, state, problem } of sources.configuredIssuers()) {
      const isReady = state === "ready";
      ready.set({ name }, isReady ? 1 : 0);
      rejected.set({ name }, isReady && problem !== undefined ? 1 : 0);
    }
    for (const { name, problem } of sources.tokens?.() ?? [])
      tokenReady.set({ token: name }, problem === undefined ? 1 : 0);
    setApproval(sources);
    setExpiry(await sources.expiry?.());
    setRotation(await sources.rotations?.());
    depth.set(sources.queueDepth());
    watches.set(sources.watches());
    revision.set(sources.revision());
  };
}

/** Who decides: the hooks that are asked outside, and the file they are configured in. */
function approvalGauges(
  gauge: (name: string, help: string, labelNames?: string[]) => Gauge,
): (sources: MetricSources) => void {
  const hookAsking = gauge("gatehouse_hook_asking", "Requests that a hook outside is being asked about", ["hook"]);
  const hookWaiting = gauge("gatehouse_hook_waiting", "Requests in line for a hook outside", ["hook"]);
  const fileRejected = gauge(
    "gatehouse_configuration_rejected",
    "1 while the configuration file cannot be used and what was read before stays in force",
  );
  const restarts = gauge(
    "gatehouse_configuration_needs_restart",
    "Settings of the configuration file that differ from those in force and are taken at a start only",
  );
  return (sources) => {
    for (const each of [hookAsking, hookWaiting]) each.reset();
    for (const [hook, { asking, waiting }] of sources.hookLoads?.() ?? []) {
      hookAsking.set({ hook }, asking);
      hookWaiting.set({ hook }, waiting);
    }
    const file = sources.configurationFile?.();
    fileRejected.set(file?.problem === undefined ? 0 : 1);
    restarts.set(file?.needsRestart.length ?? 0);
  };
}
