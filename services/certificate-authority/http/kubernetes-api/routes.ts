import { StatusError } from "../../../shared/status-error.ts";
import { CSR_GROUP, CSR_RESOURCE, CSR_VERSION, type UpdateTarget } from "../../domain/certificate-signing-request.ts";
import { pathSegmentProblem } from "../../domain/name-rules.ts";
import type { Call, Handler, Route } from "../call.ts";
import { deleteCsr, deleteCsrs } from "./delete.ts";
import type { CsrApiDependencies } from "./dependencies.ts";
import { getCsr, listCsrs } from "./read.ts";
import { watchCsrs } from "./watch.ts";
import { createCsr, patchCsr, replaceCsr } from "./write.ts";

export type { CsrApiDependencies } from "./dependencies.ts";
export { createWatchRegistry, type WatchRegistry } from "./watch-registry.ts";

const BASE = `/apis/${CSR_GROUP}/${CSR_VERSION}/${CSR_RESOURCE}`;
const COLLECTION_SEGMENTS = 4;
/** Slashes at the end do not count. */
const EMPTY_SEGMENT = /\/\/[^/]/;
const TARGETS: ReadonlyMap<string, UpdateTarget> = new Map([
  ["", "main"],
  ["approval", "approval"],
  ["status", "status"],
]);

/** Where Express mounts the resource. */
export function routes(deps: CsrApiDependencies): readonly Route[] {
  const handler = csrHandler(deps);
  return [BASE, `${BASE}/:name`, `${BASE}/:name/:subresource`].map((path) => ({ method: "*", path, handler }));
}

/** CertificateSigningRequests as kube-apiserver serves them: every verb, the object and its two subresources. */
export function csrHandler(deps: CsrApiDependencies): Handler {
  return (call) => {
    const { verb, subresource } = call.info;
    const target = TARGETS.get(subresource);
    if (target === undefined || EMPTY_SEGMENT.test(call.path)) throw notThere();
    if (call.request.method === "HEAD") return refuseMethod(call);
    switch (verb) {
      case "watch":
        return watchCsrs(call, deps);
      case "list":
        return listCsrs(call, deps);
      case "deletecollection":
        return deleteCsrs(call, deps);
      case "create":
        return isCollection(call) ? createCsr(call, deps) : refuseMethod(call);
    }
    if (isCollection(call)) return refuseMethod(call);
    requireName(call.info.name);
    switch (verb) {
      case "get":
        return getCsr(call, deps);
      case "update":
        return replaceCsr(call, deps, target);
      case "patch":
        return patchCsr(call, deps, target);
      case "delete":
        return target === "main" ? deleteCsr(call, deps) : refuseMethod(call);
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
