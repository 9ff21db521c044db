import type { ServerResponse } from "node:http";
import { expect, test } from "@jest/globals";
import { INPUT } from "./script-fixture.ts";
import { type Asked, serviceWith, webhookFor } from "./webhook-fixture.ts";

/** Answers as OPA's data API does: what the rule of that path is for the input, nothing where it is undefined. */
function fakeOpa(rules: Readonly<Record<string, (input: unknown) => unknown>>) {
  return ({ request, body }: Asked, response: ServerResponse): void => {
    const rule = rules[request.url?.replace(/^\/v1\/data\//, "") ?? ""];
    const { input } = JSON.parse(body) as { input: unknown };
    const result = rule?.(input);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ ...(result !== undefined && { result }), decision_id: "4ca6" }));
  };
}

/** A webhook that asks OPA on loopback for a rule. */
async function opa(rule: string, rules: Parameters<typeof fakeOpa>[0]) {
  const { url, asked } = await serviceWith(fakeOpa(rules), undefined);
  const settings = { format: "opa", allowPlainHttp: true, allowUnauthenticated: true, retries: 0 } as const;
  return { ...webhookFor({ settings: { ...settings, url: url.replace("/review", `/v1/data/${rule}`) } }), asked };
}

test.each([
  { name: "a rule that is true approves", result: true, kind: "approved", reason: "PolicyAllowed" },
  { name: "a rule that is false has no opinion", result: false, kind: "noOpinion", reason: "PolicyNotMet" },
  { name: "a rule that is undefined has no opinion", result: undefined, kind: "noOpinion", reason: "PolicyUndefined" },
  { name: "a rule may deny", result: { decision: "deny", reason: "NotOurs" }, kind: "denied", reason: "NotOurs" },
  { name: "a rule may skip", result: { decision: "skip" }, kind: "skipped", reason: "WebhookSkipped" },
])("$name", async ({ result, kind, reason }) => {
  const { ask, asked } = await opa("gatehouse/decision", { "gatehouse/decision": () => result });
  expect(await ask()).toMatchObject({ kind, reason });
  expect(JSON.parse(asked[0]?.body ?? "")).toEqual({ input: await INPUT.document() });
});

test.each([
  { name: "a number", result: 1 },
  { name: "null", result: null },
  { name: "a list", result: ["approve"] },
  { name: "an object that is no decision", result: { allow: true } },
])("a rule that is $name is no answer", async ({ result }) => {
  const { ask } = await opa("gatehouse/decision", { "gatehouse/decision": () => result });
  await expect(ask()).rejects.toThrow("the webhook gave no answer");
});

test("a rule sees the input", async () => {
  const allow = (input: unknown): boolean => (input as { nodeName: string }).nodeName.startsWith("worker-");
  expect(await (await opa("nodes/allow", { "nodes/allow": allow })).ask()).toMatchObject({ kind: "approved" });
  expect(await (await opa("nodes/other", { "nodes/allow": allow })).ask()).toMatchObject({ kind: "noOpinion" });
});
