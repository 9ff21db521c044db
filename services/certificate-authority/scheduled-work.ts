import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Access } from "./access/access.ts";
import type { KeyLists } from "./approval/key-lists.ts";
import type { Configuration } from "./configuration.ts";
import type { ConfiguredApproval } from "./configured-approval.ts";
import type { AttestationWatch } from "./configured-attestation.ts";
import type { ConfiguredRevocation } from "./configured-revocation.ts";
import type { ConfiguredRotation } from "./configured-rotation.ts";
import { type CleanerDependencies, createCleaner } from "./issuance/cleaner.ts";
import type { Issuance } from "./issuance/issuance.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { LiveIssuers } from "./live-issuers.ts";
import type { Expiry } from "./rotation/expiry/expiry.ts";
import type { JobWork } from "./rotation/scheduler/job.ts";
import type { Signer } from "./signer/signer.ts";

const DAY_MILLISECONDS = 86_400_000;
const CHALLENGE_MILLISECONDS = 600_000;
const IDS_TOLD = 30;

export interface ScheduledWorkParts {
  readonly configuration: Configuration;
  readonly ledger: Pick<Ledger, "tokens" | "maintenance" | "attestations">;
  readonly attestationWatch: AttestationWatch;
  /** The requests that the cleaner looks at. */
  readonly cleanable: CleanerDependencies["requests"];
  readonly access: Pick<Access, "tokenAdministration" | "maintain" | "dueUpkeep">;
  readonly approval: Pick<ConfiguredApproval, "follower">;
  readonly issuance: Pick<Issuance, "forget">;
  readonly issuers: Pick<LiveIssuers, "checkFiles" | "changedFiles">;
  readonly keyLists: KeyLists;
  readonly signer: Pick<Signer, "inspector">;
  readonly rotation: Pick<ConfiguredRotation, "takeDueSteps" | "publish" | "places">;
  readonly expiry: Pick<Expiry, "scan">;
  readonly revocation: Pick<ConfiguredRevocation, "writeFiles" | "dueFiles">;
  /** Renews what is due of the server's own certificates. */
  readonly renewOwnCertificates: JobWork["run"];
  /** Renews what is due of a control plane's certificates. */
  readonly renewControlPlane: JobWork["run"];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What every job of the scheduler does, by its name. */
export function scheduledWork(parts: ScheduledWorkParts): readonly JobWork[] {
  const { access, approval, issuers, keyLists } = parts;
  return [
    cleanRequests(parts),
    pruneArchive(parts),
    expireTokens(parts),
    watchAttestation(parts),
    rotateIssuers(parts),
    watchExpiry(parts),
    { name: "renew-own-certificates", run: parts.renewOwnCertificates },
    { name: "renew-control-plane", run: parts.renewControlPlane },
    look(
      "check-issuer-files",
      async () => ({ names: issuers.changedFiles() }),
      () => issuers.checkFiles(),
    ),
    writeRevocationLists(parts),
    look(
      "check-configuration",
      async () => {
        const { files, problem } = approval.follower.due();
        return { names: files, ...(problem !== undefined && { problem }) };
      },
      async () => approval.follower.check(),
    ),
    look(
      "reload-key-lists",
      async () => ({ names: await keyLists.due() }),
      () => keyLists.reload(),
    ),
    look(
      "maintain-authenticators",
      async () => ({ names: access.dueUpkeep() }),
      async () => access.maintain(),
    ),
  ];
}

function cleanRequests({ cleanable, signer, issuance, clock, logger }: ScheduledWorkParts): JobWork {
  const onDeleted = (name: string): void => issuance.forget(name);
  const cleaner = createCleaner({
    ...{ requests: cleanable, inspector: signer.inspector, onDeleted, clock, logger },
  });
  return {
    name: "clean-requests",
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
    async run({ dryRun }) {
      const before = new Date(clock.now().getTime() - maxAgeDays * DAY_MILLISECONDS);
      const dropped = await ledger.maintenance.countPrunable(before, maxRequests);
      if (!dryRun) await ledger.maintenance.pruneArchive(before, maxRequests);
      const kept = `at most ${maxRequests} that were deleted after ${before.toISOString()}`;
      return {
        summary: `${dryRun ? "would drop" : "dropped"} ${dropped} requests; kept are ${kept}`,
        details: { dropped },
      };
    },
  };
}

function rotateIssuers({ rotation, logger }: ScheduledWorkParts): JobWork {
  return {
    name: "rotate-issuers",
    async run({ dryRun, report }) {
      const steps = await rotation.takeDueSteps(dryRun);
      for (const step of steps) report(step);
      if (dryRun) {
        for (const place of rotation.places) report(`see to the trust bundle in ${place}`);
        return { summary: `would take ${steps.length} steps` };
      }
      for (const step of steps) logger.info({ step }, "took a step of issuer rotation");
      // What is published is looked at as well: CAs expire, and files go away.
      await rotation.publish();
      return { summary: `took ${steps.length} steps` };
    },
  };
}

function watchExpiry({ expiry }: ScheduledWorkParts): JobWork {
  return {
    name: "watch-expiry",
    async run({ dryRun, report }) {
      const { states, names } = await expiry.scan(dryRun);
      for (const name of names) report(name);
      const told = Object.entries(states).map(([state, count]) => `${count} ${state}`);
      const summary =
        told.length === 0 ? "nothing new to tell" : `${dryRun ? "would tell" : "tells"} of ${told.join(", ")}`;
      return { summary, details: { states } };
    },
  };
}

function expireTokens({ ledger, access, clock }: ScheduledWorkParts): JobWork {
  return {
    name: "expire-tokens",
    async run({ dryRun, report }) {
      const ids = dryRun ? await expired() : await access.tokenAdministration.removeExpired();
      for (const id of ids.slice(0, IDS_TOLD)) report(`token ${id}`);
      return { summary: `${dryRun ? "would remove" : "removed"} ${ids.length} tokens` };
    },
  };

  async function expired(): Promise<readonly string[]> {
    const tokens = await ledger.tokens.list();
    return tokens.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt < clock.now()).map(({ id }) => id);
  }
}

