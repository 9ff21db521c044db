import type { Clock } from "../../../shared/clock.ts";
import { type ObjectMeta, toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import type { ObjectStore } from "../../domain/ports.ts";
import type { ClusterRole, ClusterRoleBinding } from "../../domain/rbac/objects.ts";
import { bindingObjectOf, roleObjectOf } from "./api-objects.ts";
import { buildClusterRole, buildClusterRoleBinding } from "./object-rules.ts";
import type { BindingObject, RbacObject, RoleObject } from "./objects.ts";
import { compilePolicy, type RbacPolicy, requireRoles } from "./policy.ts";
import { planBindings, planRoles, type Step, type Wanted } from "./reconcile.ts";
import { STOCK_OBJECTS } from "./stock-objects.ts";

export interface RbacDependencies {
  readonly clusterRoles: ObjectStore<ClusterRole>;
  readonly clusterRoleBindings: ObjectStore<ClusterRoleBinding>;
  /** Objects of the configured files. */
  readonly files: readonly RbacObject[];
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "error">;
  /** A random UUID. */
  readonly newUid: () => string;
}

/** Who acts when no person does. */
const OURSELVES = "gatehouse";

/**
 * Makes stored roles and bindings what files and stock ask for, and answers by what is stored, from each commit on.
 * Roles and RoleBindings of a namespace are known from files only.
 *
 * @throws {RbacObjectsError} when a binding of a file names a role that does not exist.
 */
export async function openRbac(deps: RbacDependencies): Promise<RbacPolicy> {
  const { clusterRoles, clusterRoleBindings, files } = deps;
  const stored = async () => ({
    roles: (await clusterRoles.list()).items,
    bindings: (await clusterRoleBindings.list()).items,
  });
  const before = await stored();
  const rolesOfFiles = files.filter(isClusterRole);
  requireRoles(files, [...files, ...STOCK_OBJECTS, ...before.roles.map(roleObjectOf)]);
  const roleSteps = planRoles(before.roles, STOCK_OBJECTS.filter(isClusterRole), rolesOfFiles);
  const bindingSteps = planBindings(
    before.bindings,
    STOCK_OBJECTS.filter(isClusterRoleBinding),
    files.filter(isClusterRoleBinding),
  );
  await Promise.all([
    ...roleSteps.map((step) => take(step, clusterRoles, buildClusterRole, deps)),
    ...bindingSteps.map((step) => take(step, clusterRoleBindings, buildClusterRoleBinding, deps)),
  ]);
  const ofNamespaces = files.filter((object) => object.namespace !== "");
  return followStores(deps, ofNamespaces, await stored());
}

function followStores(
  { clusterRoles, clusterRoleBindings, logger }: RbacDependencies,
  ofNamespaces: readonly RbacObject[],
  initial: { readonly roles: readonly ClusterRole[]; readonly bindings: readonly ClusterRoleBinding[] },
): RbacPolicy {
  const roles = new Map(initial.roles.map((role) => [role.metadata.name, roleObjectOf(role)]));
  const bindings = new Map(initial.bindings.map((binding) => [binding.metadata.name, bindingObjectOf(binding)]));
  const compile = (): RbacPolicy => compilePolicy([...roles.values(), ...bindings.values(), ...ofNamespaces]);
  let policy = compile();
  follow(clusterRoles, roles, roleObjectOf);
  follow(clusterRoleBindings, bindings, bindingObjectOf);

  function follow<T extends ApiObject, V>(store: ObjectStore<T>, known: Map<string, V>, read: (object: T) => V): void {
    store.subscribe(
      store.revision(),
      {},
      (changes) => {
        for (const { type, object } of changes) {
          if (type === "DELETED") known.delete(object.metadata.name);
          else known.set(object.metadata.name, read(object));
        }
        policy = compile();
      },
      (err) => logger.error({ err }, "changes of roles and bindings are no longer heeded: restart"),
    );
  }

  return {
    decide: (user, attributes) => policy.decide(user, attributes),
    rulesFor: (user, namespace) => policy.rulesFor(user, namespace),
    rulesOfClusterRole: (name) => policy.rulesOfClusterRole(name),
  };
}

async function take<T extends ApiObject, Content>(
  step: Step<Content>,
  store: ObjectStore<T>,
  build: (metadata: ObjectMeta, content: Content) => T,
  { clock, newUid, logger }: RbacDependencies,
): Promise<void> {
  const { kind, name } = step;
  const stored = await store.get(name);
  if (stored !== undefined && (kind === "remove" || kind === "replace")) await store.remove(name, {}, OURSELVES);
  if (kind === "remove") {
    logger.info({ name }, "removed an RBAC object that no file has any more");
    return;
  }
  const { wanted } = step;
  if (stored !== undefined && kind === "update") {
    const { labels: _l, annotations: _a, ...metadata } = stored.metadata;
    await store.update(build({ ...metadata, ...shown(wanted) }, wanted.content), OURSELVES);
    logger.info({ name }, "brought an RBAC object up to date");
    return;
  }
  const creationTimestamp = toKubernetesTime(clock.now());
  const metadata = { name, uid: newUid(), resourceVersion: "", creationTimestamp, ...shown(wanted) };
  await store.create(build(metadata, wanted.content), OURSELVES);
}

function shown({ labels, annotations }: Wanted<unknown>): Pick<ObjectMeta, "labels" | "annotations"> {
  return {
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

function isClusterRole(object: RbacObject): object is RoleObject {
  return object.kind === "ClusterRole";
}

function isClusterRoleBinding(object: RbacObject): object is BindingObject {
  return object.kind === "ClusterRoleBinding";
}
