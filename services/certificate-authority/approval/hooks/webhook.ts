import { setTimeout as pause } from "node:timers/promises";
import { HttpStatusError, type HttpsAnswer, type HttpsClient, httpsClient } from "../../../shared/https-exchange.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { ApprovalHook } from "../../domain/ports.ts";
import { AnswerUnwanted, type Limits, limited } from "../limited.ts";
import { createCircuitBreaker } from "./webhook/circuit-breaker.ts";
import { type WebhookCredentials, watchCredentials } from "./webhook/credentials.ts";
import { FORMATS } from "./webhook/formats.ts";
import { isSameSignature, SIGNATURE_HEADER, signAnswer, signMessage, TIMESTAMP_HEADER } from "./webhook/signature.ts";
import { type WebhookSettings, webhookRelaxations } from "./webhook-settings.ts";

const FIRST_PAUSE_MILLISECONDS = 200;
/** The chain stops waiting first, so that a late answer has the same words always. */
const GRACE_MILLISECONDS = 1000;

export interface WebhookDependencies {
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicNow?: () => number;
  /** Milliseconds since 1970, for signatures. */
  readonly wallClock?: () => number;
}

/**
 * Asks a service over HTTPS, with retries, and with a circuit breaker that spares one that is down. Whatever is no answer
 * means that the hook could not evaluate.
 *
 * @throws {HookSetupError} when a file or variable cannot be used.
 */
export function createWebhookHook(settings: WebhookSettings & Limits, deps: WebhookDependencies): ApprovalHook {
  const { logger, environment = process.env, monotonicNow = () => performance.now(), wallClock = Date.now } = deps;
  for (const relaxation of webhookRelaxations(settings)) logger.warn(relaxation);
  const url = new URL(settings.url);
  const format = FORMATS[settings.format];
  const credentials = watchCredentials({ settings, environment, logger, monotonicNow });
  const clients = clientsFor(settings);
  const breaker = createCircuitBreaker({
    ...settings.circuitBreaker,
    monotonicNow,
    onChange: (state) => logger.warn({ host: url.host, state }, "a webhook's circuit breaker changed"),
    // Else who asks and withdraws again and again would have nobody asked any more.
    isFailure: (error) => !(error instanceof AnswerUnwanted),
  });

  async function askOnce(body: string, signal: AbortSignal | undefined): Promise<string> {
    const held = credentials();
    const timestamp = Math.floor(wallClock() / 1000);
    const signature = held.hmacSecret && signMessage(held.hmacSecret, timestamp, body);
    const signed = signature && { [TIMESTAMP_HEADER]: String(timestamp), [SIGNATURE_HEADER]: signature };
    const headers = { ...held.headers, "content-type": "application/json", ...signed };
    const answer = await clients.current(held).exchange(url, { method: "POST", headers, body, signal });
    if (settings.hmac?.verifyAnswers) checkAnswer(answer, held, signature ?? "");
    return textOf(answer);
  }

  async function askAgain(body: string, signal: AbortSignal | undefined): Promise<string> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await askOnce(body, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (attempt >= settings.retries || !mayPass(error)) throw error;
      }
      await pause(FIRST_PAUSE_MILLISECONDS * 2 ** attempt * (0.5 + Math.random()), undefined, { signal }).catch(() =>
        signal?.throwIfAborted(),
      );
    }
  }

  const hook: ApprovalHook = {
    name: "webhook",
    async review(input, signal) {
      const document = await input.document();
      try {
        return await breaker.run(async () => format.verdict(await askAgain(format.body(document), signal), document));
      } catch (error) {
        signal?.throwIfAborted();
        throw new Error(`the webhook gave no answer: ${causeOf(error)}`, { cause: error });
      }
    },
    close: async () => clients.close(),
  };
  return limited(hook, settings);
}

/** A client for the credentials that are in force; connections of earlier ones are closed. */
function clientsFor({ timeoutSeconds, concurrency, answerLimitBytes, allowPlainHttp }: WebhookSettings & Limits) {
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

function textOf({ body }: HttpsAnswer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new Error("the answer is not UTF-8");
  }
}

/** Whether asking again may help: nobody was reached, or who was is overloaded or broken. */
function mayPass(error: unknown): boolean {
  if (error instanceof HttpStatusError) return error.status >= 500 || error.status === 429;
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && /^E[A-Z]+$/.test(code);
}

/** The same words for the same failure. Where several addresses were tried, the first one's. */
function causeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return causeOf(error.errors[0]);
  const { message, code } = error as NodeJS.ErrnoException;
  return message === "" ? (code ?? "unknown error") : message;
}
