import type { ServerResponse } from "node:http";
import { StatusError } from "../../../shared/status-error.ts";
import { WatchStream } from "./watch-stream.ts";

export interface WatchLimits {
  /** Watches open at the same time. */
  readonly maxWatches: number;
  /** Bytes that may wait for one watcher to take them before it is cut off. */
  readonly maxBufferBytes: number;
}

/** Every open watch, so that their number is bounded and a shutdown can end them. */
export interface WatchRegistry {
  /** How many are open, for metrics. */
  readonly size: number;
  /** @throws {StatusError} TooManyRequests when there are too many; ServiceUnavailable after `closeAll`. */
  open(response: ServerResponse, contentType: string): WatchStream;
  /** Ends every watch cleanly and admits no more. */
  closeAll(): void;
}

export function createWatchRegistry({ maxWatches, maxBufferBytes }: WatchLimits): WatchRegistry {
  const open = new Set<WatchStream>();
  let isClosed = false;
  return {
    get size() {
      return open.size;
    },
    open(response, contentType) {
      if (isClosed) throw refusal("ServiceUnavailable", "the server is shutting down");
      if (open.size >= maxWatches) throw refusal("TooManyRequests", "too many watches are open");
      const stream = new WatchStream(response, contentType, maxBufferBytes);
      open.add(stream);
      stream.onClose(() => open.delete(stream));
      return stream;
    },
    closeAll() {
      isClosed = true;
      for (const stream of open) stream.end();
    },
  };
}

function refusal(reason: "ServiceUnavailable" | "TooManyRequests", message: string): StatusError {
  return new StatusError(reason, message, { details: { retryAfterSeconds: 1 } });
}
