import type { Call, Route } from "./call.ts";
import { sendBytes } from "./call.ts";
import type { Metrics } from "./metrics.ts";

export interface HealthDependencies {
  /** Named checks; a rejection means not ready. `livez` runs none of them: a process that answers is alive. */
  readonly readinessChecks: Readonly<Record<string, () => Promise<void>>>;
  readonly metrics: Metrics;
}

/** `/healthz`, `/livez`, `/readyz` (each also `?verbose`) and `/metrics`, in the plain text kube-apiserver answers with. */
export function healthRoutes({ readinessChecks, metrics }: HealthDependencies): readonly Route[] {
  const ready = async (call: Call): Promise<void> => answerChecks(call, readinessChecks);
  return [
    { method: "GET", path: "/livez", handler: (call) => answerChecks(call, {}) },
    { method: "GET", path: "/healthz", handler: ready },
    { method: "GET", path: "/readyz", handler: ready },
    {
      method: "GET",
      path: "/metrics",
      handler: async ({ response }) =>
        sendBytes(response, 200, metrics.contentType, Buffer.from(await metrics.render())),
    },
  ];
}

async function answerChecks(call: Call, checks: HealthDependencies["readinessChecks"]): Promise<void> {
  const names = Object.keys(checks);
  const results = await Promise.allSettled(Object.values(checks).map((check) => check()));
  const isHealthy = results.every(({ status }) => status === "fulfilled");
  // Which check failed may be shown; why it failed stays in the log.
  const lines = names.map((name, index) =>
    results[index]?.status === "fulfilled" ? `[+]${name} ok` : `[-]${name} failed`,
  );
  const isVerbose = call.query.has("verbose") || !isHealthy;
  const text = isVerbose ? `${[...lines, isHealthy ? "ok" : "not ready"].join("\n")}\n` : "ok";
  sendBytes(call.response, isHealthy ? 200 : 503, "text/plain; charset=utf-8", Buffer.from(text));
}
