import { expect, test } from "@jest/globals";
import type { FactsArguments } from "../../builders/facts.ts";
import { facts } from "../../builders/facts.ts";
import { buildIssuance } from "../../builders/issuance.ts";
import { CLIENT, type DraftArguments, draft, REQUEST, request } from "../../builders/request.ts";
import { bootstrapper, node, user } from "../../builders/users.ts";

const REAL = { dryRun: false };
const MASTERS: FactsArguments = { subject: { organization: ["system:masters"] } };

test("what was created is stored with the requester's identity and a name of its own", async () => {
  const { issuance, stored } = buildIssuance();
  const created = await issuance.create(bootstrapper(), draft({ metadata: { uid: "mine" } }), REAL);
  expect(created.metadata).toMatchObject({ name: "csr-1", uid: "uid-1", resourceVersion: "1" });
  expect(created.spec).toMatchObject({ username: "system:bootstrap:abcdef" });
  expect(await stored()).toEqual(created);
});

test("generateName is completed, and once more on a clash", async () => {
  const { issuance } = buildIssuance({ initial: [request({ metadata: { name: "csr-aaaa1" } })] });
  const sent = draft({ metadata: { name: "", generateName: "csr-" } });
  const created = await issuance.create(bootstrapper(), sent, REAL);
  expect(created.metadata).toMatchObject({ name: "csr-aaaa2", generateName: "csr-", uid: "uid-1" });
});

test("eight clashes are the caller's", async () => {
  const names = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `csr-aaaa${number}`);
  const { issuance, requests } = buildIssuance({ initial: names.map((name) => request({ metadata: { name } })) });
  const sent = draft({ metadata: { name: "", generateName: "csr-" } });
  await expect(issuance.create(bootstrapper(), sent, REAL)).rejects.toMatchObject({
    reason: "AlreadyExists",
    code: 409,
  });
  expect(requests.calls.get("create")).toBe(8);
});

test("a name wins over generateName, and its clash is not tried again", async () => {
  const { issuance, requests } = buildIssuance({ initial: [request()] });
  const sent = draft({ metadata: { generateName: "csr-" } });
  await expect(issuance.create(bootstrapper(), sent, REAL)).rejects.toMatchObject({ reason: "AlreadyExists" });
  expect(requests.calls.get("create")).toBeUndefined();
});

interface RefusalRow {
  readonly name: string;
  readonly args: DraftArguments;
  readonly says?: FactsArguments | string;
  readonly error: object;
}

test.each<RefusalRow>([
  {
    name: "an invalid draft that admission would refuse and whose name is taken: 422",
    args: { spec: { signerName: CLIENT, usages: [] } },
    says: MASTERS,
    error: { reason: "Invalid", details: { kind: "CertificateSigningRequest", causes: [{ field: "spec.usages" }] } },
  },
  {
    name: "a request that does not decode: 422",
    args: {},
    says: "no PEM block",
    error: { reason: "Invalid", details: { causes: [{ field: "spec.request", reason: "FieldValueInvalid" }] } },
  },
  {
    name: "one that admission refuses and whose name is taken: 403",
    args: { spec: { signerName: CLIENT } },
    says: MASTERS,
    error: { reason: "Forbidden", details: { kind: "certificatesigningrequests", name: "csr-1" } },
  },
  {
    name: "one with a resourceVersion: 400",
    args: { metadata: { resourceVersion: "5" } },
    error: { reason: "BadRequest", code: 400 },
  },
  { name: "one whose name is taken: 409", args: {}, error: { reason: "AlreadyExists", details: { name: "csr-1" } } },
])("order of errors: $name", async ({ args, says, error }) => {
  const { issuance, decoder, requests } = buildIssuance({ initial: [request()] });
  if (says) decoder.says(REQUEST, typeof says === "string" ? says : facts(says));
  await expect(issuance.create(user("alice"), draft(args), REAL)).rejects.toMatchObject(error);
  await expect(issuance.create(user("alice"), draft(args), { dryRun: true })).rejects.toMatchObject(error);
  expect(requests.changes).toHaveLength(1);
});

test("a refusal names the object as it would have been called", async () => {
  const { issuance, decoder } = buildIssuance();
  decoder.says(REQUEST, facts(MASTERS));
  const sent = draft({ metadata: { name: "", generateName: "csr-" }, spec: { signerName: CLIENT } });
  await expect(issuance.create(user("alice"), sent, REAL)).rejects.toMatchObject({ details: { name: "csr-aaaa1" } });
});

test("a node asks for itself only", async () => {
  const { issuance } = buildIssuance();
  await expect(issuance.create(node("worker-2"), draft(), REAL)).rejects.toMatchObject({ reason: "Forbidden" });
  await expect(issuance.create(node("worker-1"), draft(), REAL)).resolves.toBeDefined();
});

test("dry run: a uid, no resourceVersion, nothing stored, nothing worked on", async () => {
  const { issuance, requests, settled } = buildIssuance();
  issuance.start();
  const created = await issuance.create(bootstrapper(), draft(), { dryRun: true });
  expect(created.metadata).toMatchObject({ uid: "uid-1", resourceVersion: "" });
  await settled();
  expect(requests.changes).toEqual([]);
  expect(requests.decisions).toEqual([]);
});

test("a full queue refuses before anything is done, and takes requests again when it has room", async () => {
  let finish = () => {};
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const chain = {
    approvalsNeeded: () => 1,
    async review() {
      return { outcome: "pending" as const, hook: undefined, reason: "Pending", message: "", trace: [] };
    },
  };
  const settings = { queueLimit: 2, concurrency: 1 };
  const decisions = {
    async ofRequest() {
      await held;
      return [];
    },
  };
  const { issuance, decoder, settled } = buildIssuance({ settings, overrides: { chain, decisions } });
  issuance.start();
  const create = (name: string) => issuance.create(bootstrapper(), draft({ metadata: { name } }), REAL);
  for (const name of ["being-worked-on", "waits-1", "waits-2"]) await create(name);
  await new Promise((resolve) => setImmediate(resolve));
  await expect(create("one-more")).rejects.toMatchObject({
    reason: "TooManyRequests",
    details: { retryAfterSeconds: 1 },
  });
  expect(decoder.decoded).toHaveLength(3);
  finish();
  await settled();
  await expect(create("one-more")).resolves.toBeDefined();
});
