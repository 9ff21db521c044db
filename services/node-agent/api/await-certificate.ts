import { setTimeout } from "node:timers/promises";
import type { Clock } from "../../shared/clock.ts";
import { AgentError } from "../agent-error.ts";
import { safe } from "./asked-server.ts";
import type { SigningApi, SigningRequest } from "./signing-api.ts";

const POLL_MILLISECONDS = 1_000;
const LONGEST_POLL_MILLISECONDS = 15_000;

/** A request that was made. */
export interface AwaitedRequest {
  readonly requestName: string;
  readonly requestUid: string;
}

export interface WaitingDependencies {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Called at each look that found nothing yet, with the whole seconds that are left. */
  readonly onWaiting?: (secondsLeft: number) => void;
}

/**
 * Looks at a request until its certificate is there, ever less often.
 *
 * @returns the certificate and what comes with it, PEM.
 * @throws {AgentError} `denied` when it was denied, failed or removed; `pending` when the time is over.
 */
export async function awaitCertificate(
  api: Pick<SigningApi, "get">,
  { requestName, requestUid }: AwaitedRequest,
  waitSeconds: number,
  { clock, random, signal, onWaiting }: WaitingDependencies,
): Promise<string> {
  const until = clock.now().getTime() + waitSeconds * 1000;
  for (let pause = POLL_MILLISECONDS / 4; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MILLISECONDS)) {
    const request = await api.get(requestName);
    if (request?.metadata.uid !== requestUid) {
      throw new AgentError("denied", `the request ${requestName} was removed before it was answered`);
    }
    const chainPem = answerOf(request);
    if (chainPem !== undefined) return chainPem;
    const millisecondsLeft = until - clock.now().getTime();
    if (millisecondsLeft <= 0) {
      const wayOut = `approve it (kubectl certificate approve ${requestName}); the next attempt goes on waiting for it`;
      throw new AgentError("pending", `nobody approved the request ${requestName} within ${waitSeconds} s; ${wayOut}`);
    }
    onWaiting?.(Math.ceil(millisecondsLeft / 1000));
    await setTimeout(Math.min(pause * (0.75 + random() / 2), millisecondsLeft), undefined, { signal });
  }
}

/** @throws {AgentError} `denied` */
function answerOf({ metadata, status }: SigningRequest): string | undefined {
  for (const { type, reason = "", message = "" } of status?.conditions ?? []) {
    if (type !== "Denied" && type !== "Failed") continue;
    const what = type === "Denied" ? "was denied" : "failed";
    throw new AgentError("denied", `the request ${metadata.name} ${what} (${safe(reason)}): ${safe(message)}`);
  }
  return status?.certificate ? Buffer.from(status.certificate, "base64").toString("utf8") : undefined;
}
