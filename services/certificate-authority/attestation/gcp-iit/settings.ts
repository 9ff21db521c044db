import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { resolveTokenKeysPaths, tokenKeysSchema, tokenShape } from "../identity-tokens.ts";

const DAY_SECONDS = 86_400;
/** Source: OpenID configuration of https://accounts.google.com. */
const GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs";
const COMPUTE_ENDPOINT = "https://compute.googleapis.com";

const path = z.string().min(1).max(4096);
export const gcpProject = z
  .string()
  .regex(/^(?:[a-z0-9.-]{1,100}:)?[a-z][-a-z0-9]{4,28}[a-z0-9]$/, "must be the id of a project, e.g. prod-1");
export const gcpZone = z
  .string()
  .regex(/^[a-z]{2,20}-[a-z]{2,20}\d{1,2}-[a-z]$/, "must be a zone, e.g. europe-west1-b");

/** Whether the instance is the one that the Compute Engine API knows. */
const computeSchema = z
  .strictObject({
    /** A service account's key (JSON) that may read instances of every project; read again when it changes. */
    serviceAccountKeyFile: path.optional(),
    /** Or an access token that somebody else keeps fresh; read again when it changes. */
    accessTokenFile: path.optional(),
    /** Labels that the instance must have, with these values: being in the project is not being in the cluster. */
    labels: z.record(z.string().min(1).max(63), z.string().max(63)).default({}),
    endpoint: endpoint.startsWith("https:", "must be https").default(COMPUTE_ENDPOINT),
    /** PEM, read at the start; what the system trusts when absent. */
    certificateAuthorityFile: path.optional(),
    timeoutSeconds: z.number().positive().max(30).default(10),
  })
  .refine(
    ({ serviceAccountKeyFile, accessTokenFile }) =>
      (serviceAccountKeyFile === undefined) !== (accessTokenFile === undefined),
    "must have either serviceAccountKeyFile or accessTokenFile",
  );

export type GcpComputeSettings = z.infer<typeof computeSchema>;

/** Machines that have an identity token of their Compute Engine instance. */
export const gcpIitShape = {
  attestor: z.literal("gcp_iit"),
  projects: z.array(gcpProject).min(1).max(1000),
  /** In any zone when absent. */
  zones: z.array(gcpZone).min(1).max(500).optional(),
  /** Google's keys; a file of them in place of fetching them. */
  keys: tokenKeysSchema.prefault({ url: GOOGLE_KEYS }),
  /** How long after its creation an instance may attest; at any time when absent. */
  maximumInstanceAgeSeconds: z
    .int()
    .min(1)
    .max(3650 * DAY_SECONDS)
    .optional(),
  /** Asks the Compute Engine API about each instance. */
  compute: computeSchema.optional(),
  ...tokenShape,
};

const schema = z.strictObject(gcpIitShape);
export type GcpIitSettings = z.infer<typeof schema>;

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveGcpIitPaths<T extends GcpIitSettings>(settings: T, resolve: (path: string) => string): T {
  const { keys, compute } = settings;
  return {
    ...settings,
    keys: resolveTokenKeysPaths(keys, resolve),
    ...(compute && { compute: resolveComputePaths(compute, resolve) }),
  };
}

function resolveComputePaths(compute: GcpComputeSettings, resolve: (path: string) => string): GcpComputeSettings {
  const names = ["serviceAccountKeyFile", "accessTokenFile", "certificateAuthorityFile"] as const;
  const resolved = names.map((name) => [name, compute[name]] as const).filter(([, file]) => file !== undefined);
  return { ...compute, ...Object.fromEntries(resolved.map(([name, file]) => [name, resolve(file ?? "")])) };
}
