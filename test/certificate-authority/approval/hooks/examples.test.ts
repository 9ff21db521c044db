import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { hookSchemas, readReviewDocument } from "../../../../scripts/hook-schemas.ts";
import { answerSchema } from "../../../../services/certificate-authority/approval/hooks/outside-answer.ts";
import { reviewDocument } from "../../../../services/certificate-authority/domain/review-document.ts";
import { type FactsArguments, facts } from "../../../builders/facts.ts";
import { CLIENT, type RequestArguments, request, SERVING_KUBELET } from "../../../builders/request.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { reviewInput } from "../../../fakes/review-history.ts";
import { hookFor } from "./script-fixture.ts";

const HOOKS = join(import.meta.dirname, "../../../../config/hooks");

/** A request as a hook is told of it. */
function input({
  spec,
  sans,
  now = "2026-01-05T12:00:00Z",
}: Pick<RequestArguments, "spec"> & FactsArguments & { now?: string }) {
  return reviewInput({
    csr: request({ ...(spec && { spec }) }),
    facts: facts({ ...(sans && { sans }) }),
    now: new Date(now),
  });
}

/** What a node that has joined asks for itself. */
const OWN = { signerName: SERVING_KUBELET, username: "system:node:worker-1", groups: ["system:nodes"] };

// A machine may have no Python; Node.js and a shell it has.
const describePython =
  existsSync("/usr/bin/python3") || existsSync("/usr/local/bin/python3") ? describe : describe.skip;

describePython("inventory.py", () => {
  const file = join(temporaryDirectory(), "inventory.csv");
  writeFileSync(file, "node,addresses,state\nworker-1,10.0.0.11 fd00::11,active\nworker-2,10.0.0.12,retired\n");
  const cases = [
    { name: "a listed node joins", asked: input({}), verdict: { kind: "approved", reason: "InInventory" } },
    { name: "another signer", asked: input({ spec: { signerName: CLIENT } }), verdict: { kind: "skipped" } },
    {
      name: "a node's own address",
      asked: input({ spec: OWN, sans: { dnsNames: ["worker-1"], ipAddresses: ["fd00::11", "10.0.0.11"] } }),
      verdict: { kind: "approved", evidence: { node: "worker-1", addresses: ["10.0.0.11", "fd00::11"] } },
    },
    {
      name: "another node's address",
      asked: input({ spec: OWN, sans: { ipAddresses: ["10.0.0.12"] } }),
      verdict: { kind: "noOpinion", reason: "NotShown" },
    },
    {
      name: "somebody else's request for the node",
      asked: input({ spec: { ...OWN, username: "system:node:worker-2" }, sans: { dnsNames: ["worker-1"] } }),
      verdict: { kind: "noOpinion", reason: "NotShown" },
    },
  ] as const;
  const named = (node: string) =>
    reviewInput({ csr: request(), facts: facts({ subject: { commonName: `system:node:${node}` } }), now: new Date() });
  const further = [
    { name: "a retired node", asked: named("worker-2"), verdict: { kind: "denied", reason: "NotActive" } },
    {
      name: "a node that is not listed",
      asked: named("worker-9"),
      verdict: { kind: "noOpinion", reason: "NotInInventory" },
    },
  ];

  test("answers for each request by itself, and as a program that stays", async () => {
    const once = hookFor([join(HOOKS, "inventory.py"), file]);
    const stays = hookFor([join(HOOKS, "inventory.py"), "--server", file], { settings: { mode: "server" } });
    for (const { name, asked, verdict } of [...cases, ...further]) {
      expect({ name, verdict: await once.ask(asked) }).toMatchObject({ name, verdict });
      expect({ name, verdict: await stays.ask(asked) }).toMatchObject({ name, verdict });
    }
  });

  test("gives no answer when its inventory is missing", async () => {
    await expect(hookFor([join(HOOKS, "inventory.py"), "/no/inventory"]).ask()).rejects.toThrow("exit code 1");
  });
});

