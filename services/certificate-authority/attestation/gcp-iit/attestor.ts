import { isIP } from "node:net";
import { z } from "zod";
import { isDnsSubdomain } from "../../../shared/dns-names.ts";
import type { Attestor, AttestorTools, Evidence } from "../attestor.ts";
import { IdentityTokens } from "../identity-tokens.ts";
import { denied } from "../refusal.ts";
import { ComputeInstances, type ConfirmedInstance } from "./compute.ts";
import { type GcpIitSettings, gcpProject, gcpZone } from "./settings.ts";

const ISSUER = "https://accounts.google.com";
const ALGORITHMS = ["RS256"];
const MACHINE_ID = /^gcp:([^/]+)\/(\d{1,20})$/;

/** Source: Google Compute Engine, "Verifying VM identity" (payload of format=full). */
const instanceSchema = z.object({
  project_id: gcpProject,
  project_number: z.int().nonnegative(),
  zone: gcpZone,
  instance_id: z.string().regex(/^\d{1,20}$/),
  instance_name: z.string().regex(/^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/),
  instance_creation_timestamp: z.int().nonnegative(),
});
type Instance = z.infer<typeof instanceSchema>;

/**
 * Proves that Google has made an identity token for this very attestation, in a Compute Engine instance of a listed project;
 * with `compute` also that the instance runs, has the labels it has to have, and what its addresses are.
 *
 * It does not prove that the caller is the instance's root user: every process that reaches the metadata server can have such a
 * token, so keep pods away from it. Nor that the instance belongs to the cluster, but by `labels` and inventory.
 */
export function createGcpIitAttestor(settings: GcpIitSettings, tools: AttestorTools): Attestor {
  const tokens = new IdentityTokens({ ...settings, issuer: ISSUER, algorithms: ALGORITHMS }, tools);
  const compute = settings.compute && new ComputeInstances(settings.compute, tools.clock);

  return {
    async verify(input) {
      const { claims, isFresh } = await tokens.verify(input);
      const instance = instanceOf(claims["google"]);
      judge(instance, settings, input.now);
      const { project_id: project, zone, instance_id: instanceId } = instance;
      const confirmed = await compute?.confirm({ project, zone, instanceId }, input.signal);
      if (confirmed !== undefined && confirmed.name !== instance.instance_name)
        throw denied("the Compute Engine API calls the instance otherwise than its token does");
      return evidenceOf(instance, confirmed, isFresh);
    },
    ...(compute !== undefined && {
      async isGone(machineId, signal) {
        const [, project, instanceId] = MACHINE_ID.exec(machineId) ?? [];
        if (project === undefined || instanceId === undefined) return undefined;
        return compute.isGone({ project, instanceId }, signal);
      },
    }),
    close() {
      tokens.close();
      compute?.close();
    },
  };
}

/** A token of the standard format verifies as well, and names a service account that any machine may have. */
function instanceOf(google: unknown): Instance {
  const claim = z.object({ compute_engine: z.unknown() }).safeParse(google).data?.compute_engine;
  if (claim === undefined) throw denied("the token names no instance: it has to be asked for with format=full");
  const parsed = instanceSchema.safeParse(claim);
  if (!parsed.success) throw denied(`the token names no instance as it should: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function judge(instance: Instance, settings: GcpIitSettings, now: Date): void {
  const { projects, zones, maximumInstanceAgeSeconds: maximum, clockSkewSeconds } = settings;
  const { project_id: project, zone, instance_creation_timestamp: created } = instance;
  if (!projects.includes(project)) throw denied(`the profile does not list the project ${project}`);
  if (zones !== undefined && !zones.includes(zone)) throw denied(`the profile does not list the zone ${zone}`);
  const ageSeconds = now.getTime() / 1000 - created;
  if (ageSeconds < -clockSkewSeconds) throw denied("the instance was created in the future");
  if (maximum !== undefined && ageSeconds > maximum)
    throw denied(`the instance was created more than ${maximum} seconds ago`);
}

function evidenceOf(instance: Instance, confirmed: ConfirmedInstance | undefined, isFresh: boolean): Evidence {
  const { hostname, ipAddresses = [] } = confirmed ?? {};
  return {
    machineId: `gcp:${instance.project_id}/${instance.instance_id}`,
    pins: {},
    fields: {
      project_id: instance.project_id,
      project_number: `${instance.project_number}`,
      zone: instance.zone,
      instance_id: instance.instance_id,
      instance_name: instance.instance_name,
      instance_created: new Date(instance.instance_creation_timestamp * 1000).toISOString(),
    },
    ...(confirmed !== undefined && {
      sans: {
        dnsNames: hostname !== undefined && isDnsSubdomain(hostname) ? [hostname] : [],
        ipAddresses: ipAddresses.filter((address) => isIP(address) !== 0),
      },
      launchedAt: confirmed.launchedAt,
    }),
    isFresh,
  };
}
