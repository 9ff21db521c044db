import type { PolicyCaseResult } from "./certificate-authority.ts";
import { formatTable } from "./output.ts";
import { printable } from "./terminal.ts";

/** What became of the cases, as `-o json` prints it. */
export function policyReport(results: readonly PolicyCaseResult[]) {
  const failed = results.filter(({ hasPassed }) => !hasPassed).length;
  return {
    apiVersion: "gatehouse.dev/v1",
    kind: "PolicyTestReport",
    summary: { passed: results.length - failed, failed },
    cases: results.map(({ name, hasPassed, expected, outcome, hook, reason, message, differences, trace }) => ({
      ...{ name, passed: hasPassed, expected, outcome },
      ...(hook !== undefined && { hook }),
      ...{ reason, message, differences, trace },
    })),
  };
}

/** A table of the cases, then what each that failed expected and what the hooks said. */
export function describePolicyReport(results: readonly PolicyCaseResult[]): string {
  const header = ["CASE", "EXPECTED", "OUTCOME", "BY", "REASON", "RESULT"];
  const rows = results.map(({ name, expected, outcome, hook, reason, hasPassed }) => [
    ...[name, expected.outcome, outcome, hook ?? "<nobody>", reason, hasPassed ? "ok" : "FAILED"],
  ]);
  const failures = results.filter(({ hasPassed }) => !hasPassed).map(describeFailure);
  return [formatTable([header, ...rows]), ...failures].join("\n");
}

function describeFailure({ name, differences, trace }: PolicyCaseResult): string {
  const header = ["HOOK", "VERDICT", "REASON", "MESSAGE"];
  const rows = trace.map(({ hook, kind, reason, message, evidence }) => [
    ...[hook, kind, reason, message + ruleOf(evidence)],
  ]);
  const lines = [`${name}:`, ...differences.map((difference) => `  ${difference}`)];
  return `${lines.map((line) => `${printable(line)}\n`).join("")}${formatTable([header, ...rows])}`;
}

function ruleOf(evidence: Readonly<Record<string, unknown>>): string {
  return typeof evidence["rule"] === "string" ? ` (rule ${evidence["rule"]})` : "";
}
