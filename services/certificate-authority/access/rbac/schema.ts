import { z } from "zod";
import { isDnsLabel, isDnsSubdomain } from "../../../shared/dns-names.ts";
import type { BindingObject, RbacObject, RoleObject } from "./objects.ts";

/**
 * RBAC objects as YAML or JSON carries them, turned into ours. Everything Kubernetes would refuse is refused, and so are
 * unknown keys and patterns that could never match: a rule that silently grants nothing, or more than its author
 * thought, is worse than a start that fails.
 *
 * Source: kubernetes pkg/apis/rbac/validation/validation.go, pkg/apis/rbac/v1/defaults.go.
 */
const RBAC_GROUP = "rbac.authorization.k8s.io";

const apiVersion = z.literal(`${RBAC_GROUP}/v1`);

const objectName = z
  .string()
  .min(1)
  .refine((name) => name !== "." && name !== ".." && !/[/%]/.test(name), "must not be '.', '..' or contain '/' or '%'");

const namespaceName = z.string().refine(isDnsLabel, "must be a DNS-1123 label");

const labels = z.record(z.string(), z.string());

/** What a server adds to an object that was read from it; accepted so that an export can be used as it is. */
const serverFields = {
  annotations: labels.nullish(),
  creationTimestamp: z.unknown().optional(),
  finalizers: z.unknown().optional(),
  generation: z.unknown().optional(),
  managedFields: z.unknown().optional(),
  ownerReferences: z.unknown().optional(),
  resourceVersion: z.unknown().optional(),
  selfLink: z.unknown().optional(),
  uid: z.unknown().optional(),
};

const clusterMetadata = z.strictObject({ name: objectName, labels: labels.nullish(), ...serverFields });
const namespacedMetadata = clusterMetadata.extend({ namespace: namespaceName });

const strings = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);
const nonEmptyStrings = z.array(z.string().min(1, "must not be empty")).nullish();

const path = z.string().regex(/^(\*|\/[^*]*\*?)$/, "must be '*' or begin with '/', with '*' allowed at its end only");

const rule = z
  .strictObject({
    verbs: z.array(z.string().min(1, "must not be empty")).min(1, "at least one verb is required"),
    apiGroups: strings,
    resources: nonEmptyStrings.transform((list) => list ?? []),
    resourceNames: strings,
    nonResourceURLs: z
      .array(path)
      .nullish()
      .transform((list) => list ?? []),
  })
  .superRefine((value, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
    if (value.nonResourceURLs.length > 0) {
      const mixed = value.apiGroups.length + value.resources.length + value.resourceNames.length > 0;
      if (mixed) problem("nonResourceURLs", "a rule applies either to resources or to paths, not to both");
      return;
    }
    if (value.apiGroups.length === 0) problem("apiGroups", "a rule for resources needs at least one API group");
    if (value.resources.length === 0) problem("resources", "a rule for resources needs at least one resource");
  });

const namespacedRule = rule.refine((value) => value.nonResourceURLs.length === 0, {
  path: ["nonResourceURLs"],
  message: "a Role is of one namespace and cannot grant paths",
});

const requirement = z
  .strictObject({
    key: z.string().min(1),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: strings,
  })
  .refine(({ operator, values }) => (operator === "In" || operator === "NotIn") === values.length > 0, {
    path: ["values"],
    message: "In and NotIn need values, Exists and DoesNotExist take none",
  });

const selector = z.strictObject({
  matchLabels: labels.nullish().transform((value) => value ?? {}),
  matchExpressions: z
    .array(requirement)
    .nullish()
    .transform((list) => list ?? []),
});

const aggregationRule = z.strictObject({
  clusterRoleSelectors: z.array(selector).min(1, "at least one selector is required"),
});

const clusterRole = z
  .strictObject({
    apiVersion,
    kind: z.literal("ClusterRole"),
    metadata: clusterMetadata,
    rules: z.array(rule).nullish(),
    aggregationRule: aggregationRule.nullish(),
  })
  .transform(
    ({ kind, metadata, rules, aggregationRule: aggregation }): RoleObject => ({
      kind,
      name: metadata.name,
      namespace: "",
      labels: metadata.labels ?? {},
      rules: rules ?? [],
      aggregatedFrom: aggregation?.clusterRoleSelectors,
    }),
  );

const role = z
  .strictObject({
    apiVersion,
    kind: z.literal("Role"),
    metadata: namespacedMetadata,
    rules: z.array(namespacedRule).nullish(),
  })
  .transform(
    ({ kind, metadata, rules }): RoleObject => ({
      kind,
      name: metadata.name,
      namespace: metadata.namespace,
      labels: metadata.labels ?? {},
      rules: rules ?? [],
      aggregatedFrom: undefined,
    }),
  );

const rbacGroup = z.literal([RBAC_GROUP, ""]).nullish();

const named = z.strictObject({
  kind: z.enum(["User", "Group"]),
  apiGroup: rbacGroup,
  name: z.string().min(1, "must not be empty"),
  namespace: z.literal("").optional(),
});

const serviceAccount = z.strictObject({
  kind: z.literal("ServiceAccount"),
  apiGroup: z.literal("").optional(),
  name: z.string().refine(isDnsSubdomain, "must be a DNS-1123 subdomain"),
  namespace: namespaceName.optional(),
});

const subject = z.discriminatedUnion("kind", [named, serviceAccount]);

const clusterRoleBinding = z
  .strictObject({
    apiVersion,
    kind: z.literal("ClusterRoleBinding"),
    metadata: clusterMetadata,
    roleRef: z.strictObject({ apiGroup: rbacGroup, kind: z.literal("ClusterRole"), name: objectName }),
    subjects: z.array(subject).nullish(),
  })
  .superRefine(({ subjects }, context) => {
    for (const [index, { kind, namespace }] of (subjects ?? []).entries()) {
      if (kind !== "ServiceAccount" || namespace !== undefined) continue;
      const message = "a ServiceAccount needs its namespace here";
      context.addIssue({ code: "custom", path: ["subjects", index, "namespace"], message });
    }
  })
  .transform((object) => bindingOf(object, ""));

const roleBinding = z
  .strictObject({
    apiVersion,
    kind: z.literal("RoleBinding"),
    metadata: namespacedMetadata,
    roleRef: z.strictObject({ apiGroup: rbacGroup, kind: z.enum(["ClusterRole", "Role"]), name: objectName }),
    subjects: z.array(subject).nullish(),
  })
  .transform((object) => bindingOf(object, object.metadata.namespace));

type ParsedBinding = {
  readonly kind: BindingObject["kind"];
  readonly metadata: { readonly name: string };
  readonly roleRef: { readonly kind: "ClusterRole" | "Role"; readonly name: string };
  readonly subjects?: readonly z.infer<typeof subject>[] | null | undefined;
};

function bindingOf({ kind, metadata, roleRef, subjects }: ParsedBinding, namespace: string): BindingObject {
  return {
    kind,
    name: metadata.name,
    namespace,
    roleRef: { kind: roleRef.kind, name: roleRef.name },
    subjects: (subjects ?? []).map((entry) => ({
      kind: entry.kind,
      name: entry.name,
      namespace: entry.kind === "ServiceAccount" ? (entry.namespace ?? namespace) : "",
    })),
  };
}

/** One object of the four RBAC kinds, from parsed YAML. */
export const rbacObjectSchema: z.ZodType<RbacObject> = z.discriminatedUnion("kind", [
  clusterRole,
  role,
  clusterRoleBinding,
  roleBinding,
]);
