import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { StatusError } from "../../shared/status-error.ts";

const JSON_TYPE = "application/json";

/**
 * Hands on the whole body of a request, when it is JSON by its headers and no longer than `limit` bytes; else an error,
 * UnsupportedMediaType, RequestEntityTooLarge or BadRequest. One of the two is called, once. Callbacks and no promise: a review
 * takes some twenty microseconds, and each promise one.
 */
export function readJsonBody(
  request: IncomingMessage,
  limit: number,
  onBody: (body: Buffer) => void,
  onError: (error: StatusError) => void,
): void {
  const refusal = refusalByHead(request.headers, limit);
  if (refusal !== undefined) {
    onError(refusal);
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  let isSettled = false;
  const fail = (error: StatusError): void => {
    if (isSettled) return;
    isSettled = true;
    onError(error);
  };
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > limit) fail(tooLarge(limit));
    else chunks.push(chunk);
  });
  request.on("end", () => {
    if (isSettled) return;
    isSettled = true;
    onBody(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
  });
  request.on("error", (cause) => fail(cutShort(cause)));
}

function refusalByHead(headers: IncomingHttpHeaders, limit: number): StatusError | undefined {
  const type = headers["content-type"];
  if (type !== JSON_TYPE && type?.split(";")[0]?.trim().toLowerCase() !== JSON_TYPE) {
    return new StatusError("UnsupportedMediaType", `the body is ${JSON.stringify(type ?? "")}; send ${JSON_TYPE}`);
  }
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    return new StatusError("UnsupportedMediaType", `content-encoding ${JSON.stringify(encoding)} is not supported`);
  }
  return Number(headers["content-length"] ?? 0) > limit ? tooLarge(limit) : undefined;
}

function cutShort(cause?: Error): StatusError {
  return new StatusError("BadRequest", "the body did not come whole", { cause });
}

function tooLarge(limit: number): StatusError {
  return new StatusError("RequestEntityTooLarge", `the body is longer than ${limit} bytes`);
}

/** Answers with JSON text. */
export function sendJsonText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { "content-type": JSON_TYPE, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/**
 * Answers with a Status for whatever was thrown. A body that was not read to its end closes the connection, for what is
 * left of it would be taken for the next request.
 */
export function sendError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const known = error instanceof StatusError ? error : new StatusError("InternalError", "something went wrong here");
  const retryAfter = known.details?.retryAfterSeconds;
  if (retryAfter !== undefined) response.setHeader("retry-after", String(retryAfter));
  if (!request.complete) response.setHeader("connection", "close");
  sendJsonText(response, known.code, JSON.stringify(known.toStatus()));
}
