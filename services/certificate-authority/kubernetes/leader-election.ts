import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "../../shared/logging.ts";
import { type ClusterConnection, ClusterError } from "./cluster-connection.ts";
import type { ClusterSettings } from "./cluster-settings.ts";

export interface ElectionDependencies {
  readonly cluster: Pick<ClusterConnection, "send">;
  readonly settings: ClusterSettings["leaderElection"];
  /** Who we are: unlike any other replica, and unlike ourselves before a restart. */
  readonly identity: string;
  readonly onElected: () => void;
  /** Called once; the term is over, and nothing may be written any more. */
  readonly onLost: () => void;
  readonly now: () => Date;
  readonly logger: Pick<Logger, "info" | "warn">;
}

export interface Election {
  /** Whether we lead now. False as soon as the term ends, also when nobody could tell us: for instance after a sleep. */
  isLeading(): boolean;
  /** Ends the term, so that another replica need not wait for it to run out. */
  stop(): Promise<void>;
}

/** Without other replicas nobody need be asked. */
export const ALWAYS_LEADING: Election = { isLeading: () => true, stop: async () => undefined };

/** Source: kubernetes staging/src/k8s.io/api/coordination/v1/types.go (LeaseSpec). */
interface Lease {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/**
 * Holds a Lease while we work, so that one replica does at a time. How long a holder was silent is measured by our own
 * steady clock since we saw its last sign of life, never by times in the Lease: clocks of machines differ.
 *
 * Source: kubernetes staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go.
 */
export function runElection(deps: ElectionDependencies): Election {
  const { cluster, settings, identity, logger } = deps;
  const { namespace, name, leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds } = settings;
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const stopping = new AbortController();
  let leadingUntil = 0;
  let wasElected = false;
  let held: Lease | undefined;
  let seen = { sign: "", at: 0 };
  let problem: string | undefined;
  let isOver = false;

  /** A term that has run out is over for good: what was left undone in between would never be done. */
  function isLeading(): boolean {
    const isWithin = performance.now() < leadingUntil;
    isOver ||= wasElected && !isWithin;
    return isWithin && !isOver;
  }

  async function read(): Promise<Lease | undefined> {
    try {
      return (await cluster.send("GET", `${path}/${name}`)) as Lease;
    } catch (error) {
      if (error instanceof ClusterError && error.code === 404) return undefined;
      throw error;
    }
  }

  function isFree({ spec = {} }: Lease): boolean {
    const { holderIdentity = "", renewTime = "", leaseDurationSeconds: lasts = leaseDurationSeconds } = spec;
    if (holderIdentity === "" || holderIdentity === identity) return true;
    const sign = `${holderIdentity} ${renewTime}`;
    if (seen.sign !== sign) seen = { sign, at: performance.now() };
    return performance.now() - seen.at > lasts * 1000;
  }

  function claimOf(lease: Lease | undefined, holderIdentity: string): Lease {
    const now = deps.now().toISOString().replace("Z", "000Z");
    const spec = lease?.spec ?? {};
    const isNew = spec.holderIdentity !== holderIdentity;
    return {
      ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace, ...lease?.metadata } },
      spec: {
        ...{ holderIdentity, leaseDurationSeconds: holderIdentity === "" ? 1 : leaseDurationSeconds, renewTime: now },
        acquireTime: isNew ? now : (spec.acquireTime ?? now),
        leaseTransitions:
          (spec.leaseTransitions ?? 0) + (isNew && lease !== undefined && holderIdentity !== "" ? 1 : 0),
      },
    };
  }

  async function claim(): Promise<void> {
    const sentAt = performance.now();
    const lease = held ?? (await read());
    if (lease !== undefined && !isFree(lease)) return;
    const wanted = claimOf(lease, identity);
    held = undefined;
    const answer =
      lease === undefined ? cluster.send("POST", path, wanted) : cluster.send("PUT", `${path}/${name}`, wanted);
    held = (await answer) as Lease;
    if (wasElected && !isLeading()) return;
    leadingUntil = sentAt + renewDeadlineSeconds * 1000;
    if (problem !== undefined) logger.info("the lease can be renewed again");
    problem = undefined;
  }

  async function turn(): Promise<void> {
    try {
      await claim();
    } catch (error) {
      held = undefined;
      const { message } = error as Error;
      const isOvertaken = error instanceof ClusterError && error.code === 409;
      if (!isOvertaken && problem !== message) logger.warn({ problem: message }, "could not claim or renew the lease");
      if (!isOvertaken) problem = message;
    }
    if (!wasElected && isLeading()) {
      wasElected = true;
      logger.info({ identity, lease: `${namespace}/${name}` }, "leading");
      deps.onElected();
    }
  }

  async function run(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      await turn();
      if (wasElected && !isLeading()) return deps.onLost();
      const jittered = retryPeriodSeconds * 1000 * (1 + Math.random() * 0.2);
      await pause(jittered, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    isLeading,
    async stop() {
      stopping.abort();
      await running;
      const mayRelease = isLeading() && held !== undefined;
      leadingUntil = 0;
      if (!mayRelease) return;
      // Whoever cannot be told waits until the lease runs out.
      await cluster.send("PUT", `${path}/${name}`, claimOf(held, "")).catch(() => undefined);
    },
  };
}
