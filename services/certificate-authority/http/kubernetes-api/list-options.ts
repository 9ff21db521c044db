import { setTimeout } from "node:timers/promises";
import { type StatusCause, StatusError } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import type { ObjectReader } from "../../domain/ports.ts";
import { forbidden, invalidOptions, notSupported } from "../invalid.ts";
import { booleanOption, integerOption } from "../query-options.ts";
import { revisionTooLarge } from "./status-errors.ts";

export interface ListOptions {
  /** Undefined when unset: the newest state. */
  readonly resourceVersion: number | undefined;
  /** Only ever set together with a resourceVersion. */
  readonly match: "" | "Exact" | "NotOlderThan";
  /** Undefined: no limit. A list has leave to ignore it. */
  readonly limit: number | undefined;
}

export interface WatchOptions {
  readonly resourceVersion: number | undefined;
  readonly sendInitialEvents: boolean | undefined;
  readonly allowBookmarks: boolean;
  /** Undefined: the server chooses. */
  readonly timeoutSeconds: number | undefined;
}

const MAX_WAIT_MILLISECONDS = 1000;
const POLL_MILLISECONDS = 10;

/** A uint64; what exceeds a safe integer is later than any revision we will ever have. */
const REVISION = /^\d{1,20}$/;
const MAX_REVISION = 2n ** 64n - 1n;

/**
 * Lists do not honour `limit`, which clients must allow for, so that no `continue` was ever handed out.
 *
 * @throws {StatusError} BadRequest or Invalid.
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/internalversion/validation/validation.go.
 */
export function listOptionsOf(query: URLSearchParams): ListOptions {
  const limit = integerOption(query, "limit") ?? 0;
  integerOption(query, "timeoutSeconds");
  const resourceVersion = query.get("resourceVersion") ?? "";
  const match = query.get("resourceVersionMatch") ?? "";
  const causes: StatusCause[] = [];
  if (match !== "" && resourceVersion === "") {
    causes.push(forbidden("resourceVersionMatch", "is forbidden unless resourceVersion is provided"));
  }
  if (match !== "" && query.get("continue")) {
    causes.push(forbidden("resourceVersionMatch", "is forbidden when continue is provided"));
  }
  if (match !== "" && match !== "Exact" && match !== "NotOlderThan") {
    causes.push(notSupported("resourceVersionMatch", match, "Exact, NotOlderThan"));
  }
  if (match === "Exact" && resourceVersion === "0") {
    causes.push(forbidden("resourceVersionMatch", '"Exact" is forbidden for resourceVersion "0"'));
  }
  if (query.has("sendInitialEvents")) causes.push(forbidden("sendInitialEvents", "is forbidden for list"));
  if (causes.length > 0) throw invalidOptions("ListOptions", causes);
  if (query.get("continue")) throw new StatusError("BadRequest", "the continue token is not valid");
  return {
    resourceVersion: parseRevision(resourceVersion),
    match: match as ListOptions["match"],
    limit: limit > 0 ? limit : undefined,
  };
}

/** @throws {StatusError} BadRequest or Invalid. Source as of `listOptionsOf`. */
export function watchOptionsOf(query: URLSearchParams): WatchOptions {
  integerOption(query, "limit");
  const timeoutSeconds = integerOption(query, "timeoutSeconds");
  const sendInitialEvents = booleanOption(query, "sendInitialEvents");
  const match = query.get("resourceVersionMatch") ?? "";
  const causes: StatusCause[] = [];
  if (sendInitialEvents !== undefined && match !== "NotOlderThan") {
    causes.push(forbidden("resourceVersionMatch", "sendInitialEvents requires resourceVersionMatch NotOlderThan"));
  }
  if (match !== "" && sendInitialEvents === undefined) {
    causes.push(forbidden("resourceVersionMatch", "is forbidden for watch unless sendInitialEvents is provided"));
  }
  if (query.get("continue")) {
    causes.push(
      forbidden("resourceVersionMatch", "is forbidden when continue is provided, and so is continue for watch"),
    );
  }
  if (match !== "" && match !== "NotOlderThan") {
    causes.push(notSupported("resourceVersionMatch", match, "NotOlderThan"));
  }
  if (causes.length > 0) throw invalidOptions("ListOptions", causes);
  return {
    resourceVersion: parseRevision(query.get("resourceVersion") ?? ""),
    sendInitialEvents,
    allowBookmarks: booleanOption(query, "allowWatchBookmarks") ?? false,
    timeoutSeconds: timeoutSeconds !== undefined && timeoutSeconds > 0 ? timeoutSeconds : undefined,
  };
}

/** @throws {StatusError} BadRequest. */
export function parseRevision(text: string): number | undefined {
  if (text === "") return undefined;
  if (REVISION.test(text) && BigInt(text) <= MAX_REVISION) return Number(text);
  throw new StatusError("BadRequest", `invalid resource version ${JSON.stringify(text.slice(0, 100))}`);
}

/**
 * Waits until this thread knows of the state the caller knows of: another one may have made it durable, and a list have
 * told it, a moment ago. Source: kubernetes staging/src/k8s.io/apiserver/pkg/storage/cacher (waitUntilFreshAndBlock).
 *
 * @throws {StatusError} Timeout with the cause ResourceVersionTooLarge when it does not come.
 */
export async function reach(
  resourceVersion: number | undefined,
  { revision }: Pick<ObjectReader<ApiObject>, "revision">,
): Promise<void> {
  if (resourceVersion === undefined) return;
  for (let waited = 0; resourceVersion > revision(); waited += POLL_MILLISECONDS) {
    if (waited >= MAX_WAIT_MILLISECONDS) throw revisionTooLarge(resourceVersion, revision());
    await setTimeout(POLL_MILLISECONDS);
  }
}
