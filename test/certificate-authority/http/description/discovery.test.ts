import { expect, test } from "@jest/globals";
import request from "supertest";
import { routes } from "../../../../services/certificate-authority/http/description/routes.ts";
import { SERVED } from "../../../../services/certificate-authority/http/description/served-resources.ts";
import { appOf } from "../../../builders/edge.ts";

const app = appOf(routes({ version: "1.2.3" }));
const aggregatedType = (version: string): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
/** What kubectl 1.32 sends. */
const KUBECTL_ACCEPT = `${aggregatedType("v2")},${aggregatedType("v2beta1")},application/json`;

test("/api lists the version of the core group", async () => {
  const { body } = await request(app).get("/api").expect(200).expect("content-type", "application/json");
  expect(body).toEqual({ kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] });
});

test("/apis lists the groups with their versions, the preferred first", async () => {
  const { body } = await request(app).get("/apis").expect(200).expect("content-type", "application/json");
  expect(body).toMatchObject({ kind: "APIGroupList", apiVersion: "v1" });
  const versions = (body.groups as { name: string; versions: { version: string }[] }[]).map(({ name, versions }) => [
    name,
    versions.map(({ version }) => version),
  ]);
  expect(versions).toEqual([
    ["authentication.k8s.io", ["v1", "v1beta1"]],
    ["authorization.k8s.io", ["v1"]],
    ["certificates.k8s.io", ["v1"]],
    ["rbac.authorization.k8s.io", ["v1"]],
  ]);
  expect(body.groups[0].preferredVersion).toEqual({ groupVersion: "authentication.k8s.io/v1", version: "v1" });
});

test("/apis/{group} describes one group", async () => {
  const { body } = await request(app).get("/apis/certificates.k8s.io").expect(200);
  const version = { groupVersion: "certificates.k8s.io/v1", version: "v1" };
  expect(body).toEqual({
    kind: "APIGroup",
    apiVersion: "v1",
    name: "certificates.k8s.io",
    versions: [version],
    preferredVersion: version,
  });
});

test("/apis/certificates.k8s.io/v1 lists the resource and its subresources", async () => {
  const { body } = await request(app).get("/apis/certificates.k8s.io/v1").expect(200);
  const kind = "CertificateSigningRequest";
  const subresource = { singularName: "", namespaced: false, kind, verbs: ["get", "patch", "update"] };
  expect(body).toEqual({
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: "certificates.k8s.io/v1",
    resources: [
      {
        name: "certificatesigningrequests",
        singularName: "certificatesigningrequest",
        namespaced: false,
        kind,
        verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        shortNames: ["csr"],
      },
      { name: "certificatesigningrequests/approval", ...subresource },
      { name: "certificatesigningrequests/status", ...subresource },
    ],
  });
});

