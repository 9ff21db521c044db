import { StatusError } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import { pathSegmentProblem } from "../../domain/name-rules.ts";
import { isPodRecord } from "../../domain/pod-certificate.ts";
import { resourceErrors } from "../../domain/resource-errors.ts";
import type { Call, Handler, Route } from "../call.ts";
import { deleteObject, deleteObjects } from "./delete.ts";
import { getObject, listObjects } from "./read.ts";
import { apiVersionOf, type MetaDraft, type ResourceApi } from "./resource-api.ts";
import { watchObjects } from "./watch.ts";
import { createObject, patchObject, replaceObject } from "./write.ts";

/** `apis`, group, version and plural; the core group has no name. */
const COLLECTION_SEGMENTS = 4;
const NAMESPACE_SEGMENTS = 2;
/** Slashes at the end do not count. */
const EMPTY_SEGMENT = /\/\/[^/]/;

/** Where Express mounts one kind of object. */
export function resourceRoutes<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  api: ResourceApi<T, Draft, Target>,
): readonly Route[] {
  const handler = resourceHandler(api);
  const { names, namespace } = api.type;
  const root = `/${names.group === "" ? "api" : "apis"}/${apiVersionOf(api.type)}`;
  const everywhere = `${root}/${names.resource}`;
  const base = namespace === undefined ? everywhere : `${root}/namespaces/:namespace/${names.resource}`;
  const paths = [base, `${base}/:name`, `${base}/:name/:subresource`];
  return [...new Set([...paths, everywhere])].map((path) => ({ method: "*", path, handler }));
}

/** One kind of object as kube-apiserver serves it: every verb, the object and its subresources. */
export function resourceHandler<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  served: ResourceApi<T, Draft, Target>,
): Handler {
  const { namespace } = served.type;
  const elsewhere = namespace === undefined ? served : nothingOf(served, namespace);
  return (call) => {
    const { verb, subresource } = call.info;
    const isElsewhere = namespace !== undefined && call.info.namespace !== "" && call.info.namespace !== namespace;
    const api = isElsewhere ? elsewhere : served;
    const target = api.targets.get(subresource);
    if (target === undefined || EMPTY_SEGMENT.test(call.path)) throw notThere();
    if (call.request.method === "HEAD" || !isServed(call, api)) return refuseMethod(call, api.verbs);
    switch (verb) {
      case "watch":
        return watchObjects(call, api);
      case "list":
        return listObjects(call, api);
      case "deletecollection":
        return deleteObjects(call, api);
      case "create":
        return isCollection(call) ? createObject(call, api) : refuseMethod(call, api.verbs);
    }
    if (isCollection(call)) return refuseMethod(call, api.verbs);
    const problem = problemOfName(call.info.name);
    return problem === undefined
      ? onObject(call, api, target)
      : whereThere(call, api, problem, () => onObject(call, api, target));
  };
}

function onObject<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  call: Call,
  api: ResourceApi<T, Draft, Target>,
  target: Target,
) {
  const { verb, subresource } = call.info;
  switch (verb) {
    case "get":
      return getObject(call, api);
    case "update":
      return replaceObject(call, api, target);
    case "patch":
      return patchObject(call, api, target);
    case "delete":
      return subresource === "" ? deleteObject(call, api) : refuseMethod(call, api.verbs);
    default:
      return refuseMethod(call, api.verbs);
  }
}

/** A name in `call.info` may also come from a field selector, so the path is asked. */
function isCollection(call: Call): boolean {
  const { apiGroup, namespace } = call.info;
  const expected = COLLECTION_SEGMENTS - (apiGroup === "" ? 1 : 0) + (namespace === "" ? 0 : NAMESPACE_SEGMENTS);
  return call.path.split("/").filter((segment) => segment !== "").length === expected;
}

/** @throws {StatusError} NotFound for what no object can ever be called. @returns why clients cannot name one so. */
function problemOfName(name: string): string | undefined {
  if (name.includes("/")) throw notThere();
  return pathSegmentProblem(name, false);
}

/** Records of pods' requests have names that clients cannot give. @throws {StatusError} BadRequest for all others. */
async function whereThere<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  { info: { name } }: Call,
  { reader }: ResourceApi<T, Draft, Target>,
  problem: string,
  goOn: () => unknown,
): Promise<void> {
  if (!isPodRecord(name) || (await reader.get(name)) === undefined)
    throw new StatusError("BadRequest", `the name ${JSON.stringify(name)} ${problem}`);
  await goOn();
}

function notThere(): StatusError {
  return new StatusError("NotFound", "the server could not find the requested resource");
}

/** Objects of a namespace are made and changed there; across namespaces they are only read. */
function isServed<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  { info }: Call,
  { verbs, type }: ResourceApi<T, Draft, Target>,
): boolean {
  if (verbs !== undefined && !verbs.has(info.verb)) return false;
  return type.namespace === undefined || info.namespace !== "" || info.verb === "list" || info.verb === "watch";
}

/** What a namespace looks like that cannot have such objects. */
function nothingOf<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  api: ResourceApi<T, Draft, Target>,
  namespace: string,
): ResourceApi<T, Draft, Target> {
  const errors = resourceErrors(api.type.names);
  const missing = async (_requester: unknown, name: string): Promise<never> => {
    throw errors.notFound(name);
  };
  return {
    ...api,
    reader: {
      ...api.reader,
      get: async () => undefined,
      list: async () => ({ items: [], revision: api.reader.revision() }),
      subscribe: () => ({ close: () => undefined }),
    },
    writes: {
      create: async (_requester, { metadata }) => {
        throw errors.forbidden(metadata.name, `only namespace ${namespace} has ${api.type.names.resource} here`);
      },
      update: missing,
      remove: missing,
    },
  };
}

/** Source: RFC 9110 section 15.5.6; kube-apiserver leaves the header out. */
function refuseMethod(call: Call, verbs: ReadonlySet<string> | undefined): never {
  call.response.setHeader("allow", allowedMethods(call, verbs).join(", "));
  throw new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource");
}

const COLLECTION_METHODS: readonly (readonly [string, string])[] = [
  ...([
    ["deletecollection", "DELETE"],
    ["list", "GET"],
    ["create", "POST"],
  ] as const),
];
const OBJECT_METHODS: readonly (readonly [string, string])[] = [
  ...([
    ["delete", "DELETE"],
    ["get", "GET"],
    ["patch", "PATCH"],
    ["update", "PUT"],
  ] as const),
];

function allowedMethods(call: Call, verbs: ReadonlySet<string> | undefined): readonly string[] {
  const possible = isCollection(call)
    ? COLLECTION_METHODS
    : OBJECT_METHODS.filter(([verb]) => call.info.subresource === "" || verb !== "delete");
  return possible.filter(([verb]) => verbs === undefined || verbs.has(verb)).map(([, method]) => method);
}
