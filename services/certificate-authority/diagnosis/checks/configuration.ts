import { bytesText, error, type Finding, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Configuration } from "../../configuration.ts";
import type { Check, CheckContext } from "../contract.ts";
import { withConfiguration } from "../with-configuration.ts";

/** Above this a limit limits nobody. */
const AS_GOOD_AS_UNLIMITED_PER_SECOND = 100_000;
/** Guessing a 16-character token stays hopeless, but the log and the processor notice. */
const MANY_FAILURES_PER_MINUTE = 10_000;
/** A NAT before a rack of kubelets is one address. */
const FEW_REQUESTS_PER_SECOND = 5;
const NEARLY_FULL = 0.8;
/** Seen in herds: a connection with its TLS state, buffers and request. */
const BYTES_PER_CONNECTION = 96 * 1024;
const BYTES_AT_REST = 160 * 1024 * 1024;
const MAX_REAL_BYTES = 2 ** 50;

export const configurationFile: Check = {
  id: "configuration.file",
  title: "the configuration file: every setting by its path",
  isIndependent: true,
  run({ configurationFile: file, configurationError }) {
    const subject = file ?? "no configuration file";
    if (configurationError === undefined)
      return [ok(subject, file === undefined ? "defaults are in force" : "every setting is known and valid")];
    const { problems, message } = configurationError;
    const wayOut = "correct it; config/examples/gatehouse.yaml shows every setting";
    if (problems.length === 0) return [error(subject, message, wayOut)];
    return problems.map((problem) => error(`${subject}: ${problem.path || "whole"}`, problem.message, wayOut));
  },
};

export const requestLimits: Check = {
  id: "configuration.limits",
  title: "rate limits and the number of stored requests",
  run: (context) =>
    withConfiguration(context, "limits", async (configuration) => [
      ...rateFindings(configuration),
      ...(await storedRequests(context, configuration)),
    ]),
};

function rateFindings({ limits, server, ledger }: Configuration): readonly Finding[] {
  const { requestsPerSecondPerIdentity, requestsPerSecondPerAddress, failedAuthenticationsPerMinutePerAddress } =
    limits;
  const found: Finding[] = [];
  const rates = { requestsPerSecondPerIdentity, requestsPerSecondPerAddress };
  for (const [name, rate] of Object.entries(rates)) {
    const subject = `limits.${name}`;
    if (rate >= AS_GOOD_AS_UNLIMITED_PER_SECOND)
      found.push(
        warning(subject, `${rate} a second limits nobody`, "lower it, or leave it out for the default of 5000"),
      );
    if (rate < FEW_REQUESTS_PER_SECOND)
      found.push(warning(subject, `${rate} a second slows down kubelets behind one address or token`, "raise it"));
  }
  if (failedAuthenticationsPerMinutePerAddress >= MANY_FAILURES_PER_MINUTE)
    found.push(
      warning(
        "limits.failedAuthenticationsPerMinutePerAddress",
        `${failedAuthenticationsPerMinutePerAddress} a minute lets anybody guess as fast as they like`,
        "lower it, or leave it out for the default of 300",
      ),
    );
  if (server.maxWatches > server.maxConnections)
    found.push(
      warning(
        "server.maxWatches",
        `${server.maxWatches} watches cannot be open on ${server.maxConnections} connections`,
        "lower it to server.maxConnections, or raise that",
      ),
    );
  if (ledger.commitDelayMilliseconds > 0)
    found.push(
      warning(
        "ledger.commitDelayMilliseconds",
        `every commit waits ${ledger.commitDelayMilliseconds} ms, which is for measuring only`,
        "remove it from the configuration",
      ),
    );
  return found.length > 0 ? found : [ok("limits", "rates, failed logins and watches are limited sanely")];
}

async function storedRequests(context: CheckContext, { limits }: Configuration): Promise<readonly Finding[]> {
  const subject = "limits.maxStoredRequests";
  const ledger = await context.ledger();
  if (ledger.kind !== "here") return [skipped(subject, "there is no ledger to count in")];
  const { storedRequests: count } = ledger.inspection.snapshot();
  const text = `${count} of ${limits.maxStoredRequests} requests are stored`;
  if (count < limits.maxStoredRequests * NEARLY_FULL) return [ok(subject, text)];
  return [warning(subject, `${text}; more are refused`, "raise it, or delete requests: kubectl delete csr NAME")];
}

export const memory: Check = {
  id: "runtime.memory",
  title: "memory against server.maxConnections",
  run: (context) =>
    withConfiguration(context, "server.maxConnections", ({ server }) => {
      const available = memoryLimit(context);
      const needed = BYTES_AT_REST + server.maxConnections * BYTES_PER_CONNECTION;
      const text = `${server.maxConnections} connections take up to ${bytesText(needed)}; there are ${bytesText(available)}`;
      if (needed <= available) return [ok("server.maxConnections", text)];
      const room = Math.max(16, Math.floor((available - BYTES_AT_REST) / BYTES_PER_CONNECTION));
      return [warning("server.maxConnections", text, `give it more memory, or lower server.maxConnections to ${room}`)];
    }),
};

/** What the control group allows, where there is one; the machine's memory otherwise. */
function memoryLimit({ system }: CheckContext): number {
  const files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
  const limits = files.map((path) => Number(system.readText(path)?.trim()));
  const real = limits.filter((limit) => limit > 0 && limit < MAX_REAL_BYTES);
  return Math.min(system.memoryBytes, ...real);
}
