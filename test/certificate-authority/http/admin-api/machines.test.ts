import { expect, test } from "@jest/globals";
import request from "supertest";
import { adminApi } from "./fixture.ts";

const ID = "aws:111122223333/eu-west-1/i-1";
const PATH = `/v1/machines/aws_iid/${encodeURIComponent(ID)}`;

async function withMachine() {
  const api = adminApi();
  const machines = [{ attestor: "aws_iid", machineId: ID, nodeName: "node-1", ipAddresses: ["FD00:0::1"] }];
  const { body } = await request(api.app).post("/v1/machines").send({ machines }).expect(200);
  return { ...api, enrolled: body };
}

test("a machine is enrolled, shown and listed", async () => {
  const { app, enrolled } = await withMachine();
  expect(enrolled.items[0]).toMatchObject({
    ...{ kind: "Machine", attestor: "aws_iid", machineId: ID, state: "active", enrolled: true },
    ...{ nodeName: "node-1", ipAddresses: ["fd00::1"], dnsNames: [] },
  });
  const { body } = await request(app).get(PATH).expect(200);
  expect(body).toEqual({ ...enrolled.items[0], bindings: [] });
  const list = await request(app).get("/v1/machines").expect(200);
  expect(list.body).toMatchObject({ kind: "MachineList", items: [{ machineId: ID }] });
});

test("a list is paged", async () => {
  const { app } = adminApi();
  const machines = ["a", "b", "c"].map((machineId) => ({ attestor: "tpm2", machineId }));
  await request(app).post("/v1/machines").send({ machines }).expect(200);
  const first = await request(app).get("/v1/machines?limit=2").expect(200);
  expect(first.body.items).toHaveLength(2);
  const next = encodeURIComponent(first.body.metadata.continue);
  const second = await request(app).get(`/v1/machines?limit=2&continue=${next}`).expect(200);
  expect(second.body.items).toMatchObject([{ machineId: "c" }]);
  expect(second.body.metadata).toEqual({});
});

test.each(["ban", "release"])("%s names the machine and keeps what was said", async (verb) => {
  const { app, attestations } = await withMachine();
  const { body } = await request(app).post(`${PATH}/${verb}`).send({ message: "rack 4" }).expect(200);
  expect(body.state).toBe(verb === "ban" ? "banned" : "active");
  expect(attestations.changes.at(-1)).toContain(`${verb} ${ID}: rack 4`);
});

test("a machine that is on no record is not found", async () => {
  const { app } = adminApi();
  const answer = await request(app).post(`${PATH}/ban`).send({});
  expect(answer.body).toMatchObject({ code: 404, message: expect.stringContaining("/v1/machines lists them") });
  expect((await request(app).get(PATH)).status).toBe(404);
});

test.each([
  [{ attestor: "msi", machineId: "a" }, "machines.0.attestor"],
  [{ attestor: "tpm2", machineId: "" }, "machines.0.machineId"],
  [{ attestor: "tpm2", machineId: "a", nodeName: "Node_1" }, "machines.0.nodeName"],
  [{ attestor: "tpm2", machineId: "a", ipAddresses: ["10.0.0.300"] }, "machines.0.ipAddresses.0"],
  [{ attestor: "tpm2", machineId: "a", colour: "red" }, "machines.0.colour"],
])("%j is refused by its field", async (machine, field) => {
  const { app, attestations } = adminApi();
  const answer = await request(app)
    .post("/v1/machines")
    .send({ machines: [machine] });
  expect(answer.body).toMatchObject({ code: 422, details: { causes: [expect.objectContaining({ field })] } });
  expect(attestations.changes).toEqual([]);
});

test("a token of another list is refused", async () => {
  const { app } = adminApi();
  expect((await request(app).get("/v1/machines?continue=abc")).status).toBe(400);
});
