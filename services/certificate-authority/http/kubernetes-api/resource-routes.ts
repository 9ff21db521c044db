import { StatusError } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import { pathSegmentProblem } from "../../domain/name-rules.ts";
import type { Call, Handler, Route } from "../call.ts";
import { deleteObject, deleteObjects } from "./delete.ts";
import { getObject, listObjects } from "./read.ts";
import { apiVersionOf, type MetaDraft, type ResourceApi } from "./resource-api.ts";
import { watchObjects } from "./watch.ts";
import { createObject, patchObject, replaceObject } from "./write.ts";

const COLLECTION_SEGMENTS = 4;
/** Slashes at the end do not count. */
const EMPTY_SEGMENT = /\/\/[^/]/;

/** Where Express mounts one kind of object. */
export function resourceRoutes<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  api: ResourceApi<T, Draft, Target>,
): readonly Route[] {
  const handler = resourceHandler(api);
  const base = `/apis/${apiVersionOf(api.type)}/${api.type.names.resource}`;
  return [base, `${base}/:name`, `${base}/:name/:subresource`].map((path) => ({ method: "*", path, handler }));
}

/** One kind of object as kube-apiserver serves it: every verb, the object and its subresources. */
export function resourceHandler<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  api: ResourceApi<T, Draft, Target>,
): Handler {
  return (call) => {
    const { verb, subresource } = call.info;
    const target = api.targets.get(subresource);
    if (target === undefined || EMPTY_SEGMENT.test(call.path)) throw notThere();
    if (call.request.method === "HEAD") return refuseMethod(call);
    switch (verb) {
      case "watch":
        return watchObjects(call, api);
      case "list":
        return listObjects(call, api);
      case "deletecollection":
        return deleteObjects(call, api);
      case "create":
        return isCollection(call) ? createObject(call, api) : refuseMethod(call);
    }
    if (isCollection(call)) return refuseMethod(call);
    requireName(call.info.name);
    switch (verb) {
      case "get":
        return getObject(call, api);
      case "update":
        return replaceObject(call, api, target);
      case "patch":
        return patchObject(call, api, target);
      case "delete":
        return subresource === "" ? deleteObject(call, api) : refuseMethod(call);
      default:
        return refuseMethod(call);
    }
  };
}

/** A name in `call.info` may also come from a field selector, so the path is asked. */
function isCollection(call: Call): boolean {
  return call.path.split("/").filter((segment) => segment !== "").length === COLLECTION_SEGMENTS;
}

/** No object can have such a name, so nothing is looked up. @throws {StatusError} NotFound or BadRequest. */
function requireName(name: string): void {
  if (name.includes("/")) throw notThere();
  const problem = pathSegmentProblem(name, false);
  if (problem !== undefined) throw new StatusError("BadRequest", `the name ${JSON.stringify(name)} ${problem}`);
}

function notThere(): StatusError {
  return new StatusError("NotFound", "the server could not find the requested resource");
}

/** Source: RFC 9110 section 15.5.6; kube-apiserver leaves the header out. */
function refuseMethod(call: Call): never {
  call.response.setHeader("allow", allowedMethods(call));
  throw new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource");
}

function allowedMethods(call: Call): string {
  if (isCollection(call)) return "DELETE, GET, POST";
  return call.info.subresource === "" ? "DELETE, GET, PATCH, PUT" : "GET, PATCH, PUT";
}
