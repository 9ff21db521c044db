import { constants, existsSync } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { bytesText, error, type Finding, messageOf, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import { readWebhookKubeconfig } from "../../../shared/kubernetes/webhook-kubeconfig.ts";
import { AuditConfigurationError, readPolicyFile } from "../../access/audit/policy-file.ts";
import type { Check } from "../contract.ts";
import { webhookFinding } from "../webhook.ts";
import { withConfiguration } from "../with-configuration.ts";

const NOT_CONFIGURED = "no audit is configured: who asked for what is not recorded (the ledger has what was decided)";
const LITTLE_SPACE_BYTES = 512 * 1024 * 1024;

export const auditPolicy: Check = {
  id: "audit.policy",
  title: "the audit policy parses",
  run: (context) =>
    withConfiguration(context, "audit", ({ audit }) => {
      if (audit === undefined) return [skipped("audit", NOT_CONFIGURED)];
      try {
        const { rules } = readPolicyFile(audit.policyFile);
        const isSilent = rules.every(({ level }) => level === "None");
        const wayOut = "give a rule a level of Metadata or more, as config/audit/policy.yaml does";
        if (isSilent) return [warning(audit.policyFile, "every rule says None: nothing is recorded", wayOut)];
        return [ok(audit.policyFile, `${rules.length} rules`)];
      } catch (thrown) {
        if (!(thrown instanceof AuditConfigurationError)) throw thrown;
        return [error(audit.policyFile, messageOf(thrown), "correct the policy; the server does not start")];
      }
    }),
};

export const auditSinks: Check = {
  id: "audit.sinks",
  title: "the audit record can be written",
  run: (context, signal) =>
    withConfiguration(context, "audit", async ({ audit }) => {
      if (audit === undefined) return [skipped("audit", NOT_CONFIGURED)];
      const { file, webhook } = audit;
      return [
        ...(file ? await fileFindings(file, context.system.freeBytes) : []),
        ...(webhook
          ? [await webhookFinding("audit.webhook", () => readWebhookKubeconfig(webhook.kubeconfigFile), signal)]
          : []),
      ];
    }),
};

/** The directory itself, or the one in which the server will make it. */
function nearestDirectory(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestDirectory(dirname(path));
}

async function fileFindings(
  { path, maxBackups, maxAgeDays }: { path: string; maxBackups: number; maxAgeDays: number },
  freeBytes: (path: string) => Promise<number>,
): Promise<readonly Finding[]> {
  const directory = nearestDirectory(dirname(path));
  try {
    await access(directory, constants.W_OK | constants.X_OK);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) await access(path, constants.W_OK);
    if (found?.isFile() === false) return [error(path, "is no file", "name another audit.file.path")];
  } catch (thrown) {
    const { code = "" } = thrown as NodeJS.ErrnoException;
    return [error(path, `cannot be written (${code})`, `make ${directory} writable for the server's user`)];
  }
  const free = await freeBytes(directory);
  const found = [
    free < LITTLE_SPACE_BYTES
      ? warning(
          directory,
          `${bytesText(free)} are free for the audit record`,
          "make room, or set audit.file.maxBackups",
        )
      : ok(path, `can be written, ${bytesText(free)} are free`),
  ];
  if (maxBackups === 0 && maxAgeDays === 0)
    found.push(
      warning(
        path,
        "files put aside are kept for ever",
        "set audit.file.maxBackups or maxAgeDays, or remove them elsewhere",
      ),
    );
  return found;
}
