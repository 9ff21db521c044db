import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Access } from "./access/access.ts";
import type { KeyLists } from "./approval/key-lists.ts";
import type { Configuration } from "./configuration.ts";
import type { ConfiguredApproval } from "./configured-approval.ts";
import type { ConfiguredRevocation } from "./configured-revocation.ts";
import type { ConfiguredRotation } from "./configured-rotation.ts";
import { type CleanerDependencies, createCleaner } from "./issuance/cleaner.ts";
import type { Issuance } from "./issuance/issuance.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { LiveIssuers } from "./live-issuers.ts";
import type { JobWork, RunReport } from "./rotation/scheduler/job.ts";
import type { Signer } from "./signer/signer.ts";

const DAY_MILLISECONDS = 86_400_000;

export interface ScheduledWorkParts {
  readonly configuration: Configuration;
  readonly ledger: Pick<Ledger, "tokens" | "maintenance">;
  /** The requests that the cleaner looks at. */
  readonly cleanable: CleanerDependencies["requests"];
  readonly access: Pick<Access, "tokenAdministration" | "maintain">;
  readonly approval: Pick<ConfiguredApproval, "follower">;
  readonly issuance: Pick<Issuance, "forget">;
  readonly issuers: Pick<LiveIssuers, "checkFiles">;
  readonly keyLists: KeyLists;
  readonly signer: Pick<Signer, "inspector">;
  readonly rotation: Pick<ConfiguredRotation, "takeDueSteps" | "publish">;
  readonly expiry: { scan(): Promise<unknown> };
  readonly revocation: Pick<ConfiguredRevocation, "writeFiles">;
  /** Renews what is due of the server's own certificates. */
  readonly renewOwnCertificates: () => Promise<RunReport>;
  /** Renews what is due of a control plane's certificates. */
  readonly renewControlPlane: JobWork["run"];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What every job of the scheduler does, by its name. */
export function scheduledWork(parts: ScheduledWorkParts): readonly JobWork[] {
  const { access, approval, issuers, keyLists, renewOwnCertificates } = parts;
  return [
    cleanRequests(parts),
    pruneArchive(parts),
    expireTokens(parts),
    rotateIssuers(parts),
    quiet("watch-expiry", () => parts.expiry.scan()),
    { name: "renew-own-certificates", hasDryRun: false, run: renewOwnCertificates },
    { name: "renew-control-plane", hasDryRun: true, run: parts.renewControlPlane },
    quiet("check-issuer-files", () => issuers.checkFiles()),
    writeRevocationLists(parts),
    quiet("check-configuration", async () => approval.follower.check()),
    quiet("reload-key-lists", () => keyLists.reload()),
    quiet("maintain-authenticators", async () => access.maintain()),
  ];
}

function cleanRequests({ cleanable, signer, issuance, clock, logger }: ScheduledWorkParts): JobWork {
  const onDeleted = (name: string): void => issuance.forget(name);
  const cleaner = createCleaner({
    ...{ requests: cleanable, inspector: signer.inspector, onDeleted, clock, logger },
  });
  return {
    name: "clean-requests",
    hasDryRun: true,
    async run({ dryRun }) {
      const { examined, deleted, reasons } = await cleaner.run({ dryRun });
      const summary = `${dryRun ? "would delete" : "deleted"} ${deleted} of ${examined} requests`;
      return { summary, details: { examined, deleted, reasons } };
    },
  };
}

function pruneArchive({ configuration, ledger, clock }: ScheduledWorkParts): JobWork {
  const { maxAgeDays, maxRequests } = configuration.ledger.archive;
  return {
    name: "prune-archive",
    hasDryRun: false,
    async run() {
      const before = new Date(clock.now().getTime() - maxAgeDays * DAY_MILLISECONDS);
      await ledger.maintenance.pruneArchive(before, maxRequests);
      return { summary: `kept at most ${maxRequests} requests that were deleted after ${before.toISOString()}` };
    },
  };
}

function rotateIssuers({ rotation, logger }: ScheduledWorkParts): JobWork {
  return {
    name: "rotate-issuers",
    hasDryRun: true,
    async run({ dryRun }) {
      const steps = await rotation.takeDueSteps(dryRun);
      if (dryRun) return { summary: `would take ${steps.length} steps`, details: { steps } };
      for (const step of steps) logger.info({ step }, "took a step of issuer rotation");
      // What is published is looked at as well: CAs expire, and files go away.
      await rotation.publish();
      return { summary: `took ${steps.length} steps`, details: { steps } };
    },
  };
}

function expireTokens({ ledger, access, clock }: ScheduledWorkParts): JobWork {
  return {
    name: "expire-tokens",
    hasDryRun: true,
    async run({ dryRun }) {
      const ids = dryRun ? await expired() : await access.tokenAdministration.removeExpired();
      return {
        summary: `${dryRun ? "would remove" : "removed"} ${ids.length} tokens`,
        details: { ids: ids.slice(0, 100) },
      };
    },
  };

  async function expired(): Promise<readonly string[]> {
    const tokens = await ledger.tokens.list();
    return tokens.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt < clock.now()).map(({ id }) => id);
  }
}

function writeRevocationLists({ revocation }: ScheduledWorkParts): JobWork {
  return {
    name: "write-crls",
    hasDryRun: false,
    run: async () => ({ summary: `wrote ${await revocation.writeFiles()} CRLs` }),
  };
}

/** What looks again at files and keys, and says in the log what it found. */
function quiet(name: JobWork["name"], work: () => Promise<unknown>): JobWork {
  return {
    name,
    hasDryRun: false,
    async run() {
      await work();
      return { summary: "looked" };
    },
  };
}
