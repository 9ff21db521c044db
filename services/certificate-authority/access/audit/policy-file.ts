import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { z } from "zod";
import { AUDIT_LEVELS, AUDIT_STAGES, type AuditPolicy } from "./policy.ts";

/** An audit policy, or a sink's settings, that cannot be used; the message names every problem and where it stands. */
export class AuditConfigurationError extends Error {
  override readonly name = "AuditConfigurationError";
}

const GROUP = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Kubernetes writes an empty list as `null` too. */
const list = <Item extends z.ZodType>(item: Item) =>
  z
    .array(item)
    .nullish()
    .transform((items) => items ?? []);
const stages = list(z.enum(AUDIT_STAGES));
// There are no managedFields here to leave out, so either value is honoured.
const omitManagedFields = z.boolean().nullish();

const resourcesSchema = z
  .strictObject({
    group: z.string().default(""),
    resources: list(z.string()),
    resourceNames: list(z.string()),
  })
  .superRefine(({ group, resources, resourceNames }, context) => {
    if (group !== "" && !GROUP.test(group))
      context.addIssue({ code: "custom", path: ["group"], message: "must be an API group without its version" });
    if (resourceNames.length > 0 && resources.length === 0)
      context.addIssue({ code: "custom", path: ["resourceNames"], message: "needs at least one entry in resources" });
  });

const pathSchema = z.string().superRefine((pattern, context) => {
  if (pattern === "*") return;
  if (!pattern.startsWith("/")) context.addIssue({ code: "custom", message: "must be * or begin with /" });
  if (pattern.slice(0, -1).includes("*"))
    context.addIssue({ code: "custom", message: "may have * as its last character only" });
});

const ruleSchema = z
  .strictObject({
    level: z.enum(AUDIT_LEVELS),
    users: list(z.string()),
    userGroups: list(z.string()),
    verbs: list(z.string()),
    resources: list(resourcesSchema),
    namespaces: list(z.string()),
    nonResourceURLs: list(pathSchema),
    omitStages: stages,
    omitManagedFields,
  })
  .refine((rule) => rule.nonResourceURLs.length === 0 || rule.resources.length + rule.namespaces.length === 0, {
    path: ["nonResourceURLs"],
    message: "a rule is about paths or about resources, not both",
  })
  .transform(({ nonResourceURLs, omitManagedFields: _ignored, ...rule }) => ({
    ...rule,
    nonResourceUrls: nonResourceURLs,
  }));

const policySchema = z.strictObject({
  apiVersion: z.literal("audit.k8s.io/v1"),
  kind: z.literal("Policy"),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  omitStages: stages,
  omitManagedFields,
  rules: z.array(ruleSchema).min(1, "must have at least one rule"),
});

/**
 * Reads an audit policy as kube-apiserver's `--audit-policy-file` has it, more strictly in one thing: a field that is
 * not known is an error.
 *
 * @throws {AuditConfigurationError} naming every problem by its path.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/apis/audit/validation/validation.go.
 */
export function readPolicyFile(path: string): AuditPolicy {
  return parsePolicy(readText(path), path);
}

/** @param origin - what the text is called in messages. @throws {AuditConfigurationError} as `readPolicyFile`. */
export function parsePolicy(text: string, origin: string): AuditPolicy {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw new AuditConfigurationError(`${origin} is not valid YAML: ${problem.message}`);
  const parsed = policySchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (parsed.success) return { omitStages: parsed.data.omitStages, rules: parsed.data.rules };
  throw new AuditConfigurationError(`the audit policy ${origin} is not valid:\n${z.prettifyError(parsed.error)}`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AuditConfigurationError(`cannot read the audit policy ${path}: ${(cause as Error).message}`, { cause });
  }
}
