import type { IncomingMessage } from "node:http";
import { StatusError } from "../../shared/status-error.ts";

/**
 * Reads a request's whole body.
 *
 * @throws {StatusError} RequestEntityTooLarge as soon as more than `maxBytes` are announced or arrive; BadRequest when
 *   the client breaks off or compresses.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    return Promise.reject(
      new StatusError(
        "UnsupportedMediaType",
        `content-encoding ${encoding} is not accepted; send the body uncompressed`,
      ),
    );
  }
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) return Promise.reject(tooLarge(maxBytes));
  // What has arrived whole, as small bodies do, is taken without a stream's events and the turns they take.
  if (announced > 0 && request.readableLength === announced) {
    const body = request.read() as Buffer;
    request.resume();
    return Promise.resolve(body);
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        request.pause();
        request.removeAllListeners("data");
        reject(tooLarge(maxBytes));
        return;
      }
      chunks.push(chunk);
    });
    request.once("end", () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size)),
    );
    request.once("error", (cause) => reject(new StatusError("BadRequest", "the request body ended early", { cause })));
    request.once("close", () => {
      if (!request.complete) reject(new StatusError("BadRequest", "the request body ended early"));
    });
  });
}

function tooLarge(maxBytes: number): StatusError {
  return new StatusError("RequestEntityTooLarge", `the request body is larger than the limit of ${maxBytes} bytes`);
}
