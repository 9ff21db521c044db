import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import { HttpStatusError, httpsClient } from "../../../shared/https-exchange.ts";
import { denied } from "../refusal.ts";
import { accessTokenFrom } from "./access-token.ts";
import type { GcpComputeSettings } from "./settings.ts";

const MAXIMUM_ANSWER_BYTES = 1024 * 1024;
const MAXIMUM_PAGES = 20;
/** Source: Compute Engine API v1, instances. */
const RUNNING = "RUNNING";

export interface InstancePlace {
  readonly project: string;
  readonly zone: string;
  /** Decimal digits. */
  readonly instanceId: string;
}

export interface ConfirmedInstance {
  readonly name: string;
  readonly launchedAt: Date;
  readonly hostname: string | undefined;
  readonly ipAddresses: readonly string[];
}

const instant = z.iso.datetime({ offset: true });
const instanceSchema = z.object({
  id: z.string(),
  name: z.string().max(63),
  status: z.string(),
  creationTimestamp: instant,
  lastStartTimestamp: instant.nullish(),
  hostname: z.string().nullish(),
  labels: z.record(z.string(), z.string()).nullish(),
  networkInterfaces: z.array(z.object({ networkIP: z.string().nullish() })).nullish(),
});

const listSchema = z.object({
  nextPageToken: z.string().nullish(),
  unreachables: z.array(z.string()).nullish(),
  items: z
    .record(
      z.string(),
      z.object({
        instances: z.array(z.object({ id: z.string() })).nullish(),
        warning: z.object({ code: z.string() }).nullish(),
      }),
    )
    .nullish(),
});

/** What the Compute Engine API says of instances. */
export class ComputeInstances {
  readonly #settings: GcpComputeSettings;
  readonly #client;
  readonly #accessToken;

  /** @throws {Error} when the file of CAs cannot be read. */
  constructor(settings: GcpComputeSettings, clock: Clock) {
    const { certificateAuthorityFile: caFile, timeoutSeconds } = settings;
    this.#settings = settings;
    this.#accessToken = accessTokenFrom(settings, clock);
    this.#client = httpsClient({
      caPem: caFile === undefined ? undefined : readFileSync(caFile, "utf8"),
      timeoutMilliseconds: timeoutSeconds * 1000,
      maximumBytes: MAXIMUM_ANSWER_BYTES,
    });
  }

  /** @throws {AttestationRefusal} when there is no such instance, it does not run or has other labels; Error without an answer. */
  async confirm({ project, zone, instanceId }: InstancePlace, signal: AbortSignal): Promise<ConfirmedInstance> {
    const instance = instanceSchema.parse(await this.#find({ project, zone, instanceId }, signal));
    if (instance.id !== instanceId) throw denied("the Compute Engine API answered about another instance");
    if (instance.status !== RUNNING)
      throw denied(`the instance ${instanceId} is ${JSON.stringify(instance.status)}, not RUNNING`);
    const { labels } = instance;
    for (const [name, value] of Object.entries(this.#settings.labels)) {
      const found = labels && Object.hasOwn(labels, name) ? labels[name] : undefined;
      if (found !== value) throw denied(`the instance ${instanceId} does not have the label ${name}=${value}`);
    }
    const addresses = (instance.networkInterfaces ?? []).map(({ networkIP }) => networkIP);
    return {
      name: instance.name,
      launchedAt: new Date(instance.lastStartTimestamp ?? instance.creationTimestamp),
      hostname: instance.hostname ?? undefined,
      ipAddresses: addresses.filter((address) => typeof address === "string"),
    };
  }

  /** Whether no zone of the project has the instance any more; undefined when that cannot be told, or asked. */
  async isGone(
    { project, instanceId }: Omit<InstancePlace, "zone">,
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    let page: string | undefined;
    for (let pages = 0; pages < MAXIMUM_PAGES; pages += 1) {
      const query = new URLSearchParams({ filter: `id=${instanceId}`, ...(page !== undefined && { pageToken: page }) });
      const path = `/projects/${project}/aggregated/instances?${query}`;
      const list = listSchema.safeParse(await this.#ask(path, signal).catch(() => undefined)).data;
      if (list === undefined) return undefined;
      const zones = Object.values(list.items ?? {});
      if (zones.some(({ instances }) => instances?.some(({ id }) => id === instanceId))) return false;
      const isPartial = zones.some(({ warning }) => warning?.code === "UNREACHABLE");
      if (isPartial || (list.unreachables ?? []).length > 0) return undefined;
      page = list.nextPageToken || undefined;
      if (page === undefined) return true;
    }
    return undefined;
  }

  close(): void {
    this.#client.close();
  }

  async #find({ project, zone, instanceId }: InstancePlace, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#ask(`/projects/${project}/zones/${zone}/instances/${instanceId}`, signal);
    } catch (error) {
      if (error instanceof HttpStatusError && error.status === 404)
        throw denied(`the Compute Engine API knows no instance ${instanceId} in ${project}/${zone}`, error);
      throw error;
    }
  }

  async #ask(pathAndQuery: string, signal: AbortSignal): Promise<unknown> {
    const { endpoint } = this.#settings;
    const authorization = `Bearer ${await this.#accessToken()}`;
    const url = new URL(`/compute/v1${pathAndQuery}`, endpoint);
    const { body } = await this.#client.exchange(url, { method: "GET", headers: { authorization }, signal });
    return JSON.parse(body.toString("utf8"));
  }
}
