import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { Counts, Distributions } from "../../shared/tallies.ts";

const SECONDS_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Resources that are told apart in metrics; callers choose names, and each would be kept for ever. */
const TOLD_APART = new Set(
  (
    "certificatesigningrequests clustertrustbundles configmaps csidrivers csinodes events leases nodes persistentvolumeclaims " +
    "persistentvolumes podcertificaterequests pods resourceclaims resourceslices runtimeclasses secrets serviceaccounts " +
    "services subjectaccessreviews tokenreviews volumeattachments"
  ).split(" "),
);

/** What a scrape shows of the present; asked when it comes. */
export interface MetricSources {
  readonly graph: () => { readonly sizes: Readonly<Record<string, number>>; readonly eventsApplied: number };
  readonly feed: () => { readonly isSynced: boolean; readonly lagSeconds: number | undefined };
  /** Undefined while no list of revocations is configured. */
  readonly revocations: () => { readonly entries: number; readonly ageSeconds: number | undefined } | undefined;
}

export interface Metrics {
  /** @param seconds - from the whole body to the verdict. */
  decided(webhook: "authorize" | "admit", resource: string, verdict: string, seconds: number): void;
  /** A review that got no verdict. @param reason - of the Status that was answered. */
  refused(webhook: "authorize" | "admit", reason: string): void;
  readonly contentType: string;
  render(): Promise<string>;
}

export function createMetrics(sources: MetricSources): Metrics {
  const decisions = new Counts({
    name: "gatehouse_node_authorizer_decisions_total",
    help: "Verdicts by webhook and resource.",
    labelNames: ["webhook", "resource", "verdict"],
  });
  const refusals = new Counts({
    name: "gatehouse_node_authorizer_refused_reviews_total",
    help: "Reviews that got no verdict, by the reason that was answered.",
    labelNames: ["webhook", "reason"],
  });
  const durations = new Distributions(
    {
      name: "gatehouse_node_authorizer_decision_duration_seconds",
      help: "Time from the whole body of a review to its verdict.",
      labelNames: ["webhook"],
    },
    SECONDS_BUCKETS,
  );
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  attachGauges(registry, sources);
  return {
    decided(webhook, resource, verdict, seconds) {
      decisions.add(webhook, TOLD_APART.has(resource) ? resource : "other", verdict);
      durations.observe(seconds, webhook);
    },
    refused: (webhook, reason) => refusals.add(webhook, reason),
    contentType: registry.contentType,
    render: async () => [await registry.metrics(), decisions.text(), refusals.text(), durations.text()].join("\n"),
  };
}

function attachGauges(registry: Registry, { graph, feed, revocations }: MetricSources): void {
  const registers = [registry];
  new Gauge({
    name: "gatehouse_node_authorizer_graph_size",
    help: "Vertices and edges of the graph by kind.",
    labelNames: ["kind"],
    registers,
    collect() {
      for (const [kind, size] of Object.entries(graph().sizes)) this.set({ kind }, size);
    },
  });
  const gauge = (name: string, help: string, value: () => number | undefined) =>
    new Gauge({
      name: `gatehouse_node_authorizer_${name}`,
      help,
      registers,
      collect() {
        this.set(value() ?? Number.NaN);
      },
    });
  gauge("events_applied", "Events that the graph was fed since the start.", () => graph().eventsApplied);
  gauge("feed_synced", "Whether the graph holds all of the cluster's objects.", () => Number(feed().isSynced));
  gauge("feed_lag_seconds", "Time since something was last heard of the slowest watch.", () => feed().lagSeconds);
  gauge("revocations", "Entries of the revocation list.", () => revocations()?.entries);
  gauge(
    "revocations_age_seconds",
    "Time since the revocation list was last confirmed.",
    () => revocations()?.ageSeconds,
  );
}
