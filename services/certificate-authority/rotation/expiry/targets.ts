import { HttpStatusError } from "../../../shared/https-exchange.ts";
import type { Logger } from "../../../shared/logging.ts";
import { HookSetupError } from "../../approval/hooks/hook-setup-error.ts";
import { resolveProgram } from "../../approval/hooks/script/resolve-program.ts";
import { createRunner } from "../../approval/hooks/script/runner.ts";
import { createSignedExchange } from "../../approval/hooks/webhook/signed-exchange.ts";
import type { NotificationSettings } from "./notification-settings.ts";

/** Somebody who is told. */
export interface Target {
  readonly name: string;
  /** How many notices a message has at most. */
  readonly batch: number;
  readonly retry: NotificationSettings["retry"];
  /** @throws {Error} when it was not told, or nobody can know whether it was: to be tried again. */
  tell(message: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

type TargetLogger = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** @throws {HookSetupError} naming the target, the setting and the way out. */
export function createTarget(settings: NotificationSettings, logger: TargetLogger): Target {
  const { name, batch, retry } = settings;
  try {
    const { tell, close } = settings.webhook ? webhookTarget(settings, logger) : scriptTarget(settings, logger);
    return { name, batch, retry, tell, close };
  } catch (error) {
    if (!(error instanceof HookSetupError)) throw error;
    throw new HookSetupError(`expiry.notifications, ${name}: ${error.message}`, { cause: error });
  }
}

type Telling = Pick<Target, "tell" | "close">;

function webhookTarget({ webhook, timeoutSeconds }: NotificationSettings, logger: TargetLogger): Telling {
  if (webhook === undefined) throw new TypeError("there is no webhook to tell");
  const settings = { ...webhook, timeoutSeconds, concurrency: 1 };
  const service = createSignedExchange(settings, { logger, monotonicNow: () => performance.now() });
  return {
    async tell(message, signal) {
      try {
        await service.post(message, signal);
      } catch (error) {
        // 202 and 204 are how many services say that they have it; where answers are to be signed there must be one.
        const isTaken = error instanceof HttpStatusError && error.status >= 200 && error.status < 300;
        if (!isTaken || webhook.hmac?.verifyAnswers === true) throw error;
      }
    },
    close: async () => service.close(),
  };
}

function scriptTarget({ script, timeoutSeconds }: NotificationSettings, logger: TargetLogger): Telling {
  if (script === undefined) throw new TypeError("there is no program to run");
  const runner = createRunner(resolveProgram({ ...script, mode: "once" }, { environment: process.env, logger }));
  return {
    async tell(message, signal) {
      const limit = AbortSignal.timeout(timeoutSeconds * 1000);
      const end = await runner.run(`${message}\n`, AbortSignal.any([limit, signal])).catch((error: unknown) => {
        throw limit.aborted ? new Error(`the program did not end within ${timeoutSeconds} s`) : error;
      });
      if (end.problem !== undefined) throw new Error(`the program failed: ${end.problem}`);
      if (end.exitCode !== 0) throw new Error(`the program ended with ${end.exitCode ?? end.signal ?? "a signal"}`);
      if (end.complaint !== "") logger.debug({ standardError: end.complaint }, "a program that notifies complained");
    },
    close: () => runner.close(),
  };
}
