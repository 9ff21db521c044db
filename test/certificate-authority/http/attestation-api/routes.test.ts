import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import request from "supertest";
import { routes } from "../../../../services/certificate-authority/http/attestation-api/routes.ts";
import { MAXIMUM_BODY_BYTES, MAXIMUM_BODY_BYTES_WITH_EVENT_LOG } from "../../../../services/shared/attestation/wire.ts";
import { StatusError } from "../../../../services/shared/status-error.ts";
import { attestationService, JOINED_NODE, tokenHolder } from "../../../builders/attestation-service.ts";
import { appOf } from "../../../builders/edge.ts";
import { openTestLedger, type TestLedger } from "../../../builders/ledger.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const clock = new SettableClock(new Date("2026-01-10T00:00:00.000Z"));
const CHALLENGE = "/v1/attest/challenge";
const COMPLETE = "/v1/attest/complete";
let opened: TestLedger;

beforeEach(async () => {
  opened = await openTestLedger({ clock });
});

afterEach(() => opened.close());

type Changes = Parameters<typeof attestationService>[2];

function api(changes: Changes = {}) {
  const attestation = attestationService(opened.ledger.attestations, clock, changes);
  return appOf(routes({ attestation }));
}

async function challenged(app: ReturnType<typeof api>, holder = tokenHolder()) {
  const { body } = await request(app).post(CHALLENGE).send(holder.wish).expect(200);
  return { holder, body };
}

/** JSON of arrays in each other. */
function nested(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}

test("a challenge is given and answered, and neither answer may be kept by anybody in between", async () => {
  const app = api();
  const { holder, body } = await challenged(app);
  const answer = await request(app).post(COMPLETE).send(holder.answer(body)).expect(200);
  expect(answer.body).toMatchObject({ nodeName: JOINED_NODE, kind: "clientCert" });
  expect(answer.headers).toMatchObject({ "cache-control": "no-store", "content-type": "application/json" });
  expect(opened.ledger.attestations.bindingOf(JOINED_NODE)).toMatchObject({ machineId: JOINED_NODE });
});

test("asking for challenges writes nothing", async () => {
  const app = api();
  const before = await opened.ledger.audit.find({ limit: 1 });
  for (let count = 0; count < 20; count += 1) await challenged(app);
  expect((await opened.ledger.audit.find({ limit: 1 })).head).toBe(before.head);
});

describe("a body for a challenge", () => {
  const { wish } = tokenHolder();
  test.each<[string, object | string, number, RegExp]>([
    ["of another version", { ...wish, v: 2 }, 422, /v: 2/],
    ["of a version in words", { ...wish, v: "1" }, 422, /v: "1"/],
    ["without a version", { ...wish, v: undefined }, 422, /v: /],
    ["with an unknown attestor", { ...wish, attestor: "msi" }, 422, /attestor: "msi"/],
    ["with an unknown field", { ...wish, ekPub: "" }, 422, /ekPub: unknown field/],
    ["with a key in another base64", { ...wish, spki: "+/+=" }, 422, /must be base64url/],
    ["with a key that is none", { ...wish, spki: "AAAA" }, 400, /not one that can be answered/],
    ["with too long a name", { ...wish, nodeName: "a".repeat(254) }, 422, /nodeName/],
    ["with a list as hello", { ...wish, hello: [] }, 422, /hello/],
    ["that is a list", [wish], 422, /invalid/],
    ["that is no JSON", "{", 400, /not valid JSON/],
    ["that is empty", "", 422, /invalid/],
    ["that is not UTF-8 at all", '{"v":"\\ud800"}', 422, /v: /],
    [
      "whose hello is nested without end",
      `${JSON.stringify(wish).replace(/"hello":\{[^}]*\}/, "")}`.replace(/,?\}$/, `,"hello":{"a":${nested(30_000)}}}`),
      400,
      /not one that can be answered/,
    ],
    ["whose version is nested without end", `{"v":${nested(30_000)}}`, 422, /v: …/],
  ])("%s is refused", async (_what, body, status, message) => {
    const answer = await request(api()).post(CHALLENGE).set("content-type", "application/json").send(body);
    expect({ status: answer.status, message: answer.body.message }).toEqual({
      status,
      message: expect.stringMatching(message),
    });
    expect(answer.body.message.length).toBeLessThan(2000);
  });
});

