/**
 * What a request is about, read from its method and URL alone, so that it can be authorized before anything else looks
 * at it. Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go.
 */
export interface RequestInfo {
  /** An object of an API group, as opposed to a plain path such as `/version`. */
  readonly isResource: boolean;
  /** For resources `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for paths the lower-case HTTP method. */
  readonly verb: string;
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
}

const VERBS: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** The name in a field selector `metadata.name=x`, by which a list or watch is one of a single object. */
const SINGLE_NAME = /^metadata\.name==?([^,=!]+)$/;

/**
 * @param path - percent-encoded path without query.
 * @returns undefined when a path segment is not valid percent-encoding.
 */
export function requestInfoOf(method: string, path: string, query: URLSearchParams): RequestInfo | undefined {
  const segments = decodeSegments(path);
  if (segments === undefined) return undefined;
  const isCore = segments[0] === "api";
  // The core group has no name, so its path has a segment less.
  const [root, apiGroup, apiVersion, ...rest] = isCore ? ["api", "", ...segments.slice(1)] : segments;
  const resourceSegments = rest.filter((segment) => segment !== "");
  const isResource = isCore || (root === "apis" && Boolean(apiGroup));
  if (!isResource || !apiVersion || resourceSegments.length === 0) return pathInfo(method, path);
  const { namespace, parts } = splitNamespace(resourceSegments);
  const [resource = "", pathName = "", ...subresource] = parts;
  return {
    isResource: true,
    verb: resourceVerb(method, pathName, query),
    apiGroup: apiGroup ?? "",
    apiVersion,
    resource,
    subresource: subresource.join("/"),
    namespace,
    name: pathName || selectedName(query),
    path,
  };
}

function pathInfo(method: string, path: string): RequestInfo {
  const none = { apiGroup: "", apiVersion: "", resource: "", subresource: "", namespace: "", name: "" };
  return { isResource: false, verb: method === "HEAD" ? "get" : method.toLowerCase(), ...none, path };
}

function decodeSegments(path: string): string[] | undefined {
  try {
    return path
      .slice(1)
      .split("/")
      .map(path.includes("%") ? decodeURIComponent : identity);
  } catch {
    return undefined;
  }
}

const identity = (segment: string): string => segment;

function splitNamespace(segments: readonly string[]): { namespace: string; parts: readonly string[] } {
  const [first, namespace = ""] = segments;
  if (first !== "namespaces" || segments.length < 3) return { namespace: "", parts: segments };
  return { namespace, parts: segments.slice(2) };
}

function resourceVerb(method: string, pathName: string, query: URLSearchParams): string {
  const verb = VERBS[method] ?? method.toLowerCase();
  if (pathName !== "") return verb;
  if (verb === "delete") return "deletecollection";
  if (verb !== "get") return verb;
  return isTrue(query.get("watch")) ? "watch" : "list";
}

function selectedName(query: URLSearchParams): string {
  const selector = query.get("fieldSelector");
  return selector === null ? "" : (SINGLE_NAME.exec(selector)?.[1] ?? "");
}

/** Kubernetes reads every boolean option that is present as true, but for `0` and `false` in any case. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}
