import { bodyFormatOf, decodeBody } from "../../../shared/kubernetes/decode-body.ts";
import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import { MEDIA_TYPES } from "../../../shared/kubernetes/output-format.ts";
import { isStatusError, type StatusCause } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import { type Call, sendBytes } from "../call.ts";
import { cause, invalidOptions, notSupported } from "../invalid.ts";
import { renderObject } from "../object-answer.ts";
import { booleanOption, dryRunProblems, integerOption } from "../query-options.ts";
import { listOptionsOf, reach } from "./list-options.ts";
import { renderingOf, sendChunks } from "./read.ts";
import { renderList, sendObject } from "./rendering.ts";
import type { MetaDraft, ResourceApi } from "./resource-api.ts";
import { portSelection, selectionOf } from "./selection.ts";

/** What we heed of DeleteOptions: nothing depends on a request, so propagation means nothing here. */
interface DeleteOptions {
  readonly dryRun: boolean;
  readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string };
}

const DELETE_OPTIONS_TYPE = { apiVersion: "v1", kind: "DeleteOptions", anyApiVersion: true };
const PROPAGATION_POLICIES: readonly unknown[] = [undefined, "Foreground", "Background", "Orphan"];
/** Deletions of one deletecollection that are under way together, so that they may share commits. */
const PARALLEL_DELETIONS = 64;

/** @throws {StatusError} NotAcceptable, RequestEntityTooLarge, UnsupportedMediaType, BadRequest, Invalid, or as `writes`. */
export async function deleteObject<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  call: Call,
  api: ResourceApi<T, Draft, Target>,
): Promise<void> {
  const rendering = renderingOf(call);
  const { dryRun, preconditions } = await deleteOptionsOf(call);
  const { name } = call.info;
  const { object, removed } = await api.writes.remove(call.user, name, preconditions, { dryRun });
  if (!removed) {
    sendObject(call.response, 200, object, rendering, api);
    return;
  }
  const { group, resource } = api.type.names;
  const details = { name, ...(group !== "" && { group }), kind: resource, uid: object.metadata.uid };
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
  sendBytes(call.response, 200, MEDIA_TYPES[rendering.format], renderObject(status, rendering));
}

/**
 * Deletes what the selectors match, at most `limit` objects, and answers with the list of them as they were.
 *
 * @throws {StatusError} as `deleteObject`.
 */
export async function deleteObjects<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  call: Call,
  api: ResourceApi<T, Draft, Target>,
): Promise<void> {
  const rendering = renderingOf(call, "list");
  const { resourceVersion, limit = Number.POSITIVE_INFINITY } = listOptionsOf(call.query);
  const selection = selectionOf(call.query, api.type.fields);
  const options = await deleteOptionsOf(call);
  await reach(resourceVersion, api.reader);
  const { items, revision } = await api.reader.list(portSelection(selection));
  const selected = (selection.matches === undefined ? items : items.filter(selection.matches)).slice(0, limit);
  for (let start = 0; start < selected.length; start += PARALLEL_DELETIONS) {
    const batch = selected.slice(start, start + PARALLEL_DELETIONS);
    await Promise.all(batch.map((object) => removeOne(object, call, api, options)));
  }
  const chunks = renderList(api.type, selected, revision, rendering, api.clock.now());
  await sendChunks(call.response, MEDIA_TYPES[rendering.format], chunks);
}

/** Somebody else may be faster. */
async function removeOne<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  { metadata }: T,
  { user }: Call,
  { writes }: ResourceApi<T, Draft, Target>,
  { dryRun, preconditions }: DeleteOptions,
): Promise<void> {
  try {
    await writes.remove(user, metadata.name, preconditions, { dryRun });
  } catch (error) {
    if (!isStatusError(error, "NotFound")) throw error;
  }
}

/** From the body when there is one, else from the query. */
async function deleteOptionsOf(call: Call): Promise<DeleteOptions> {
  const body = await call.readBody();
  const options =
    body.length > 0
      ? decodeBody(bodyFormatOf(call.request.headers["content-type"]), body, DELETE_OPTIONS_TYPE).object
      : optionsInQuery(call.query);
  const { dryRun = [], preconditions = {} } = options as Partial<{ dryRun: string[] } & DeleteOptions>;
  const causes = [...propagationProblems(options), ...dryRunProblems(dryRun as string[])];
  if (causes.length > 0) throw invalidOptions("DeleteOptions", causes);
  return { dryRun: (dryRun as string[]).length > 0, preconditions };
}

function optionsInQuery(query: URLSearchParams): JsonObject {
  integerOption(query, "gracePeriodSeconds");
  const orphanDependents = booleanOption(query, "orphanDependents");
  const propagationPolicy = query.get("propagationPolicy");
  const uid = query.get("uid");
  const resourceVersion = query.get("resourceVersion");
  return {
    preconditions: { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) },
    dryRun: query.getAll("dryRun"),
    ...(orphanDependents !== undefined && { orphanDependents }),
    ...(propagationPolicy !== null && { propagationPolicy }),
  };
}

function propagationProblems({ propagationPolicy, orphanDependents }: JsonObject): StatusCause[] {
  const causes: StatusCause[] = [];
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    causes.push(cause("Invalid", "propagationPolicy", "orphanDependents and propagationPolicy cannot be both set"));
  }
  if (!PROPAGATION_POLICIES.includes(propagationPolicy)) {
    causes.push(notSupported("propagationPolicy", String(propagationPolicy), "Background, Foreground, Orphan"));
  }
  return causes;
}
