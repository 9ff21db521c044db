import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer, type Server, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach } from "@jest/globals";
import { z } from "zod";
import { createWebhookHook } from "../../../../services/certificate-authority/approval/hooks/webhook.ts";
import { webhookShape } from "../../../../services/certificate-authority/approval/hooks/webhook-settings.ts";
import type { ApprovalHook, ReviewInput } from "../../../../services/certificate-authority/domain/ports.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { INPUT } from "./script-fixture.ts";

const schema = z.strictObject(webhookShape);
const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

export interface Asked {
  readonly request: IncomingMessage;
  readonly body: string;
}

/** A service of its own on a free port, over TLS unless no certificate is given; it notes what it was asked. */
export async function serviceWith(
  answer: (asked: Asked, response: ServerResponse) => void,
  tls: ServerOptions | undefined,
) {
  const asked: Asked[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      const one = { request, body: Buffer.concat(chunks).toString() };
      asked.push(one);
      answer(one, response);
    });
  };
  const server: Server | ReturnType<typeof createHttp> = tls ? createServer(tls, listener) : createHttp(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  const { port } = server.address() as AddressInfo;
  return { asked, url: `${tls ? "https" : "http"}://127.0.0.1:${port}/review` };
}

/** Answers each request with the same JSON. */
export function always(answer: unknown) {
  return (_: Asked, response: ServerResponse): void => {
    response.setHeader("content-type", "application/json");
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  };
}

export interface WebhookArguments {
  readonly settings: Omit<z.input<typeof schema>, "url"> & { readonly url: string };
  readonly timeoutSeconds?: number;
  readonly concurrency?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly monotonicNow?: () => number;
}

/** A hook as it is configured; closed after the test. */
export function webhookFor({ settings, timeoutSeconds = 20, concurrency = 4, ...more }: WebhookArguments) {
  const { logger, lines } = recordingLogger();
  const hook: ApprovalHook = createWebhookHook(
    { ...schema.parse(settings), timeoutSeconds, concurrency },
    { logger, environment: {}, ...more },
  );
  opened.push({ close: () => hook.close?.(true) });
  return { hook, lines, ask: (input: ReviewInput = INPUT) => Promise.resolve(hook.review(input)) };
}
