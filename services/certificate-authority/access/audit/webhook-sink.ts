import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { WebhookConnection } from "../../../shared/kubernetes/webhook-kubeconfig.ts";
import { type AuditSink, RejectedEventsError } from "./sink.ts";

export interface WebhookSinkOptions {
  readonly connection: WebhookConnection;
  /** How long one batch may take, in seconds. */
  readonly timeoutSeconds: number;
}

/** Answers that say that the batch itself is wrong; credentials and addresses may be put right, and load goes by. */
const REJECTIONS = new Set([400, 405, 406, 411, 413, 414, 415, 422]);

/** Posts batches as an `EventList`, over one connection that is kept. */
export function createWebhookSink({ connection, timeoutSeconds }: WebhookSinkOptions): AuditSink {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    name: "webhook",
    retry: { firstMilliseconds: 500, maxMilliseconds: 30_000 },
    async write(lines) {
      const head = '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[';
      const body = Buffer.from(`${head}${lines.join(",")}]}`);
      const code = await post(connection, agent, body, AbortSignal.timeout(timeoutSeconds * 1000));
      if (code >= 200 && code < 300) return;
      const message = `${connection.url.origin} answered ${code}`;
      throw REJECTIONS.has(code) ? new RejectedEventsError(message) : new Error(message);
    },
    async close() {
      agent.destroy();
    },
  };
}

/** @returns the answer's code; its body is read to its end and of no interest. */
async function post(connection: WebhookConnection, agent: Agent, body: Buffer, signal: AbortSignal): Promise<number> {
  const response = await send(connection, agent, body, signal);
  response.resume();
  await new Promise<void>((resolve, reject) => response.once("end", resolve).once("error", reject));
  return response.statusCode ?? 0;
}

function send(
  connection: WebhookConnection,
  agent: Agent,
  body: Buffer,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { url, caPem, clientCertificatePem, clientKeyPem, tlsServerName } = connection;
  const token = connection.token();
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        agent,
        signal,
        method: "POST",
        host,
        port: url.port || 443,
        path: `${url.pathname}${url.search}`,
        headers: {
          "content-type": "application/json",
          "content-length": body.length,
          "user-agent": "gatehouse",
          ...(token && { authorization: `Bearer ${token}` }),
        },
        ...(caPem && { ca: caPem }),
        ...(clientCertificatePem && { cert: clientCertificatePem, key: clientKeyPem }),
        // An address is no name to send in SNI (RFC 6066 section 3).
        servername: tlsServerName ?? (isIP(host) ? "" : host),
      },
      resolve,
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}