function watchAttestation({ ledger, attestationWatch, clock }: ScheduledWorkParts): JobWork {
  return {
    name: "watch-attestation",
    async run({ dryRun, report }) {
      const groups = await attestationWatch.check();
      for (const group of groups) report(`group ${group} is approved past attestation`);
      const now = clock.now().getTime();
      const before = {
        // Anybody makes such rows, so they go soon; a clock that is set back by less than this revives no challenge.
        challenges: new Date(now - CHALLENGE_MILLISECONDS),
        credentials: new Date(now - DAY_MILLISECONDS),
      };
      const count = dryRun ? ledger.attestations.countOver(before) : await ledger.attestations.sweep(before);
      const bypassed = groups.length === 0 ? "nobody is approved past attestation" : `${groups.length} groups are`;
      const forgot = `${dryRun ? "would forget" : "forgot"} ${count} challenges and credentials`;
      return { summary: `${bypassed}; ${forgot}` };
    },
  };
}

function writeRevocationLists({ revocation }: ScheduledWorkParts): JobWork {
  return {
    name: "write-crls",
    async run({ dryRun, report }) {
      const issuers = revocation.dueFiles();
      for (const id of issuers) report(`issuer ${id}`);
      if (dryRun) return { summary: `would write ${issuers.length} CRLs` };
      return { summary: `wrote ${await revocation.writeFiles()} CRLs` };
    },
  };
}

/** What has changed, and why it could not be taken, if that is known. */
interface Changes {
  readonly names: readonly string[];
  readonly problem?: string;
}

/** What looks again at files and keys; what cannot be taken is in the log and the metrics, and is no failure of the look. */
function look(name: JobWork["name"], changes: () => Promise<Changes>, work: () => Promise<unknown>): JobWork {
  return {
    name,
    async run({ dryRun, report }) {
      const { names, problem } = await changes();
      if (!dryRun) await work();
      for (const line of [...names, ...(problem === undefined ? [] : [problem])]) report(line);
      const verb = dryRun ? "would look at" : "looked at";
      const summary = names.length === 0 ? "nothing has changed" : `${verb} what has changed: ${names.length}`;
      return { summary: problem === undefined ? summary : `${summary}; it cannot be used` };
    },
  };
}
