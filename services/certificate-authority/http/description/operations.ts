import { META } from "./meta-schemas.ts";
import type { GroupVersionKind, Json, Schema } from "./schema.ts";
import { flag, integer, text } from "./schema.ts";
import type { ServedGroupVersion, ServedResource } from "./served-resources.ts";

/** One method of one path, in a form from which both dialects of OpenAPI are rendered. */
export interface Operation {
  readonly path: string;
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  readonly operationId: string;
  readonly description: string;
  /** Kubernetes' word for what the operation does; undefined for discovery. */
  readonly action: string | undefined;
  readonly kind: GroupVersionKind | undefined;
  readonly parameters: readonly Parameter[];
  readonly body:
    | { readonly mediaTypes: readonly string[]; readonly schema: string; readonly required: boolean }
    | undefined;
  /** Successful answers: code to the name of the body's schema. */
  readonly answers: Readonly<Record<number, string>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "path";
  readonly schema: Schema;
}

export const OBJECT_TYPES = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const PATCH_TYPES = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
];

const query = (name: string, schema: Schema): Parameter => ({ name, in: "query", schema });

const PRETTY = query("pretty", text("With true, the answer is indented for people."));
const DRY_RUN = query(
  "dryRun",
  text("With All, everything is checked and answered as usual, and nothing is stored. No other value is accepted."),
);
const FIELD_MANAGER = query("fieldManager", text("Name of the party that makes the change, up to 128 characters."));
const FIELD_VALIDATION = query(
  "fieldValidation",
  text(
    "What to do about unknown and duplicate fields: Ignore them, Warn about them (the default), or be Strict and refuse the request.",
  ),
);
const FORCE = query("force", flag("Only for server-side apply, which is not served."));
const WRITE = [PRETTY, DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];

const SELECT = [
  query("labelSelector", text("Only objects whose labels fit this selector.")),
  query("fieldSelector", text("Only objects whose metadata.name, or spec.signerName of requests, fits this selector.")),
  query("limit", integer("int64", "At most so many objects in one answer; metadata.continue tells how to go on.")),
  query("continue", text("Token from the previous page's metadata.continue.")),
  query("resourceVersion", text("Revision the answer must not be older than; for a watch, the one to start after.")),
  query("resourceVersionMatch", text("Exact or NotOlderThan: how resourceVersion is meant for a list.")),
  query("timeoutSeconds", integer("int64", "Ends a list or watch after so many seconds.")),
];
const WATCH = [
  query("watch", flag("Streams changes instead of listing.")),
  query("allowWatchBookmarks", flag("Accepts events of type BOOKMARK, which only tell how far the watch has come.")),
  query("sendInitialEvents", flag("Begins a watch with all existing objects and a bookmark that ends them.")),
];
const DELETE = [
  PRETTY,
  DRY_RUN,
  query("gracePeriodSeconds", integer("int64", "Seconds to wait before deleting; nothing waits here.")),
  query("orphanDependents", flag("Deprecated in favour of propagationPolicy.")),
  query("propagationPolicy", text("What happens to dependents: Orphan, Background or Foreground.")),
];
const NAMESPACE: Parameter = { name: "namespace", in: "path", schema: text("Namespace of the object.") };
const NAME: Parameter = { name: "name", in: "path", schema: text("Name of the object.") };

/** Where a group and version is, without a slash at either end. */
export function pathOf({ group, version }: Pick<ServedGroupVersion, "group" | "version">): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

/** The operations of one group and version, discovery included. */
export function operationsOf(served: ServedGroupVersion): readonly Operation[] {
  const base = `/${pathOf(served)}`;
  const discovery: Operation = {
    path: `${base}/`,
    method: "get",
    operationId: `get${idOf(served)}APIResources`,
    description: "Lists the resources of this group and version.",
    action: undefined,
    kind: undefined,
    parameters: [],
    body: undefined,
    answers: { 200: META.resourceList },
  };
  const operations = served.resources.flatMap((resource) =>
    resourceOperations(served, resource, base)
      .filter((operation) => isServed(operation, resource))
      .map(inNamespace),
  );
  return [discovery, ...operations];
}

/** The verb by which discovery knows an action. */
const VERBS: Readonly<Record<string, string>> = { post: "create", put: "update" };

