import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { notAcceptable } from "../../../shared/accept.ts";
import { MEDIA_TYPES } from "../../../shared/kubernetes/output-format.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import { resourceErrors } from "../../domain/resource-errors.ts";
import type { Call } from "../call.ts";
import { booleanOption } from "../query-options.ts";
import { listOptionsOf, parseRevision, reach } from "./list-options.ts";
import { negotiateObject, type Rendering, renderList, sendObject } from "./rendering.ts";
import type { ReadingApi } from "./resource-api.ts";
import { portSelection, selectionOf } from "./selection.ts";
import { includedObjectOf } from "./table.ts";

/** Up to this size a list is sent in one piece with its length. */
const ONE_PIECE_BYTES = 1024 * 1024;
/** A reader that takes nothing for this long is gone. */
const STALL_MILLISECONDS = 60_000;

/**
 * How the answer to a call is written.
 *
 * @param answer - a list has a metadata-only form of its own.
 * @throws {StatusError} NotAcceptable or BadRequest.
 */
export function renderingOf(call: Call, answer: "object" | "list" = "object"): Rendering {
  const output = negotiateObject(call.request.headers.accept);
  requireForm(output, answer);
  const pretty = output.pretty || booleanOption(call.query, "pretty") === true;
  return {
    ...output,
    pretty,
    includeObject: output.conversion === "table" ? includedObjectOf(call.query) : "Metadata",
  };
}

/** @throws {StatusError} NotAcceptable when metadata is asked for in the form for a list or object that this is not. */
export function requireForm({ conversion }: Pick<Rendering, "conversion">, answer: "object" | "list"): void {
  if (conversion !== (answer === "list" ? "partial" : "partialList")) return;
  throw notAcceptable([answer === "list" ? "as=PartialObjectMetadataList" : "as=PartialObjectMetadata"]);
}

/** @throws {StatusError} NotAcceptable, BadRequest, Timeout or NotFound. */
export async function getObject<T extends ApiObject>(call: Call, api: ReadingApi<T>): Promise<void> {
  const rendering = renderingOf(call);
  const { name } = call.info;
  await reach(parseRevision(call.query.get("resourceVersion") ?? ""), api.reader);
  const object = await api.reader.get(name);
  if (object === undefined) throw resourceErrors(api.type.names).notFound(name);
  sendObject(call.response, 200, object, rendering, api);
}

/** @throws {StatusError} NotAcceptable, BadRequest, Invalid, Timeout or Expired. */
export async function listObjects<T extends ApiObject>(call: Call, api: ReadingApi<T>): Promise<void> {
  const rendering = renderingOf(call, "list");
  const { resourceVersion, match } = listOptionsOf(call.query);
  const selection = selectionOf(call.query, api.type.fields);
  await reach(resourceVersion, api.reader);
  const { items, revision } = await api.reader.list(portSelection(selection));
  if (match === "Exact" && resourceVersion !== revision) {
    throw new StatusError("Expired", "The resourceVersion for the provided list is too old.");
  }
  const { matches } = selection;
  const selected = matches === undefined ? items : items.filter(matches);
  await sendChunks(
    call.response,
    MEDIA_TYPES[rendering.format],
    renderList(api.type, selected, revision, rendering, api.clock.now()),
  );
}

/** Sends a body of any size; a long one no faster than it is taken. */
export async function sendChunks(
  response: ServerResponse,
  contentType: string,
  chunks: Iterable<Uint8Array>,
): Promise<void> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for (const chunk of chunks) {
    pending.push(chunk);
    pendingBytes += chunk.length;
    if (pendingBytes < ONE_PIECE_BYTES) continue;
    if (!response.headersSent) response.writeHead(200, { "content-type": contentType });
    const isTaken = response.write(Buffer.concat(pending, pendingBytes));
    pending = [];
    pendingBytes = 0;
    if (!isTaken && !(await drained(response))) return;
  }
  const last = Buffer.concat(pending, pendingBytes);
  if (!response.headersSent) response.writeHead(200, { "content-type": contentType, "content-length": last.length });
  response.end(last);
}

/** @returns false when the reader is gone. */
async function drained(response: ServerResponse): Promise<boolean> {
  const closed = new AbortController();
  const onClose = (): void => closed.abort();
  response.once("close", onClose);
  try {
    if (response.destroyed) return false;
    await once(response, "drain", {
      signal: AbortSignal.any([AbortSignal.timeout(STALL_MILLISECONDS), closed.signal]),
    });
    return true;
  } catch {
    response.destroy();
    return false;
  } finally {
    response.removeListener("close", onClose);
  }
}
