import type { ApiObject } from "../../domain/api-object.ts";
import type {
  ClusterRole,
  ClusterRoleBinding,
  ClusterRoleBindingContent,
  ClusterRoleContent,
  SubjectFields,
} from "../../domain/rbac/objects.ts";
import { isSameValue } from "../../domain/same-value.ts";
import { bindingContentOf, fieldsOf, roleContentOf, ruleOf } from "./api-objects.ts";
import { uncoveredRights } from "./covers.ts";
import { isManaged, MANAGED_ANNOTATION, MANAGED_BY_FILES } from "./managed.ts";
import type { BindingObject, RoleObject } from "./objects.ts";

/** With `false` an administrator keeps a stock object as it is. */
const AUTO_UPDATE_ANNOTATION = "rbac.authorization.kubernetes.io/autoupdate";
const STOCK_LABELS = { "kubernetes.io/bootstrapping": "rbac-defaults" };

type Labels = Readonly<Record<string, string>>;

/** What an object is to be. */
export interface Wanted<Content> {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly content: Content;
}

/** What is to be done about one name. `replace` removes the object first: what a binding grants cannot be changed. */
export type Step<Content> =
  | { readonly kind: "create" | "update" | "replace"; readonly name: string; readonly wanted: Wanted<Content> }
  | { readonly kind: "remove"; readonly name: string };

/** How the objects of one kind are compared and completed. */
interface Kind<T extends ApiObject, Source, Content> {
  nameOf(source: Source): string;
  labelsOf(source: Source): Labels;
  contentOf(source: Source): Content;
  contentIn(stored: T): Content;
  /** Whether the stored object has to give way to one of the same name. */
  isOther(stored: T, wanted: Content): boolean;
  /** The stored content and what it lacks of `wanted`. */
  completed(stored: T, wanted: Content): Content;
}

/**
 * What a start has to do, so that files are what the API shows and stock objects are complete.
 *
 * Objects of files are exactly what their file says; one that no file has any more goes. Stock objects that no file
 * replaces get back what they lack, and are made again when somebody removed them, unless they say otherwise; what
 * was added to them stays.
 *
 * Source: kubernetes staging/src/k8s.io/component-helpers/auth/rbac/reconciliation.
 */
function plan<T extends ApiObject, Source, Content>(
  kind: Kind<T, Source, Content>,
  stored: readonly T[],
  stock: readonly Source[],
  files: readonly Source[],
): readonly Step<Content>[] {
  const known = new Map(stored.map((object) => [object.metadata.name, object]));
  const fromFiles = new Map(files.map((source) => [kind.nameOf(source), source]));
  const orphans = stored.filter(({ metadata }) => isManaged(metadata) && !fromFiles.has(metadata.name));
  for (const { metadata } of orphans) known.delete(metadata.name);
  return [
    ...orphans.map(({ metadata }) => ({ kind: "remove", name: metadata.name }) as const),
    ...stock
      .filter((source) => !fromFiles.has(kind.nameOf(source)))
      .flatMap((source) => stockStep(kind, known.get(kind.nameOf(source)), source)),
    ...files.flatMap((source) => fileStep(kind, known.get(kind.nameOf(source)), source)),
  ];
}

function fileStep<T extends ApiObject, Source, Content>(
  kind: Kind<T, Source, Content>,
  stored: T | undefined,
  source: Source,
): readonly Step<Content>[] {
  const name = kind.nameOf(source);
  const annotations = { [MANAGED_ANNOTATION]: MANAGED_BY_FILES };
  const wanted = { labels: kind.labelsOf(source), annotations, content: kind.contentOf(source) };
  if (stored === undefined) return [{ kind: "create", name, wanted }];
  if (kind.isOther(stored, wanted.content)) return [{ kind: "replace", name, wanted }];
  return isAsWanted(kind, stored, wanted) ? [] : [{ kind: "update", name, wanted }];
}

function stockStep<T extends ApiObject, Source, Content>(
  kind: Kind<T, Source, Content>,
  stored: T | undefined,
  source: Source,
): readonly Step<Content>[] {
  const name = kind.nameOf(source);
  const annotations = { [AUTO_UPDATE_ANNOTATION]: "true" };
  const fresh = { labels: { ...STOCK_LABELS, ...kind.labelsOf(source) }, annotations, content: kind.contentOf(source) };
  if (stored === undefined) return [{ kind: "create", name, wanted: fresh }];
  const { metadata } = stored;
  if (metadata.annotations?.[AUTO_UPDATE_ANNOTATION] === "false") return [];
  if (kind.isOther(stored, fresh.content)) return [{ kind: "replace", name, wanted: fresh }];
  const wanted = {
    labels: { ...fresh.labels, ...metadata.labels },
    annotations: { ...annotations, ...metadata.annotations },
    content: kind.completed(stored, fresh.content),
  };
  return isAsWanted(kind, stored, wanted) ? [] : [{ kind: "update", name, wanted }];
}

function isAsWanted<T extends ApiObject, Source, Content>(
  kind: Kind<T, Source, Content>,
  stored: T,
  { labels, annotations, content }: Wanted<Content>,
): boolean {
  const { metadata } = stored;
  return (
    isSameValue(metadata.labels ?? {}, labels) &&
    isSameValue(metadata.annotations ?? {}, annotations) &&
    isSameValue(kind.contentIn(stored), content)
  );
}

const ROLES: Kind<ClusterRole, RoleObject, ClusterRoleContent> = {
  nameOf: ({ name }) => name,
  labelsOf: ({ labels }) => labels,
  contentOf: roleContentOf,
  contentIn: ({ rules, aggregationRule }) => ({ rules, ...(aggregationRule && { aggregationRule }) }),
  isOther: () => false,
  completed({ rules }, wanted) {
    const missing = uncoveredRights((rules ?? []).map(ruleOf), (wanted.rules ?? []).map(ruleOf));
    // A stock role that somebody made an aggregating one would grant nothing of its own.
    return { rules: missing.length === 0 ? rules : [...(rules ?? []), ...missing.map(fieldsOf)] };
  },
};

const BINDINGS: Kind<ClusterRoleBinding, BindingObject, ClusterRoleBindingContent> = {
  nameOf: ({ name }) => name,
  labelsOf: () => ({}),
  contentOf: bindingContentOf,
  contentIn: ({ subjects, roleRef }) => ({ ...(subjects && { subjects }), roleRef }),
  isOther: (stored, { roleRef }) => !isSameValue(stored.roleRef, roleRef),
  completed({ subjects = [], roleRef }, wanted) {
    const lacks = (subject: SubjectFields): boolean => !subjects.some((held) => isSameValue(held, subject));
    const all = [...subjects, ...(wanted.subjects ?? []).filter(lacks)];
    return { ...(all.length > 0 && { subjects: all }), roleRef };
  },
};

export function planRoles(
  stored: readonly ClusterRole[],
  stock: readonly RoleObject[],
  files: readonly RoleObject[],
): readonly Step<ClusterRoleContent>[] {
  return plan(ROLES, stored, stock, files);
}

export function planBindings(
  stored: readonly ClusterRoleBinding[],
  stock: readonly BindingObject[],
  files: readonly BindingObject[],
): readonly Step<ClusterRoleBindingContent>[] {
  return plan(BINDINGS, stored, stock, files);
}