function isServed({ action = "" }: Operation, { verbs, subresources }: ServedResource): boolean {
  const verb = VERBS[action] ?? action;
  return verbs.includes(verb) || subresources.some((subresource) => subresource.verbs.includes(verb));
}

function inNamespace(operation: Operation): Operation {
  if (!operation.path.includes("{namespace}")) return operation;
  return { ...operation, parameters: [NAMESPACE, ...operation.parameters] };
}

function resourceOperations(served: ServedGroupVersion, resource: ServedResource, base: string): readonly Operation[] {
  const collection = resource.isNamespaced
    ? `${base}/namespaces/{namespace}/${resource.name}`
    : `${base}/${resource.name}`;
  const shared = { kind: { group: served.group, version: served.version, kind: resource.kind } };
  const id = `${idOf(served)}${resource.kind}`;
  const create: Operation = {
    ...shared,
    path: collection,
    method: "post",
    operationId: `create${id}`,
    description: `Creates a ${resource.kind}.`,
    action: "post",
    parameters: WRITE,
    body: { mediaTypes: OBJECT_TYPES, schema: resource.schema, required: true },
    answers: { 201: resource.schema },
  };
  if (resource.listSchema === undefined) return [create];
  const item = `${collection}/{name}`;
  const isWatched = resource.verbs.includes("watch");
  return [
    {
      ...shared,
      path: collection,
      method: "get",
      operationId: `list${id}`,
      description: `Lists objects of kind ${resource.kind}${isWatched ? ", or watches them" : ""}.`,
      action: "list",
      parameters: [PRETTY, ...SELECT, ...(isWatched ? WATCH : [])],
      body: undefined,
      answers: { 200: resource.listSchema },
    },
    create,
    {
      ...deletion(shared.kind, collection, `deleteCollection${id}`, [...DELETE, ...SELECT]),
      action: "deletecollection",
    },
    ...itemOperations(shared.kind, item, id, resource.schema, ""),
    deletion(shared.kind, item, `delete${id}`, [NAME, ...DELETE]),
    ...resource.subresources.flatMap(({ name }) =>
      itemOperations(shared.kind, `${item}/${name}`, id, resource.schema, name),
    ),
  ];
}

function itemOperations(
  kind: GroupVersionKind,
  path: string,
  id: string,
  schema: string,
  subresource: string,
): readonly Operation[] {
  const suffix = subresource.charAt(0).toUpperCase() + subresource.slice(1);
  const what = subresource === "" ? `a ${kind.kind}` : `the ${subresource} of a ${kind.kind}`;
  const shared = { path, kind, answers: { 200: schema } };
  const named = (parameters: readonly Parameter[]): readonly Parameter[] => [NAME, ...parameters];
  return [
    {
      ...shared,
      method: "get",
      operationId: `read${id}${suffix}`,
      description: `Reads ${what}.`,
      action: "get",
      parameters: named([PRETTY]),
      body: undefined,
    },
    {
      ...shared,
      method: "put",
      operationId: `replace${id}${suffix}`,
      description: `Replaces ${what}.`,
      action: "put",
      parameters: named(WRITE),
      body: { mediaTypes: OBJECT_TYPES, schema, required: true },
    },
    {
      ...shared,
      method: "patch",
      operationId: `patch${id}${suffix}`,
      description: `Changes ${what} by a patch.`,
      action: "patch",
      parameters: named([...WRITE, FORCE]),
      body: { mediaTypes: PATCH_TYPES, schema: META.patch, required: true },
    },
  ];
}

function deletion(
  kind: GroupVersionKind,
  path: string,
  operationId: string,
  parameters: readonly Parameter[],
): Operation {
  const body = { mediaTypes: OBJECT_TYPES, schema: META.deleteOptions, required: false };
  const description = path.endsWith("{name}") ? `Deletes a ${kind.kind}.` : `Deletes objects of kind ${kind.kind}.`;
  return {
    path,
    method: "delete",
    operationId,
    description,
    action: "delete",
    kind,
    parameters,
    body,
    answers: { 200: META.status },
  };
}

/** The `paths` object of either dialect. */
export function renderPaths(operations: readonly Operation[], render: (operation: Operation) => Json): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: render(operation) };
  }
  return paths;
}

/** For example `CertificatesV1`. */
function idOf({ group, version }: ServedGroupVersion): string {
  const [name = ""] = (group || "core").split(".");
  return [name, version].map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
}
