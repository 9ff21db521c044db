import { z } from "zod";
import { parseSchedule } from "./schedule.ts";

const DAY_SECONDS = 86_400;

export interface KnownJob {
  readonly description: string;
  /** Whether one process runs it for all that share a ledger, or each for itself. */
  readonly scope: "authority" | "process";
  /** Undefined where another setting says it. */
  readonly schedule: string | undefined;
  readonly jitterSeconds: number;
}

/** Every job there is, as it is without configuration. */
export const KNOWN_JOBS = {
  "clean-requests": {
    description: "deletes requests that have outlived their use",
    ...{ scope: "authority", schedule: undefined, jitterSeconds: 0 },
  },
  "prune-archive": {
    description: "drops what the archive of deleted requests has beyond ledger.archive",
    ...{ scope: "authority", schedule: "*/10 * * * *", jitterSeconds: 60 },
  },
  "expire-tokens": {
    description: "removes bootstrap tokens that have expired",
    ...{ scope: "authority", schedule: "* * * * *", jitterSeconds: 5 },
  },
  "watch-attestation": {
    description:
      "looks whether anybody is approved past attestation, and forgets challenges and credentials that are over",
    ...{ scope: "process", schedule: "@every 10m", jitterSeconds: 30 },
  },
  "rotate-issuers": {
    description: "takes the steps of issuer rotation that are due, and publishes whom to trust",
    ...{ scope: "authority", schedule: "* * * * *", jitterSeconds: 0 },
  },
  "watch-expiry": {
    description: "tells of certificates that were not renewed in time",
    ...{ scope: "authority", schedule: undefined, jitterSeconds: 0 },
  },
  "renew-own-certificates": {
    description: "renews the server's own certificate and the administrator's, once a third of their life is left",
    ...{ scope: "process", schedule: "@every 1h", jitterSeconds: 60 },
  },
  "renew-control-plane": {
    description:
      "renews the certificates of the control plane of controlPlane.directory, once a third of their life is left",
    ...{ scope: "process", schedule: "@every 1h", jitterSeconds: 60 },
  },
  "check-issuer-files": {
    description: "takes issuers whose files have changed",
    ...{ scope: "process", schedule: "@every 10s", jitterSeconds: 0 },
  },
  "write-crls": {
    description: "writes CRLs that have changed into revocation.crl.directory",
    ...{ scope: "process", schedule: "@every 10s", jitterSeconds: 0 },
  },
  "check-configuration": {
    description: "takes an approval chain that has changed",
    ...{ scope: "process", schedule: "@every 10s", jitterSeconds: 0 },
  },
  "reload-key-lists": {
    description: "takes lists of blocked and weak keys that have changed",
    ...{ scope: "process", schedule: "@every 5s", jitterSeconds: 0 },
  },
  "maintain-authenticators": {
    description: "takes credentials and keys of authenticators that have changed",
    ...{ scope: "process", schedule: "@every 5s", jitterSeconds: 0 },
  },
} as const satisfies Readonly<Record<string, KnownJob>>;

export type JobName = keyof typeof KNOWN_JOBS;

const scheduleSchema = z.string().superRefine((text, context) => {
  try {
    parseSchedule(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
  }
});

function jobSchema({ schedule, jitterSeconds }: KnownJob) {
  return z
    .strictObject({
      /** Five or six fields of cron in UTC, `@hourly` and the like, or `@every 10m`. */
      schedule: schedule === undefined ? scheduleSchema.optional() : scheduleSchema.default(schedule),
      /** Each run waits up to this long, so that not everything happens on the hour. */
      jitterSeconds: z.number().min(0).max(DAY_SECONDS).default(jitterSeconds),
      enabled: z.boolean().default(true),
    })
    .prefault({});
}

const jobSchemas = Object.fromEntries(
  Object.entries<KnownJob>(KNOWN_JOBS).map(([name, known]) => [name, jobSchema(known)]),
) as Record<JobName, ReturnType<typeof jobSchema>>;

/** The jobs of the configuration; what is left out is as `KNOWN_JOBS` has it. */
export const jobsSchema = z.strictObject(jobSchemas).prefault({});

export type JobSettings = z.infer<typeof jobsSchema>;

/** Jobs that do not run unless somebody runs them. */
export function disabledJobs(settings: JobSettings): readonly string[] {
  return Object.entries(settings).flatMap(([name, { enabled }]) => (enabled ? [] : [name]));
}
