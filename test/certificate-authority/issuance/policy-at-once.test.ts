import { expect, test } from "@jest/globals";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { buildIssuance } from "../../builders/issuance.ts";
import { policyOf } from "../../builders/policy.ts";
import { draft } from "../../builders/request.ts";
import { bootstrapper } from "../../builders/users.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

async function join(rules: readonly object[]) {
  const hooks = [{ hook: policyOf(rules), required: true }];
  const chain = createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), hooks });
  const { issuance, requests, settled } = buildIssuance({ overrides: { chain } });
  issuance.start();
  await issuance.create(bootstrapper(), draft(), { dryRun: false });
  await settled();
  const [decision] = requests.decisions;
  return { writes: ["create", "update"].map((name) => requests.calls.get(name) ?? 0), decision };
}

const APPROVE = { name: "join", approve: "nodeName == 'worker-1'" };

test("a join that rules approve shares the commit that creates it", async () => {
  expect(await join([APPROVE])).toMatchObject({ writes: [1, 0], decision: { outcome: "approved", hook: "policy" } });
});

test("rules that ask for earlier certificates take a commit of their own", async () => {
  const rules = [APPROVE, { name: "first", deny: "size(previous) > 0" }];
  expect(await join(rules)).toMatchObject({ writes: [1, 1], decision: { outcome: "approved", hook: "policy" } });
});

test("not where the rule that asks does not apply", async () => {
  const rules = [APPROVE, { name: "first", when: "nodeName == 'other'", deny: "size(previous) > 0" }];
  expect(await join(rules)).toMatchObject({ writes: [1, 0] });
});
