import { get, type Row } from "../row.ts";

const PLAIN = "application/json";
const aggregated = (version: string): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;

const asked = (path: string, accept: string): Row => ({
  name: `discovery: ${path} ${accept}`,
  asked: [get(path, { headers: { accept } })],
});

const ACCEPTS = [
  PLAIN,
  "*/*",
  "",
  aggregated("v2"),
  aggregated("v2beta1"),
  aggregated("v3"),
  `${aggregated("v2")},${aggregated("v2beta1")},${PLAIN}`,
  `${aggregated("v3")},${PLAIN}`,
  "text/html",
];

const SERVED = [
  "/apis/certificates.k8s.io",
  "/apis/certificates.k8s.io/v1",
  "/apis/authorization.k8s.io/v1",
  "/apis/certificates.k8s.io/v1beta1",
  "/apis/certificates.k8s.io/",
  "/apis/certificates.k8s.io/v1/",
  "/apis/nothing.k8s.io",
  "/apis/nothing.k8s.io/v1",
];

/** What is served, as clients discover it. Of `/apis` only the groups that both serve are compared. */
export const DISCOVERY: readonly Row[] = [
  ...ACCEPTS.map((accept) => asked("/apis", accept)),
  ...[PLAIN, aggregated("v2")].map((accept) => asked("/api", accept)),
  ...SERVED.map((path) => asked(path, PLAIN)),
  ...["/apis/certificates.k8s.io", "/apis/certificates.k8s.io/v1"].flatMap((path) =>
    ["application/yaml", "text/html", aggregated("v2")].map((accept) => asked(path, accept)),
  ),
  asked("/apis/", PLAIN),
  asked("/version", PLAIN),
  asked("/version/", PLAIN),
];