describe("working-hours.sh", () => {
  test.each([
    { now: "2026-01-05T08:00:00.000Z", kind: "approved" },
    { now: "2026-01-05T17:59:59.999Z", kind: "approved" },
    { now: "2026-01-05T07:59:59.999Z", kind: "noOpinion" },
    { now: "2026-01-05T18:00:00.000Z", kind: "noOpinion" },
    { now: "2026-01-05T00:00:00.000Z", kind: "noOpinion" },
    { now: "2026-01-09T12:00:00.000Z", kind: "approved" },
    { now: "2026-01-10T12:00:00.000Z", kind: "noOpinion" },
    { now: "2026-01-11T12:00:00.000Z", kind: "noOpinion" },
  ])("at $now: $kind", async ({ now, kind }) => {
    const { ask } = hookFor([join(HOOKS, "working-hours.sh"), "8", "18"]);
    expect(await ask(input({ now }))).toMatchObject({ kind });
  });

  test("a requester's label does not change the time", async () => {
    const metadata = {
      labels: { now: "2026-01-05T12:00:00.000Z" },
      annotations: { a: '"now":"2026-01-05T12:00:00.000Z"' },
    };
    const night = reviewInput({ csr: request({ metadata }), facts: facts(), now: new Date("2026-01-05T23:00:00Z") });
    const { ask } = hookFor([join(HOOKS, "working-hours.sh"), "8", "18"]);
    expect(await ask(night)).toMatchObject({ kind: "noOpinion", reason: "OutsideWorkingHours" });
  });
});

test.each([
  {
    name: "addresses in the ranges",
    sans: { ipAddresses: ["10.0.3.4", "fd00::1"] },
    kind: "approved",
    reason: "InRange",
  },
  {
    name: "an address outside",
    sans: { ipAddresses: ["10.0.3.4", "10.1.0.1"] },
    kind: "denied",
    reason: "OutsideRange",
  },
  { name: "no address", sans: { dnsNames: ["worker-1"] }, kind: "noOpinion", reason: "NoAddress" },
])("address-range.mjs: $name", async ({ sans, kind, reason }) => {
  const command = [process.execPath, join(HOOKS, "address-range.mjs"), "10.0.0.0/16", "fd00::/64"];
  const { ask } = hookFor(command, { settings: { mode: "server" } });
  expect(await ask(input({ spec: OWN, sans }))).toMatchObject({ kind, reason });
  expect(await ask(input({ sans }))).toMatchObject({ kind: "skipped" });
});

test("the JSON schemas in config/hooks are what the code means: after a change run node scripts/hook-schemas.ts", () => {
  for (const [name, schema] of Object.entries(hookSchemas()))
    expect({ name, schema: JSON.parse(readFileSync(join(HOOKS, name), "utf8")) }).toEqual({ name, schema });
});

test("the schema knows every field of a document", () => {
  const certificate = {
    ...{ serial: "0a", fingerprint: "ab".repeat(32), spkiSha256: "cd".repeat(32), state: "valid", commonName: "c" },
    ...{ notBefore: new Date(0), notAfter: new Date(1), issuedAt: new Date(0), sans: facts().sans, requester: "me" },
  };
  const document = reviewDocument(
    { csr: request({ spec: { extra: { a: ["b"] } } }), facts: facts(), now: new Date(0) },
    [certificate] as unknown as Parameters<typeof reviewDocument>[1],
  );
  expect(document.previous).toHaveLength(1);
  expect(readReviewDocument(document)).toEqual(document);
});

test("the decisions that the documentation shows are decisions", () => {
  const page = readFileSync(join(HOOKS, "README.md"), "utf8");
  const shown = [...page.matchAll(/^\{"decision".*\}$/gm)].map(([line]) => line);
  expect(shown.length).toBeGreaterThan(2);
  for (const line of shown) expect(answerSchema.safeParse(JSON.parse(line))).toMatchObject({ success: true });
});
