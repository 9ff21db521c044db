import { type HttpsAnswer, type HttpsClient, httpsClient } from "../../../../shared/https-exchange.ts";
import type { Logger } from "../../../../shared/logging.ts";
import type { Limits } from "../../limited.ts";
import { type TellingSettings, webhookRelaxations } from "../webhook-settings.ts";
import { type WebhookCredentials, watchCredentials } from "./credentials.ts";
import { isSameSignature, SIGNATURE_HEADER, signAnswer, signMessage, TIMESTAMP_HEADER } from "./signature.ts";

/** Who is told waits no longer than this after the time limit, so that whoever limits the wait has the last word. */
const GRACE_MILLISECONDS = 1000;

export interface SignedExchangeDependencies {
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicNow: () => number;
  /** Milliseconds since 1970, for signatures. */
  readonly wallClock?: () => number;
}

/** Tells a service over HTTPS, in words that it can see are ours. */
export interface SignedExchange {
  /** @throws {HttpStatusError} or another error when there is no answer, or it is not signed where it should be. */
  post(body: string, signal?: AbortSignal): Promise<HttpsAnswer>;
  close(): void;
}

/** @throws {HookSetupError} when a file or variable cannot be used. */
export function createSignedExchange(
  settings: TellingSettings & Limits,
  { logger, environment = process.env, monotonicNow, wallClock = Date.now }: SignedExchangeDependencies,
): SignedExchange {
  for (const relaxation of webhookRelaxations(settings)) logger.warn(relaxation);
  const url = new URL(settings.url);
  const credentials = watchCredentials({ settings, environment, logger, monotonicNow });
  const clients = clientsFor(settings);
  return {
    async post(body, signal) {
      const held = credentials();
      const timestamp = Math.floor(wallClock() / 1000);
      const signature = held.hmacSecret && signMessage(held.hmacSecret, timestamp, body);
      const signed = signature && { [TIMESTAMP_HEADER]: String(timestamp), [SIGNATURE_HEADER]: signature };
      const headers = { ...held.headers, "content-type": "application/json", ...signed };
      const answer = await clients.current(held).exchange(url, { method: "POST", headers, body, signal });
      if (settings.hmac?.verifyAnswers) checkAnswer(answer, held, signature ?? "");
      return answer;
    },
    close: () => clients.close(),
  };
}

/** A client for the credentials that are in force; connections of earlier ones are closed. */
function clientsFor({ timeoutSeconds, concurrency, answerLimitBytes, allowPlainHttp }: TellingSettings & Limits) {
  let madeFor: WebhookCredentials | undefined;
  let client: HttpsClient | undefined;
  return {
    current(credentials: WebhookCredentials): HttpsClient {
      if (client !== undefined && madeFor === credentials) return client;
      const before = client;
      // Who is being asked on the old connections may finish.
      if (before !== undefined) setTimeout(() => before.close(), timeoutSeconds * 1000).unref();
      const { caPem, certificatePem, privateKeyPem } = credentials;
      const limits = {
        timeoutMilliseconds: timeoutSeconds * 1000 + GRACE_MILLISECONDS,
        maximumBytes: answerLimitBytes,
      };
      client = httpsClient({
        caPem,
        certificatePem,
        privateKeyPem,
        ...limits,
        maximumConnections: concurrency,
        allowPlainHttp,
      });
      madeFor = credentials;
      return client;
    },
    close: () => client?.close(),
  };
}

/** @throws {Error} when the answer is not signed with our secret for what we asked. */
function checkAnswer(
  { headers, body }: HttpsAnswer,
  { hmacSecret }: WebhookCredentials,
  messageSignature: string,
): void {
  const shown = headers[SIGNATURE_HEADER];
  const isSigned = hmacSecret !== undefined && typeof shown === "string";
  if (!isSigned || !isSameSignature(shown, signAnswer(hmacSecret, messageSignature, body)))
    throw new Error("the answer is not signed as it should be");
}