test.each([
  ["text/plain", 415],
  ["application/x-www-form-urlencoded", 415],
  ["application/json; charset=utf-8", 200],
])("what comes as %s gets %i", async (type, status) => {
  const body = JSON.stringify(tokenHolder().wish);
  const answer = await request(api()).post(CHALLENGE).set("content-type", type).send(body);
  expect(answer.status).toBe(status);
});

test.each(["get", "put", "patch", "delete"] as const)("%s is no way to attest", async (method) => {
  for (const path of [CHALLENGE, COMPLETE]) {
    const answer = await request(api())[method](path);
    expect([404, 405]).toContain(answer.status);
  }
});

test("an answer in another form than JSON is not to be had", async () => {
  await request(api()).post(CHALLENGE).set("accept", "text/html").send(tokenHolder().wish).expect(406);
});

test.each([
  [CHALLENGE, MAXIMUM_BODY_BYTES],
  [COMPLETE, MAXIMUM_BODY_BYTES_WITH_EVENT_LOG],
])("a body for %s ends at %i bytes, told beforehand or not", async (path, most) => {
  const app = api();
  const body = " ".repeat(most + 1);
  const told = await request(app).post(path).set("content-type", "application/json").send(body);
  expect(told.status).toBe(413);
  const inPieces = request(app).post(path).set("content-type", "application/json").set("transfer-encoding", "chunked");
  inPieces.write(body);
  expect((await inPieces).status).toBe(413);
  const fits = await request(app).post(path).set("content-type", "application/json").send(" ".repeat(most));
  expect(fits.status).toBe(400);
});

describe("an answer to a challenge", () => {
  test.each<[string, (good: Record<string, unknown>) => object | string, number]>([
    ["with an unknown field", (good) => ({ ...good, nodeName: "node-1" }), 422],
    ["without proof", (good) => ({ ...good, proof: undefined }), 422],
    ["with a list as proof", (good) => ({ ...good, proof: [] }), 422],
    ["with an unknown field in its proof", (good) => ({ ...good, proof: { mac: "AAAA", more: 1 } }), 403],
    ["with a challenge of nobody's", (good) => ({ ...good, challenge: "AAAA" }), 403],
    ["with an empty challenge", (good) => ({ ...good, challenge: "" }), 403],
    ["with another hello", (good) => ({ ...good, hello: {} }), 403],
    ["with an empty signature", (good) => ({ ...good, keySig: "" }), 403],
    [
      "whose hello is nested without end",
      (good) => JSON.stringify({ ...good, hello: { a: 0 } }).replace('{"a":0}', `{"a":${nested(500_000)}}`),
      400,
    ],
    [
      "whose proof is nested without end",
      (good) => JSON.stringify({ ...good, proof: { a: 0 } }).replace('{"a":0}', `{"mac":${nested(500_000)}}`),
      403,
    ],
  ])("%s gets nothing", async (_what, spoil, status) => {
    const app = api();
    const { holder, body } = await challenged(app);
    const spoilt = spoil(holder.answer(body));
    const answer = await request(app).post(COMPLETE).set("content-type", "application/json").send(spoilt);
    expect(answer.status).toBe(status);
    expect(opened.ledger.attestations.bindingOf(JOINED_NODE)).toBeUndefined();
    expect(JSON.stringify(answer.body)).not.toMatch(/mac|signature|token|stack|\.ts/);
  });

  test("is worth nothing when it comes too late, or twice", async () => {
    const app = api();
    const { holder, body } = await challenged(app);
    await request(app).post(COMPLETE).send(holder.answer(body)).expect(200);
    await request(app).post(COMPLETE).send(holder.answer(body)).expect(403);
    const late = await challenged(app, holder);
    const now = clock.now();
    clock.set(new Date(now.getTime() + 120_000));
    const answer = await request(app).post(COMPLETE).send(holder.answer(late.body)).expect(403);
    clock.set(now);
    expect(answer.body.details.causes[0].reason).toBe("denied");
  });

  test("whose signature is wrong uses the challenge not up: who only saw a challenge cannot spoil it", async () => {
    const app = api();
    const { holder, body } = await challenged(app);
    const good = holder.answer(body);
    const { keySig } = tokenHolder().answer(body);
    await request(app)
      .post(COMPLETE)
      .send({ ...good, keySig })
      .expect(403);
    await request(app).post(COMPLETE).send(good).expect(200);
  });

  test("to a challenge of another authority, which has another key, is denied", async () => {
    const { holder, body } = await challenged(api());
    await request(api()).post(COMPLETE).send(holder.answer(body)).expect(403);
  });
});

