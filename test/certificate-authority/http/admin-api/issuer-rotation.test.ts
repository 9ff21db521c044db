import { expect, test } from "@jest/globals";
import request from "supertest";
import { StatusError } from "../../../../services/shared/status-error.ts";
import { issuerRecord } from "../../../builders/records.ts";
import { adminApi } from "./fixture.ts";

const ROTATION = "/v1/configured-issuers/nodes/rotation";
const USER = expect.stringMatching(/.+/);
const AT = new Date("2026-03-04T05:06:07.890Z");

test("where a rotation stands: slots, progress, and who is not shown to trust the new one", async () => {
  const { app, issuerRotation } = adminApi();
  issuerRotation.current = {
    ...issuerRotation.current,
    ...{ phase: "replacing", summary: "1 of 2 …", moved: { count: 1, of: 2 }, refusal: "taken from files" },
    trust: { shown: 1, total: 2, missing: ["system:node:late"], isGiven: undefined },
    slots: [
      {
        ...{ id: "ab", slot: "old", commonName: "ca", keyAlgorithm: "ecdsa-p256", isBridged: false },
        ...{ notBefore: AT, notAfter: AT, createdAt: AT, lastEnds: AT },
        ...{ liveCertificates: 3, nodeCertificates: 1, inTheWay: 2 },
      },
    ],
  };
  const { body } = await request(app).get(ROTATION).expect(200);
  const time = "2026-03-04T05:06:07Z";
  expect(body).toEqual({
    ...{
      apiVersion: "gatehouse.dev/v1",
      kind: "IssuerRotation",
      name: "nodes",
      phase: "replacing",
      summary: "1 of 2 …",
    },
    nodeCertificates: { onActive: 1, total: 2 },
    trust: { shown: 1, total: 2, missing: ["system:node:late"] },
    refusal: "taken from files",
    slots: [
      {
        ...{ id: "ab", slot: "old", commonName: "ca", keyAlgorithm: "ecdsa-p256", bridged: false },
        ...{ notBefore: time, notAfter: time, createdAt: time, lastBlockingEnds: time },
        ...{ liveCertificates: 3, nodeCertificates: 1, blockingCertificates: 2 },
      },
    ],
  });
  const all = await request(app).get("/v1/issuer-rotations").expect(200);
  expect(all.body).toMatchObject({ kind: "IssuerRotationList", items: [{ name: "default" }] });
});

test("each step is taken in the caller's name, and answered with what came of it", async () => {
  const { app, issuerRotation } = adminApi();
  const id = "cd".repeat(32);
  const step = async (name: string, body?: object) =>
    (await request(app).post(`${ROTATION}/${name}`).send(body).expect(200)).body;
  expect(await step("prepare", { bridge: true })).toMatchObject({ kind: "IssuerRotation", name: "nodes" });
  await step("activate", { force: ["consumers-not-shown-to-trust"] });
  await step("retire");
  await step("retire", { issuerId: id, force: ["live-certificates"] });
  await step("abandon");
  expect(issuerRotation.steps).toEqual([
    ["prepare", "nodes", { bridge: true, chainPem: undefined }, USER],
    ["activate", "nodes", ["consumers-not-shown-to-trust"], USER],
    ["retire", "nodes", undefined, [], USER],
    ["retire", "nodes", id, ["live-certificates"], USER],
    ["abandon", "nodes", USER],
  ]);
  issuerRotation.outcome = { kind: "awaitsCertificate", requestPem: "request\n" };
  expect(await step("prepare")).toMatchObject({ requestPem: "request\n" });
});

test.each([
  { step: "activate", body: { force: ["everything"] }, message: "must be one of consumers-not-shown-to-trust" },
  { step: "activate", body: { force: true }, message: "force" },
  { step: "prepare", body: { bridge: "yes" }, message: "bridge" },
  { step: "prepare", body: { chainPem: "" }, message: "must not be empty" },
  { step: "retire", body: { issuerId: "ab" }, message: "must be the id of an issuer" },
  { step: "abandon", body: { force: [] }, message: "unknown field" },
])("$step refuses $body", async ({ step, body, message }) => {
  const { app, issuerRotation } = adminApi();
  const response = await request(app).post(`${ROTATION}/${step}`).send(body).expect(422);
  expect(response.body.message).toContain(message);
  expect(issuerRotation.steps).toEqual([]);
});

test("a refusal says who would break", async () => {
  const { app, issuerRotation } = adminApi();
  const causes = [{ reason: "ConsumerNotShownToTrust", field: "system:node:a", message: "has not" }];
  issuerRotation.failure = new StatusError("Conflict", "1 of 2 are not", { details: { name: "nodes", causes } });
  const { body } = await request(app).post(`${ROTATION}/activate`).expect(409);
  expect(body).toMatchObject({ reason: "Conflict", message: "1 of 2 are not", details: { causes } });
});

test("only who names the bundle of now as its own is said to hold it", async () => {
  const { app, issuers, trust } = adminApi();
  issuers.records.push(issuerRecord());
  const { headers } = await request(app).get("/v1/trust-bundle").expect(200);
  const etag = String(headers["etag"]);
  for (const other of ['"other"', "*", etag.replaceAll('"', "")])
    await request(app).get("/v1/trust-bundle").set("if-none-match", other);
  expect(trust.reports).toEqual([]);
  await request(app).get("/v1/trust-bundle").set("if-none-match", etag).expect(304);
  await request(app).get("/v1/trust-bundle").set("if-none-match", `"other", W/${etag}`).expect(304);
  const report = { consumer: USER, etag: etag.replaceAll('"', ""), bundle: [expect.stringContaining("")] };
  expect(trust.reports).toEqual([report, report]);
});
