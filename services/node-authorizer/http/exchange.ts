import type { IncomingMessage, ServerResponse } from "node:http";
import { StatusError } from "../../shared/status-error.ts";

const JSON_TYPE = "application/json";

/**
 * The whole body of a request, when it is JSON by its headers and no longer than `limit` bytes.
 *
 * @throws {StatusError} UnsupportedMediaType, RequestEntityTooLarge; BadRequest when the client went away.
 */
export function readJsonBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== JSON_TYPE) {
    throw new StatusError("UnsupportedMediaType", `the body is ${JSON.stringify(type ?? "")}; send ${JSON_TYPE}`);
  }
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    throw new StatusError("UnsupportedMediaType", `content-encoding ${JSON.stringify(encoding)} is not supported`);
  }
  if (Number(request.headers["content-length"] ?? 0) > limit) throw tooLarge(limit);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) reject(tooLarge(limit));
      else chunks.push(chunk);
    });
    request.once("end", () => resolve(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks)));
    request.once("error", (cause) => reject(cutShort(cause)));
    request.once("close", () => {
      if (!request.complete) reject(cutShort());
    });
  });
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
