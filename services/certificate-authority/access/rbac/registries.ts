import type { Clock } from "../../../shared/clock.ts";
import type { Authorizer } from "../../domain/authorization.ts";
import type { ObjectStore } from "../../domain/ports.ts";
import type {
  ClusterRole,
  ClusterRoleBinding,
  ClusterRoleBindingContent,
  ClusterRoleContent,
} from "../../domain/rbac/objects.ts";
import type { Registry } from "../../registry/contract.ts";
import { createRegistry } from "../../registry/registry.ts";
import { createEscalationCheck } from "./escalation.ts";
import { clusterRoleBindingRules, clusterRoleRules } from "./object-rules.ts";
import type { RbacPolicy } from "./policy.ts";

export interface RbacRegistriesDependencies {
  readonly clusterRoles: ObjectStore<ClusterRole>;
  readonly clusterRoleBindings: ObjectStore<ClusterRoleBinding>;
  readonly policy: Pick<RbacPolicy, "rulesFor" | "rulesOfClusterRole">;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  /** A random UUID. */
  newUid(): string;
  /** Five random characters, what `generateName` is completed with. */
  newNameSuffix(): string;
}

export interface RbacRegistries {
  readonly clusterRoles: Registry<ClusterRole, ClusterRoleContent>;
  readonly clusterRoleBindings: Registry<ClusterRoleBinding, ClusterRoleBindingContent>;
}

/** What callers may do with ClusterRoles and ClusterRoleBindings. */
export function createRbacRegistries(deps: RbacRegistriesDependencies): RbacRegistries {
  const { clusterRoles, clusterRoleBindings, policy, ...parts } = deps;
  const escalation = createEscalationCheck({ policy, authorizer: deps.authorizer });
  return {
    clusterRoles: createRegistry({ ...parts, rules: clusterRoleRules(escalation), store: clusterRoles }),
    clusterRoleBindings: createRegistry({
      ...parts,
      rules: clusterRoleBindingRules(escalation),
      store: clusterRoleBindings,
    }),
  };
}
