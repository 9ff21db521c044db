import { expect, test } from "@jest/globals";
import { requestInfoOf } from "../../../services/certificate-authority/http/request-info.ts";

const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

test.each([
  { name: "collection GET", method: "GET", url: CSRS, verb: "list", object: "", sub: "" },
  { name: "collection GET with watch", method: "GET", url: `${CSRS}?watch=true`, verb: "watch", object: "", sub: "" },
  {
    name: "an empty watch option means true",
    method: "GET",
    url: `${CSRS}?watch=`,
    verb: "watch",
    object: "",
    sub: "",
  },
  { name: "watch=1", method: "GET", url: `${CSRS}?watch=1`, verb: "watch", object: "", sub: "" },
  { name: "watch=False lists", method: "GET", url: `${CSRS}?watch=False`, verb: "list", object: "", sub: "" },
  { name: "watch=0 lists", method: "GET", url: `${CSRS}?watch=0`, verb: "list", object: "", sub: "" },
  {
    name: "one name selected",
    method: "GET",
    url: `${CSRS}?fieldSelector=metadata.name%3Dcsr-a`,
    verb: "list",
    object: "csr-a",
    sub: "",
  },
  {
    name: "a name excluded is no name",
    method: "GET",
    url: `${CSRS}?fieldSelector=metadata.name!%3Dcsr-a`,
    verb: "list",
    object: "",
    sub: "",
  },
  { name: "POST", method: "POST", url: CSRS, verb: "create", object: "", sub: "" },
  { name: "collection DELETE", method: "DELETE", url: CSRS, verb: "deletecollection", object: "", sub: "" },
  { name: "object GET", method: "GET", url: `${CSRS}/a`, verb: "get", object: "a", sub: "" },
  {
    name: "an object GET with watch stays a get",
    method: "GET",
    url: `${CSRS}/a?watch=true`,
    verb: "get",
    object: "a",
    sub: "",
  },
  { name: "HEAD is a get", method: "HEAD", url: `${CSRS}/a`, verb: "get", object: "a", sub: "" },
  { name: "PUT approval", method: "PUT", url: `${CSRS}/a/approval`, verb: "update", object: "a", sub: "approval" },
  { name: "PATCH status", method: "PATCH", url: `${CSRS}/a/status`, verb: "patch", object: "a", sub: "status" },
  { name: "object DELETE", method: "DELETE", url: `${CSRS}/a`, verb: "delete", object: "a", sub: "" },
  { name: "an escaped name", method: "GET", url: `${CSRS}/a%3Ab`, verb: "get", object: "a:b", sub: "" },
])("requestInfoOf: $name", ({ method, url, verb, object, sub }) => {
  const [path = "", query = ""] = url.split("?");
  expect(requestInfoOf(method, path, new URLSearchParams(query))).toEqual({
    isResource: true,
    verb,
    apiGroup: "certificates.k8s.io",
    apiVersion: "v1",
    resource: "certificatesigningrequests",
    subresource: sub,
    namespace: "",
    name: object,
    path,
  });
});

test.each([
  { path: "/version", method: "GET", verb: "get" },
  { path: "/apis", method: "GET", verb: "get" },
  { path: "/apis/certificates.k8s.io/v1", method: "GET", verb: "get" },
  { path: "/apis/certificates.k8s.io/v1/", method: "GET", verb: "get" },
  { path: "/v1/bootstrap-tokens", method: "POST", verb: "post" },
  { path: "/healthz", method: "HEAD", verb: "get" },
  { path: "/api/v1", method: "GET", verb: "get" },
  { path: "/api", method: "GET", verb: "get" },
])("requestInfoOf: $method $path is a path", ({ path, method, verb }) => {
  expect(requestInfoOf(method, path, new URLSearchParams())).toMatchObject({ isResource: false, verb, path, name: "" });
});

test("requestInfoOf: the core group has no name, and its resources namespaces", () => {
  const path = "/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef";
  expect(requestInfoOf("DELETE", path, new URLSearchParams())).toEqual({
    ...{ isResource: true, verb: "delete", apiGroup: "", apiVersion: "v1", namespace: "kube-system", path },
    ...{ resource: "secrets", subresource: "", name: "bootstrap-token-abcdef" },
  });
});

test("requestInfoOf: broken percent-encoding is refused", () => {
  expect(requestInfoOf("GET", `${CSRS}/%zz`, new URLSearchParams())).toBeUndefined();
});

test("requestInfoOf: a namespaced path keeps its namespace", () => {
  const info = requestInfoOf("POST", "/apis/g.example/v1/namespaces/n/things/x/y", new URLSearchParams());
  expect(info).toMatchObject({ namespace: "n", resource: "things", name: "x", subresource: "y", verb: "create" });
});
