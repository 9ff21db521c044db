import { expect, test } from "@jest/globals";
import type { CheckedPolicy, PolicyCaseResult, PolicyTestOptions } from "../../services/cli/certificate-authority.ts";
import { gatehouse } from "./fixture.ts";

const OK: PolicyCaseResult = {
  ...{ name: "a worker joins", hasPassed: true, expected: { outcome: "approved" }, outcome: "approved" },
  ...{ hook: "policy", reason: "FirstJoin", message: "joins", differences: [] },
  trace: [
    { hook: "policy", kind: "approved", reason: "FirstJoin", message: "joins", evidence: { rule: "first-join" } },
  ],
};
const BAD: PolicyCaseResult = {
  ...{
    name: "a laptop\u001b[2J",
    hasPassed: false,
    expected: { outcome: "denied" },
    outcome: "pending",
    hook: undefined,
  },
  ...{ reason: "Pending", message: "waits", differences: ["outcome: expected denied, got pending"] },
  trace: [
    { hook: "policy", kind: "noOpinion", reason: "Held", message: "held", evidence: { rule: "names" } },
    { hook: "manual", kind: "noOpinion", reason: "WaitsForPerson", message: "waits", evidence: {} },
  ],
};

async function policyTest(args: readonly string[], results: readonly PolicyCaseResult[] | Error = [OK]) {
  const seen: PolicyTestOptions[] = [];
  const testPolicy = async (options: PolicyTestOptions) => {
    seen.push(options);
    if (results instanceof Error) throw results;
    return results;
  };
  const certificateAuthority = { testPolicy };
  const outcome = await gatehouse(["policy", "test", ...args], { workingDirectory: "/here", certificateAuthority });
  return { ...outcome, options: seen[0] };
}

test("policy test hands over what was said, and prints a table of cases", async () => {
  const { code, stdout, options } = await policyTest(["cases.yaml", "--config", "g.yaml", "--ask-outside"]);
  expect(options).toEqual({ configFile: "/here/g.yaml", casesFile: "/here/cases.yaml", asksOutside: true });
  expect([code, stdout]).toEqual([
    0,
    "CASE             EXPECTED   OUTCOME    BY       REASON      RESULT\n" +
      "a worker joins   approved   approved   policy   FirstJoin   ok\n",
  ]);
  const { options: plain } = await policyTest(["/cases.yaml"]);
  expect(plain).toEqual({ configFile: undefined, casesFile: "/cases.yaml", asksOutside: false });
});

test("cases that failed are told with what the hooks said, and end with exit code 1", async () => {
  const { code, stdout, stderr } = await policyTest(["cases.yaml"], [OK, BAD]);
  expect([code, stderr]).toEqual([1, "error: 1 of 2 cases failed\n"]);
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toMatch(
    /FAILED\n\na laptop.*:\n {2}outcome: expected denied, got pending\nHOOK +VERDICT +REASON +MESSAGE\n/,
  );
  expect(stdout).toMatch(/policy +noOpinion +Held +held \(rule names\)\nmanual +noOpinion +WaitsForPerson +waits\n$/);
});

test("policy test prints JSON for programs", async () => {
  const { code, stdout } = await policyTest(["cases.yaml", "-o", "json"], [OK, BAD]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    kind: "PolicyTestReport",
    summary: { passed: 1, failed: 1 },
    cases: [
      { name: "a worker joins", passed: true, hook: "policy", trace: [{ evidence: { rule: "first-join" } }] },
      { passed: false, expected: { outcome: "denied" }, outcome: "pending", differences: [expect.any(String)] },
    ],
  });
});

test("bad input ends with exit code 2, a defect with its stack", async () => {
  const refused = await policyTest(
    ["cases.yaml"],
    Object.assign(new Error("cases.yaml is odd"), { name: "PolicyTestError" }),
  );
  expect([refused.code, refused.stderr]).toEqual([2, "error: cases.yaml is odd\n"]);
  expect((await policyTest([])).code).toBe(2);
  const defect = await policyTest(["cases.yaml"], new TypeError("oh"));
  expect(defect.code).toBe(1);
  expect(defect.stderr).toContain("defect of gatehouse");
});

test("policy check prints the hooks, or what is wrong with exit code 1", async () => {
  const checked: CheckedPolicy = {
    hooks: [{ name: "ours", kind: "policy", required: true }],
    rules: [{ hook: "ours", name: "names", effect: "deny", where: "/p.yaml" }],
  };
  const check = (checkPolicy: () => Promise<CheckedPolicy>, ...args: string[]) =>
    gatehouse(["policy", "check", "--config", "g.yaml", ...args], { certificateAuthority: { checkPolicy } });
  const hookTable = "HOOK   KIND     REQUIRED\nours   policy   yes\n";
  const ruleTable = "HOOK   RULE    EFFECT   FILE\nours   names   deny     /p.yaml\n";
  expect(await check(async () => checked)).toMatchObject({ code: 0, stdout: `${hookTable}\n${ruleTable}` });
  expect(await check(async () => ({ ...checked, rules: [] }))).toMatchObject({ stdout: hookTable });
  const { stdout } = await check(async () => checked, "-o", "json");
  expect(JSON.parse(stdout)).toMatchObject({ kind: "ApprovalCheck", ...checked });
  const refused = await check(async () => {
    throw Object.assign(new Error("rules[0] (a) deny: odd"), { name: "PolicyError" });
  });
  expect(refused).toMatchObject({ code: 1, stderr: "error: rules[0] (a) deny: odd\n" });
});
