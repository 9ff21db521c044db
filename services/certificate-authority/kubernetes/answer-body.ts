import type { IncomingMessage } from "node:http";

const MAXIMUM_EVENT_BYTES = 4 * 1024 * 1024;

/** @throws when there is more of it than `maximumBytes`. */
export async function textOf(answer: IncomingMessage, maximumBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop closes the connection.
    if (size > maximumBytes) throw new Error(`the answer has more than ${maximumBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString("utf8");
}

/** The lines of an answer as they come. @throws when one is longer than any object. */
export async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  answer.setEncoding("utf8");
  for await (const chunk of answer as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAXIMUM_EVENT_BYTES) throw new Error(`an event has more than ${MAXIMUM_EVENT_BYTES} bytes`);
    yield* lines;
  }
}
