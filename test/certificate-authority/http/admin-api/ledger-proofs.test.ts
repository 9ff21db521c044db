import { expect, test } from "@jest/globals";
import request from "supertest";
import { openCheckpoint } from "../../../../services/shared/merkle/checkpoint.ts";
import { leafHash, rootOfInclusion } from "../../../../services/shared/merkle/hashing.ts";
import { adminApi, failure } from "./fixture.ts";

function proofApi() {
  const api = adminApi();
  api.merkle.entries.push("one", "two", "three");
  api.merkle.certificates.set("0a1b2c", 2);
  return api;
}

test("a checkpoint is shown, as JSON and as the text alone, signed by the key it names", async () => {
  const { app, merkle } = proofApi();
  const { root } = await merkle.head();
  const { body } = await request(app).get("/v1/ledger/checkpoint").expect(200);
  expect(body).toMatchObject({ kind: "LedgerCheckpoint", size: 3, rootHash: root.toString("base64") });
  expect(openCheckpoint(body.checkpoint, body.publicKey)).toEqual({ size: 3, root });
  const { text } = await request(app).get("/v1/ledger/checkpoint").set("accept", "text/plain").expect(200);
  expect(text).toBe(body.checkpoint);
});

test.each([{ query: "sequence=2" }, { query: "certificate=0A:1B:2C" }])(
  "an entry is proven by $query",
  async ({ query }) => {
    const { app, merkle } = proofApi();
    const { body } = await request(app).get(`/v1/ledger/proof?${query}`).expect(200);
    expect(body).toMatchObject({ kind: "LedgerProof", sequence: 2, entry: "two" });
    const path = body.path.map((hash: string) => Buffer.from(hash, "base64"));
    expect(rootOfInclusion(leafHash(Buffer.from("two")), 1, 3, path)).toEqual((await merkle.head()).root);
  },
);

test("growth since an older checkpoint is proven", async () => {
  const { app } = proofApi();
  const { body } = await request(app).get("/v1/ledger/consistency?from=2").expect(200);
  expect(body).toMatchObject({ kind: "LedgerConsistency", from: 2, path: [expect.any(String)] });
});

const CUT_OFF = "the ledger has fewer than 4 entries: it is not the one of that checkpoint, or was cut off";

test.each([
  { path: "proof", code: 400, reason: "BadRequest", message: "give either sequence or certificate" },
  {
    path: "proof?sequence=1&certificate=0a",
    code: 400,
    reason: "BadRequest",
    message: "give either sequence or certificate",
  },
  { path: "proof?sequence=4", code: 404, reason: "NotFound", message: "there is no such entry in the ledger" },
  { path: "proof?certificate=ff", code: 404, reason: "NotFound", message: "there is no such entry in the ledger" },
  { path: "consistency?from=4", code: 404, reason: "NotFound", message: CUT_OFF },
  {
    path: "consistency?from=-1",
    code: 400,
    reason: "BadRequest",
    message: 'query parameter "from" is "-1": must be the size in an older checkpoint',
  },
])("GET /v1/ledger/$path: $message", async ({ path, code, reason, message }) => {
  const { app } = proofApi();
  const response = await request(app).get(`/v1/ledger/${path}`).expect(code);
  expect(response.body).toEqual(failure(code, reason, message));
});
