import { expect, test } from "@jest/globals";
import request from "supertest";
import { certificateRecord } from "../../../builders/records.ts";
import { adminApi, failure } from "./fixture.ts";

const SERVING = "kubernetes.io/kubelet-serving";
const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";

/** Of node-1: it replaced `01` a day ago, which was late, and its serving certificate is overdue. Now is 2 January. */
function nodeApi() {
  const api = adminApi();
  const first = certificateRecord({
    ...{ serial: "01", notBefore: new Date("2025-12-02T00:00:00Z"), notAfter: new Date("2026-01-01T00:00:00Z") },
  });
  const second = certificateRecord({
    ...{ serial: "02", notBefore: new Date("2025-12-31T00:00:00Z"), notAfter: new Date("2026-01-31T00:00:00Z") },
    predecessor: first.fingerprint,
  });
  const serving = certificateRecord({
    ...{ serial: "03", signerName: SERVING, notBefore: new Date("2025-12-23T00:00:00Z") },
    notAfter: new Date("2026-01-03T00:00:00Z"),
  });
  const other = certificateRecord({ serial: "04", nodeName: "node-2", commonName: "system:node:node-2" });
  api.certificates.records.push(serving, second, first, other);
  return { ...api, first, second, serving };
}

test("a list shows what each node has now", async () => {
  const { app, quarantined, second } = nodeApi();
  quarantined.add("node-2");
  const { body } = await request(app).get("/v1/nodes").expect(200);
  expect(body).toMatchObject({ apiVersion: "gatehouse.dev/v1", kind: "NodeList", metadata: {} });
  expect(body.items).toHaveLength(2);
  expect(body.items[0]).toMatchObject({ kind: "Node", name: "node-1", state: "overdue", quarantined: false });
  expect(body.items[0].holdings).toEqual([
    {
      signerName: CLIENT,
      state: "fresh",
      serial: "02",
      fingerprint: second.fingerprint,
      notBefore: "2025-12-31T00:00:00Z",
      notAfter: "2026-01-31T00:00:00Z",
      renewal: { begins: "2026-01-21T16:48:00Z", ends: "2026-01-27T21:36:00Z" },
      renewsItself: true,
    },
    expect.objectContaining({ signerName: SERVING, state: "overdue", serial: "03" }),
  ]);
  expect(body.items[1]).toMatchObject({ name: "node-2", state: "fresh", quarantined: true });
});

test.each([
  { query: "state=overdue", names: ["node-1"] },
  { query: "state=lost", names: [] },
  { query: "quarantined=true", names: ["node-2"] },
  { query: "quarantined=false", names: ["node-1"] },
  { query: "limit=1", names: ["node-1"] },
])("nodes?$query", async ({ query, names }) => {
  const { app, quarantined } = nodeApi();
  quarantined.add("node-2");
  const { body } = await request(app).get(`/v1/nodes?${query}`).expect(200);
  expect(body.items.map(({ name }: { name: string }) => name)).toEqual(names);
});

test("pages follow each other without gap or repetition", async () => {
  const { app } = nodeApi();
  const first = await request(app).get("/v1/nodes?limit=1").expect(200);
  const next = encodeURIComponent(first.body.metadata.continue);
  const second = await request(app).get(`/v1/nodes?limit=1&continue=${next}`).expect(200);
  expect(second.body.items.map(({ name }: { name: string }) => name)).toEqual(["node-2"]);
  expect(second.body.metadata).toEqual({});
});

test.each([
  { query: "limit=0", message: 'query parameter "limit" is "0": must be a whole number from 1 to 1000' },
  { query: "state=old", message: 'query parameter "state" is "old": must be fresh, due, overdue or lost' },
  { query: "quarantined=yes", message: 'query parameter "quarantined" is "yes": must be true or false' },
  { query: "continue=x", message: "continue token is not valid" },
  { query: `continue=${Buffer.from("[1]").toString("base64url")}`, message: "continue token is not valid" },
])("nodes?$query is refused by name", async ({ query, message }) => {
  const { app } = nodeApi();
  const response = await request(app).get(`/v1/nodes?${query}`).expect(400);
  expect(response.body).toEqual(failure(400, "BadRequest", message));
});

test("a node shows what replaced what, and what was late", async () => {
  const { app, first, second } = nodeApi();
  const { body } = await request(app).get("/v1/nodes/node-1").expect(200);
  const kin = body.certificates.map(({ serial, replacedBy, replacedAt, renewedLate }: Record<string, unknown>) => ({
    ...{ serial, replacedBy, replacedAt, renewedLate },
  }));
  expect(kin).toEqual([
    { serial: "03", replacedBy: [], replacedAt: undefined, renewedLate: true },
    { serial: "02", replacedBy: [], replacedAt: undefined, renewedLate: false },
    { serial: "01", replacedBy: [second.fingerprint], replacedAt: "2025-12-31T00:00:00Z", renewedLate: true },
  ]);
  expect(body.certificates[1]).toMatchObject({ predecessor: first.fingerprint, state: "valid" });
  expect(body).toMatchObject({ name: "node-1", state: "overdue", hasMoreCertificates: false });
});

test("a node that is quarantined before it has any certificate is shown", async () => {
  const { app, quarantined } = nodeApi();
  quarantined.add("node-9");
  const { body } = await request(app).get("/v1/nodes/node-9").expect(200);
  expect(body).toMatchObject({ name: "node-9", quarantined: true, holdings: [], certificates: [] });
});

test("an unknown node is not found", async () => {
  const { app } = nodeApi();
  const message = 'no certificate of node "node-9" is on record';
  const response = await request(app).get("/v1/nodes/node-9").expect(404);
  expect(response.body).toEqual(failure(404, "NotFound", message, { kind: "nodes", name: "node-9" }));
});