test.each([
  ["authentication.k8s.io/v1", ["selfsubjectreviews"]],
  ["authentication.k8s.io/v1beta1", ["selfsubjectreviews"]],
  ["authorization.k8s.io/v1", ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"]],
])("/apis/%s lists %j, which can only be created", async (groupVersion, names) => {
  const { body } = await request(app).get(`/apis/${groupVersion}`).expect(200);
  const resources = body.resources as { name: string; verbs: string[] }[];
  expect(resources.map(({ name }) => name)).toEqual(names);
  expect(resources.every(({ verbs }) => verbs.join() === "create")).toBe(true);
});

test("/apis/rbac.authorization.k8s.io/v1 lists what may be done with roles and bindings of the cluster", async () => {
  const { body } = await request(app).get("/apis/rbac.authorization.k8s.io/v1").expect(200);
  const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
  expect(body.resources).toEqual([
    {
      ...{ name: "clusterrolebindings", singularName: "clusterrolebinding", kind: "ClusterRoleBinding" },
      ...{ namespaced: false, verbs },
    },
    { name: "clusterroles", singularName: "clusterrole", kind: "ClusterRole", namespaced: false, verbs },
  ]);
});

test("/api/v1 lists what may be done with bootstrap tokens and cluster-info", async () => {
  const { body } = await request(app).get("/api/v1").expect(200);
  const verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
  expect(body).toMatchObject({ kind: "APIResourceList", groupVersion: "v1" });
  expect(body.resources[0]).toMatchObject({ name: "configmaps", namespaced: true, verbs: ["get", "list"] });
  expect(body.resources[1]).toEqual({
    name: "secrets",
    singularName: "secret",
    kind: "Secret",
    namespaced: true,
    verbs,
  });
});

test.each(["v2", "v2beta1"])("aggregated discovery %s tells everything at once", async (version) => {
  const contentType = aggregatedType(version);
  const { body } = await request(app)
    .get("/apis")
    .set("accept", contentType)
    .expect(200)
    .expect("content-type", contentType)
    .expect("cache-control", "public");
  expect(body).toMatchObject({ kind: "APIGroupDiscoveryList", apiVersion: `apidiscovery.k8s.io/${version}` });
  expect(body.items.at(-2)).toEqual({
    metadata: { name: "certificates.k8s.io" },
    versions: [
      {
        version: "v1",
        freshness: "Current",
        resources: [
          {
            resource: "certificatesigningrequests",
            responseKind: { group: "", version: "", kind: "CertificateSigningRequest" },
            scope: "Cluster",
            singularResource: "certificatesigningrequest",
            verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            shortNames: ["csr"],
            subresources: ["approval", "status"].map((subresource) => ({
              subresource,
              responseKind: { group: "", version: "", kind: "CertificateSigningRequest" },
              verbs: ["get", "patch", "update"],
            })),
          },
        ],
      },
    ],
  });
});

test.each(["/api", "/apis", "/apis/certificates.k8s.io", "/apis/certificates.k8s.io/v1", "/version"])(
  "%s is answered with a slash at its end as well",
  async (path) => {
    const { body } = await request(app).get(path).expect(200);
    expect((await request(app).get(`${path}/`).expect(200)).body).toEqual(body);
  },
);

test("aggregated and plain discovery agree", async () => {
  const { body } = await request(app).get("/apis").set("accept", KUBECTL_ACCEPT).expect(200);
  const told = (body.items as { metadata: { name: string }; versions: { version: string }[] }[]).flatMap(
    ({ metadata, versions }) => versions.map(({ version }) => `${metadata.name}/${version}`),
  );
  expect(told).toEqual(SERVED.map(({ group, version }) => `${group}/${version}`));
});

test("aggregated discovery of /api tells of what is in a namespace", async () => {
  const { body } = await request(app)
    .get("/api")
    .set("accept", KUBECTL_ACCEPT)
    .expect("content-type", aggregatedType("v2"));
  expect(body.items).toMatchObject([
    {
      metadata: { name: "" },
      versions: [
        { version: "v1", resources: [{ resource: "configmaps" }, { resource: "secrets", scope: "Namespaced" }] },
      ],
    },
  ]);
});

test.each<{ accept: string; type: string | undefined }>([
  { accept: KUBECTL_ACCEPT, type: aggregatedType("v2") },
  { accept: "application/json", type: "application/json" },
  { accept: "*/*", type: "application/json" },
  { accept: "application/*", type: "application/json" },
  { accept: "application/vnd.kubernetes.protobuf, application/json", type: "application/json" },
  { accept: `application/json;q=0.1,${aggregatedType("v2beta1")}`, type: aggregatedType("v2beta1") },
  { accept: `${aggregatedType("v2")};q=0,application/json`, type: "application/json" },
  { accept: `${aggregatedType("v1")},application/json`, type: "application/json" },
  { accept: aggregatedType("v1"), type: undefined },
  { accept: "application/vnd.kubernetes.protobuf", type: undefined },
  { accept: "text/html", type: undefined },
  { accept: "*/*;q=0", type: undefined },
])("Accept $accept gets $type", async ({ accept, type }) => {
  const response = await request(app).get("/apis").set("accept", accept);
  if (type === undefined) expect(response.status).toBe(406);
  else expect([response.status, response.headers["content-type"]]).toEqual([200, type]);
});

test.each(["/apis/apps", "/apis/apps/v1", "/apis/certificates.k8s.io/v1beta1", "/api/v2"])(
  "%s is not served and not found",
  async (path) => {
    await request(app).get(path).expect(404);
  },
);

test("/version tells the level of the API and the version of Gatehouse", async () => {
  const { body } = await request(app).get("/version").expect(200);
  expect(body).toEqual({
    major: "1",
    minor: "36",
    gitVersion: "v1.36.2-gatehouse.1.2.3",
    gitCommit: "",
    gitTreeState: "",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: `node ${process.version}`,
    compiler: "v8",
    platform: expect.stringMatching(/^[a-z]+\/[a-z0-9]+$/),
  });
});
