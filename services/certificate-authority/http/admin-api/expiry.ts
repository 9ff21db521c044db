import { z } from "zod";
import { parseDuration } from "../../../shared/duration.ts";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { EXPIRY_STATES, type ExpiryState } from "../../domain/expiry.ts";
import type { Expiry } from "../../rotation/expiry/expiry.ts";
import type { Forecast } from "../../rotation/expiry/forecast.ts";
import { plotForecast } from "../../rotation/expiry/forecast-plot.ts";
import type { ExpiryItem, SignerCounts } from "../../rotation/expiry/report.ts";
import { type Call, type Handler, sendBytes, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import type { ExpiryForecastResource, ExpiryReportResource } from "./expiry-resources.ts";
import { API_VERSION } from "./resources.ts";
import { readQuery } from "./validation.ts";

export const SVG_TYPE = "image/svg+xml";
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const DEFAULT_UNTIL = "30d";
const DEFAULT_BUCKETS = 60;
const MAX_BUCKETS = 500;
const MAX_UNTIL_SECONDS = 100 * 366 * 86_400;

const name = z.string().min(1, "must not be empty; leave the parameter out to ask for all");
const page = {
  limit: number(MAX_LIMIT, `must be a whole number from 1 to ${MAX_LIMIT}; follow metadata.continue for more`)
    .meta({ type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
    .describe("How many to answer at most."),
  continue: name.optional().describe("metadata.continue of the page before."),
};

/** What `GET /v1/expiry` can be asked. */
export const expiryQuery = z.strictObject({
  state: z
    .string()
    .refine((text) => text.split(",").every(isState), `must be some of ${EXPIRY_STATES.join(",")}`)
    .optional()
    .describe("Only items in these states, parted by commas; the counts are of all."),
  signer: name.optional().describe("Only items of this signer."),
  node: name.optional().describe("Only items of this node."),
  ...page,
});

/** What `GET /v1/expiry/forecast` can be asked. */
export const forecastQuery = z.strictObject({
  until: z
    .string()
    .refine(isLookAhead, "must be a duration such as 90m, 24h or 30d, of at most 36600 days")
    .optional()
    .meta({ default: DEFAULT_UNTIL })
    .describe("How far to look ahead."),
  buckets: number(MAX_BUCKETS, `must be a whole number from 1 to ${MAX_BUCKETS}`)
    .meta({ type: "integer", minimum: 1, maximum: MAX_BUCKETS, default: DEFAULT_BUCKETS })
    .describe("Into how many equal stretches the time is cut."),
  ...page,
});

export interface ExpiryHandlerDependencies {
  readonly fleetExpiry: Pick<Expiry, "report" | "forecast">;
}

export function expiryHandlers({ fleetExpiry }: ExpiryHandlerDependencies): {
  readonly report: Handler;
  readonly forecast: Handler;
} {
  async function report(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const query = readQuery(expiryQuery, call.query);
    const found = await fleetExpiry.report({
      states: (query.state?.split(",") ?? []) as readonly ExpiryState[],
      signerName: query.signer,
      nodeName: query.node,
      limit: Number(query.limit ?? DEFAULT_LIMIT),
      continueToken: query.continue,
    });
    const body: ExpiryReportResource = {
      ...{ apiVersion: API_VERSION, kind: "ExpiryReport", metadata: metadataOf(found.continueToken) },
      observedAt: toKubernetesTime(found.observedAt),
      ...(found.isCut && { isIncomplete: true }),
      counts: found.signers.map(describeCounts),
      items: found.items.map(describeItem),
    };
    sendJson(call.response, 200, body);
  }

  async function forecast(call: Call): Promise<void> {
    const type = negotiate(call.request.headers.accept, [JSON_TYPE, SVG_TYPE]);
    const query = readQuery(forecastQuery, call.query);
    const found = await fleetExpiry.forecast({
      untilSeconds: parseDuration(query.until ?? DEFAULT_UNTIL) ?? 0,
      buckets: Number(query.buckets ?? DEFAULT_BUCKETS),
      limit: Number(query.limit ?? DEFAULT_LIMIT),
      continueToken: query.continue,
    });
    if (type === SVG_TYPE) return sendBytes(call.response, 200, SVG_TYPE, Buffer.from(plotForecast(found)));
    sendJson(call.response, 200, describeForecast(found));
  }

  return { report, forecast };
}

function describeCounts({ signerName, counts, soonest }: SignerCounts): ExpiryReportResource["counts"][number] {
  return { signerName, ...counts, ...(soonest && { soonestEnd: toKubernetesTime(soonest) }) };
}

function describeItem(item: ExpiryItem): ExpiryReportResource["items"][number] {
  const { name: shown, isNode, signerName, state, fingerprint, renewsItself, asksAgainWithinSeconds } = item;
  return {
    name: shown,
    ...(isNode && { nodeName: shown }),
    ...{ signerName, state, fingerprint },
    notBefore: toKubernetesTime(item.notBefore),
    notAfter: toKubernetesTime(item.notAfter),
    renewsItself,
    renewalBegins: toKubernetesTime(item.renewalBegins),
    renewalEnds: toKubernetesTime(item.renewalEnds),
    shareThatAsked: Math.round(item.shareThatAsked * 1000) / 1000,
    ...(asksAgainWithinSeconds !== undefined && { asksAgainWithinSeconds }),
  };
}

function describeForecast(forecast: Forecast): ExpiryForecastResource {
  const { nodes, leaving, lost, bucketSeconds } = forecast;
  return {
    ...{ apiVersion: API_VERSION, kind: "ExpiryForecast", metadata: metadataOf(forecast.continueToken) },
    from: toKubernetesTime(forecast.from),
    until: toKubernetesTime(forecast.until),
    observedAt: toKubernetesTime(forecast.observedAt),
    ...{ nodes, leaving, lost, bucketSeconds },
    buckets: forecast.buckets.map((bucket) => ({ ...bucket, from: toKubernetesTime(bucket.from) })),
    items: forecast.items.map(({ nodeName, at, signerName, leavesAt }) => ({
      ...{ nodeName, at: toKubernetesTime(at), signerName },
      ...(leavesAt && { leavesAt: toKubernetesTime(leavesAt) }),
    })),
  };
}

function metadataOf(continueToken: string | undefined): { readonly continue?: string } {
  return continueToken === undefined ? {} : { continue: continueToken };
}

function isState(text: string): boolean {
  return (EXPIRY_STATES as readonly string[]).includes(text);
}

function isLookAhead(text: string): boolean {
  const seconds = parseDuration(text);
  return seconds !== undefined && seconds > 0 && seconds <= MAX_UNTIL_SECONDS;
}

function number(maximum: number, message: string) {
  return z
    .string()
    .refine((text) => /^[1-9]\d{0,3}$/.test(text) && Number(text) <= maximum, message)
    .optional();
}
