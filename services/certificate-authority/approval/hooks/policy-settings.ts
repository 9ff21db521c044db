import type { z } from "zod";
import { type PolicyEntry, policyShape } from "./policy/schema.ts";
import type { PolicySettings } from "./policy/source.ts";

export { policyShape };

/** What is wrong with where the rules are. */
export function checkPolicySource({ file, rules, variables }: PolicySettings, context: z.RefinementCtx): void {
  const message =
    (file === undefined) === (rules === undefined)
      ? "a policy has either a file or rules"
      : file !== undefined && variables !== undefined && "variables of a file are set in the file";
  if (message) context.addIssue({ code: "custom", message });
}

/** @param absolute - resolves a path of the configuration file. */
export function resolvePolicyPaths<T extends PolicySettings>(settings: T, absolute: (path: string) => string): T {
  const { file, rules } = settings;
  const resolved = (entry: PolicyEntry): PolicyEntry =>
    "include" in entry ? { ...entry, include: absolute(entry.include) } : entry;
  return {
    ...settings,
    ...(file !== undefined && { file: absolute(file) }),
    ...(rules !== undefined && { rules: rules.map(resolved) }),
  };
}