describe("limits", () => {
  const few = (changes: object) => ({
    limits: {
      ...{ challengesPerSecond: 2000, perSecondPerAddress: 100, attestationsPerHourPerMachine: 12 },
      ...{ concurrency: 16, verificationSeconds: 15 },
      ...changes,
    },
  });

  test("an address is told to slow down before its body is read", async () => {
    const app = api(few({ perSecondPerAddress: 0.1 }));
    await challenged(app);
    const answer = await request(app).post(COMPLETE).set("content-type", "application/json").send("{");
    expect(answer.status).toBe(429);
    expect(answer.headers["retry-after"]).toBe("5");
    expect(answer.body.details.causes[0].reason).toBe("slow_down");
  });

  test("who finds all places taken may answer the same challenge later", async () => {
    let finish = (): void => undefined;
    const held = new Promise<never>((_resolve, reject) => {
      finish = () => reject(new Error("no answer"));
    });
    const settings = { name: "tokens", attestor: "join_token" as const, firstUse: false };
    let isHeld = true;
    const attestor = {
      verify: () => (isHeld ? held : { machineId: "m", nodeName: "n", pins: {}, fields: {}, isFresh: true }),
    };
    const app = api({ ...few({ concurrency: 1 }), profiles: [{ settings, attestor }] });
    const first = await challenged(app);
    const second = await challenged(app);
    const waiting = request(app)
      .post(COMPLETE)
      .send(first.holder.answer(first.body))
      .then(({ status }) => status);
    while ((await request(app).post(COMPLETE).send(second.holder.answer(second.body))).status !== 429);
    isHeld = false;
    finish();
    expect(await waiting).toBe(403);
    await request(app).post(COMPLETE).send(second.holder.answer(second.body)).expect(200);
  });

  test("an attestor that never answers keeps no place", async () => {
    const settings = { name: "tokens", attestor: "join_token" as const, firstUse: false };
    const attestor = { verify: () => new Promise<never>(() => undefined) };
    const app = api({ ...few({ concurrency: 1, verificationSeconds: 1 }), profiles: [{ settings, attestor }] });
    for (let count = 0; count < 2; count += 1) {
      const { holder, body } = await challenged(app);
      await request(app).post(COMPLETE).send(holder.answer(body)).expect(403);
    }
  });

  test("refusals beyond a hundred of one address are counted, and told of with the next one", async () => {
    const attestation = attestationService(opened.ledger.attestations, clock);
    const holder = tokenHolder();
    const refused = async (): Promise<void> => {
      const challenge = await attestation.challenge(holder.wish);
      const client = { address: "10.0.0.9", source: "10.0.0.9" };
      const wrong = holder.answer(challenge, "another secret");
      await expect(attestation.complete(wrong, client)).rejects.toMatchObject({ code: "denied" });
    };
    for (let count = 0; count < 105; count += 1) await refused();
    const recorded = async () => (await opened.ledger.audit.find({ noun: "attestation", limit: 500 })).items;
    expect(await recorded()).toHaveLength(100);
    clock.set(new Date(clock.now().getTime() + 10_000));
    await refused();
    const entries = await recorded();
    expect(entries).toHaveLength(101);
    expect(entries[0]?.details).toMatchObject({ withheld: 5 });
  });
});

test("what the ledger cannot take is not called a denial, and the reason stays inside", async () => {
  const full = new StatusError("ServiceUnavailable", "the ledger is out of space");
  const attestations = { ...opened.ledger.attestations, useChallenge: () => Promise.reject(full) };
  const attestation = attestationService(attestations, clock);
  const app = appOf(routes({ attestation }));
  const { holder, body } = await challenged(app);
  const answer = await request(app).post(COMPLETE).send(holder.answer(body));
  expect(answer.status).toBe(503);
});

test("without attestation there is nothing to ask", async () => {
  const app = appOf(routes({ attestation: undefined }));
  const answer = await request(app).post(CHALLENGE).send(tokenHolder().wish).expect(404);
  expect(answer.body.message).toMatch(/not configured/);
});
