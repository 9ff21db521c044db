import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type {
  BindingObject,
  PolicyRule,
  RoleObject,
} from "../../../services/certificate-authority/access/rbac/objects.ts";
import { compilePolicy } from "../../../services/certificate-authority/access/rbac/policy.ts";
import type { AccessAttributes } from "../../../services/certificate-authority/domain/authorization.ts";
import type { UserInfo } from "../../../services/shared/user-info.ts";

/** The rules of RBAC read aloud: every binding, every rule, every entry. */
function naiveAllows(
  roles: readonly RoleObject[],
  bindings: readonly BindingObject[],
  asking: UserInfo,
  asked: AccessAttributes,
): boolean {
  const namespace = asked.kind === "resource" ? (asked.namespace ?? "") : "";
  return bindings.some((binding) => {
    const inScope = binding.kind === "ClusterRoleBinding" || (namespace !== "" && binding.namespace === namespace);
    const bound = binding.subjects.some(({ kind, name, namespace: of }) => {
      if (kind === "User") return asking.username === name;
      if (kind === "Group") return asking.groups.includes(name);
      return asking.username === `system:serviceaccount:${of}:${name}`;
    });
    const role = roles.find(
      ({ kind, name, namespace: of }) =>
        kind === binding.roleRef.kind &&
        name === binding.roleRef.name &&
        (kind === "ClusterRole" || of === binding.namespace),
    );
    return inScope && bound && role?.rules.some((rule) => naiveRuleAllows(rule, asked));
  });
}

function naiveRuleAllows(rule: PolicyRule, asked: AccessAttributes): boolean {
  const entryMatches = (entries: readonly string[], value: string) =>
    entries.some((entry) => entry === "*" || entry === value);
  if (!entryMatches(rule.verbs, asked.verb)) return false;
  if (asked.kind === "path") {
    return rule.nonResourceURLs.some(
      (url) => url === asked.path || (url.endsWith("*") && asked.path.startsWith(url.slice(0, url.indexOf("*")))),
    );
  }
  const { group, resource, subresource = "", name = "" } = asked;
  const combined = subresource === "" ? resource : `${resource}/${subresource}`;
  return (
    entryMatches(rule.apiGroups, group) &&
    (entryMatches(rule.resources, combined) || (subresource !== "" && rule.resources.includes(`*/${subresource}`))) &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(name))
  );
}

const some = (...values: readonly string[]) => fc.subarray([...values], { minLength: 1 });
const one = <T extends string>(...values: readonly T[]) => fc.constantFrom(...values);

const ruleOf = fc.record<PolicyRule>({
  verbs: some("get", "list", "create", "*"),
  apiGroups: some("", "g", "*"),
  resources: some("r", "r/s", "*/s", "q", "*", "q/t"),
  resourceNames: fc.subarray(["n", "m", "*"], { maxLength: 1 }),
  nonResourceURLs: some("/a", "/a/*", "/b", "*"),
});

const rolesOf = fc.uniqueArray(
  fc
    .record<RoleObject>({
      kind: one("ClusterRole", "Role"),
      name: one("r1", "r2", "r3"),
      namespace: one("ns1", "ns2"),
      labels: fc.constant({}),
      rules: fc.array(ruleOf, { minLength: 1, maxLength: 4 }),
      aggregatedFrom: fc.constant(undefined),
    })
    .map((role) => (role.kind === "ClusterRole" ? { ...role, namespace: "" } : role)),
  { selector: ({ kind, name, namespace }) => `${kind}/${namespace}/${name}`, minLength: 1, maxLength: 8 },
);

const subjectOf = fc.oneof(
  fc.record({ kind: one("User", "Group"), name: one("u1", "u2", "g1", "g2"), namespace: fc.constant("") }),
  fc.record({ kind: fc.constant("ServiceAccount" as const), name: one("sa1", "sa2"), namespace: one("ns1", "ns2") }),
);

/** Bindings to roles that exist: any other policy is refused. */
const policyObjects = rolesOf.chain((roles) =>
  fc.record({
    roles: fc.constant(roles),
    bindings: fc.array(
      fc.record({
        role: fc.constantFrom(...roles),
        asRoleBinding: fc.boolean(),
        namespace: one("ns1", "ns2"),
        subjects: fc.array(subjectOf, { minLength: 1, maxLength: 4 }),
      }),
      { maxLength: 8 },
    ),
  }),
);

const asking = fc.record<UserInfo>({
  username: one("u1", "u2", "g1", "system:serviceaccount:ns1:sa1", "system:serviceaccount:ns2:sa2"),
  uid: fc.constant(""),
  groups: some("g1", "g2", "u1"),
  extra: fc.constant({}),
});

const asked: fc.Arbitrary<AccessAttributes> = fc.oneof(
  fc.record({
    kind: fc.constant("resource" as const),
    verb: one("get", "list", "create", "*", ""),
    group: one("", "g", "h"),
    version: one("v1", "*"),
    resource: one("r", "q", "*"),
    subresource: one("", "s", "t"),
    name: one("", "n", "m", "*"),
    namespace: one("", "ns1", "ns2"),
  }),
  fc.record({
    kind: fc.constant("path" as const),
    verb: one("get", "list", "*"),
    path: one("/a", "/a/", "/a/x", "/b", "/c", ""),
  }),
);

test("the index answers as a walk over every binding and rule does", () => {
  let allowedCount = 0;
  let refusedCount = 0;
  fc.assert(
    fc.property(
      policyObjects,
      fc.array(fc.tuple(asking, asked), { minLength: 5, maxLength: 20 }),
      (drawn, questions) => {
        const bindings = drawn.bindings.map(({ role, asRoleBinding, namespace, subjects }, index): BindingObject => {
          const isNamespaced = asRoleBinding || role.kind === "Role";
          return {
            kind: isNamespaced ? "RoleBinding" : "ClusterRoleBinding",
            name: `b${index}`,
            namespace: !isNamespaced ? "" : role.kind === "Role" ? role.namespace : namespace,
            roleRef: { kind: role.kind, name: role.name },
            subjects,
          };
        });
        const policy = compilePolicy([...drawn.roles, ...bindings]);
        for (const [who, what] of questions) {
          const { allowed, reason } = policy.decide(who, what);
          expect(allowed).toBe(naiveAllows(drawn.roles, bindings, who, what));
          expect(reason !== "").toBe(allowed);
          if (allowed) allowedCount += 1;
          else refusedCount += 1;
          if (!allowed) continue;
          // The binding that the reason names allows it by itself.
          const [, name] = /Binding "(b\d+)"/.exec(reason) ?? [];
          expect(
            naiveAllows(
              drawn.roles,
              bindings.filter((binding) => binding.name === name),
              who,
              what,
            ),
          ).toBe(true);
        }
      },
    ),
    { numRuns: 500 },
  );
  // A generator that only ever draws refusals would prove nothing.
  expect(Math.min(allowedCount, refusedCount)).toBeGreaterThan(300);
});
