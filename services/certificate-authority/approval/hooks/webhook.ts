import { setTimeout as pause } from "node:timers/promises";
import { HttpStatusError, type HttpsAnswer } from "../../../shared/https-exchange.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { ApprovalHook } from "../../domain/ports.ts";
import { AnswerUnwanted, type Limits, limited } from "../limited.ts";
import { createCircuitBreaker } from "./webhook/circuit-breaker.ts";
import { FORMATS } from "./webhook/formats.ts";
import { createSignedExchange } from "./webhook/signed-exchange.ts";
import type { WebhookSettings } from "./webhook-settings.ts";

const FIRST_PAUSE_MILLISECONDS = 200;

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
  const { logger, monotonicNow = () => performance.now() } = deps;
  const { host } = new URL(settings.url);
  const format = FORMATS[settings.format];
  const service = createSignedExchange(settings, { ...deps, monotonicNow });
  const breaker = createCircuitBreaker({
    ...settings.circuitBreaker,
    monotonicNow,
    onChange: (state) => logger.warn({ host, state }, "a webhook's circuit breaker changed"),
    // Else who asks and withdraws again and again would have nobody asked any more.
    isFailure: (error) => !(error instanceof AnswerUnwanted),
  });

  async function askAgain(body: string, signal: AbortSignal | undefined): Promise<string> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return textOf(await service.post(body, signal));
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
    close: async () => service.close(),
  };
  return limited(hook, settings);
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
