import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { checkPolicy, testPolicy } from "../../services/certificate-authority/policy.ts";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";

const POLICIES = join(import.meta.dirname, "../../config/policies");
const APPROVAL = join(import.meta.dirname, "../../config/approval");
const directory = temporaryDirectory();
const RULES = [
  { name: "ours", when: "nodeName != ''", require: "nodeName.startsWith('worker-')", reason: "NotOurs" },
  { name: "site", deny: "request.labels['site'] == 'moon'" },
  { name: "join", approve: "'system:bootstrappers' in requester.groups" },
];

function written(name: string, content: object): string {
  const file = join(directory, name);
  writeFileSync(file, JSON.stringify({ apiVersion: "gatehouse.dev/v1", ...content }));
  return file;
}

const LABELLED = { request: { labels: { site: "earth" } } };

async function run(
  cases: readonly object[],
  { hooks = [{ policy: { rules: RULES } }, { "kubelet-client": {} }], defaults = { given: LABELLED } as object } = {},
) {
  const configFile = written("gatehouse.yaml", { kind: "GatehouseConfiguration", approval: { hooks } });
  const named = cases.map((each, index) => ({ name: `case-${index}`, ...each }));
  const casesFile = written("cases.yaml", { kind: "PolicyTest", defaults, cases: named });
  return testPolicy({ configFile, casesFile, asksOutside: false });
}

async function outcomeOf(given: object, verdicts: object = {}) {
  const [result] = await run([{ given, verdicts, expect: "approved" }]);
  return result;
}

test.each([
  { name: "of the library", directory: POLICIES, config: "example-configuration.yaml", cases: "example-cases.yaml" },
  { name: "of the fourth step", directory: APPROVAL, config: "4-automatic.yaml", cases: "cases.yaml" },
])("the cases $name are all as expected", async ({ directory, config, cases }) => {
  const configFile = join(directory, config);
  const casesFile = join(directory, cases);
  const results = await testPolicy({ configFile, casesFile, asksOutside: false });
  expect(results.length).toBeGreaterThan(8);
  expect(results.filter(({ hasPassed }) => !hasPassed)).toEqual([]);
});

test("what is not as expected is told: outcome, hook, reason, rule and message", async () => {
  const wrong = { outcome: "denied", hook: "manual", reason: "Because", rule: "ours", message: "moon" };
  const [result] = await run([{ expect: wrong }]);
  expect(result).toMatchObject({ hasPassed: false, outcome: "approved", hook: "policy", reason: "PolicyApproved" });
  expect(result?.differences).toEqual([
    "outcome: expected denied, got approved",
    "hook: expected manual, got policy",
    "reason: expected Because, got PolicyApproved",
    "rule: expected ours, got join",
    'message: expected "moon" in "rule join approves the request"',
  ]);
  const [right] = await run([{ expect: { outcome: "approved", hook: "policy", rule: "join", message: "approves" } }]);
  expect(right).toMatchObject({ hasPassed: true, differences: [] });
});

test("a hook that could not evaluate is its own outcome, never just pending", async () => {
  const [pending, failed] = await run([{ expect: "pending" }, { expect: "failed" }], { defaults: {} });
  expect(pending).toMatchObject({ hasPassed: false, outcome: "failed", reason: "HookFailed" });
  expect(failed).toMatchObject({ hasPassed: true });
});

test("a document has what is usual for its signer, and the pieces of its case over those of all", async () => {
  const serving = { signerName: "kubernetes.io/kubelet-serving" };
  expect(await outcomeOf({ nodeName: "worker-2" })).toMatchObject({ outcome: "approved" });
  expect(await outcomeOf({ subject: { commonName: "system:node:x" } })).toMatchObject({ reason: "NotOurs" });
  expect(await outcomeOf({ request: { ...serving, labels: { site: "earth" } } })).toMatchObject({ outcome: "pending" });
  expect(
    await outcomeOf({ request: { signerName: "kubernetes.io/kube-apiserver-client", labels: { site: "moon" } } }),
  ).toMatchObject({ outcome: "denied" });
  expect(await outcomeOf({ request: { name: "a" } })).toMatchObject({ outcome: "approved" });
  expect(await outcomeOf({ boundNodeName: "worker-9" })).toMatchObject({ hook: "bootstrap-token" });
  expect(await outcomeOf({ requester: { groups: [] } })).toMatchObject({ outcome: "pending" });
  expect(await outcomeOf({ requester: { groups: [] } }, { "kubelet-client": "approved" })).toMatchObject({
    outcome: "approved",
    hook: "kubelet-client",
  });
  const said = { kind: "denied", reason: "Said", message: "said so" };
  expect(await outcomeOf({}, { "kubelet-client": said })).toMatchObject({
    outcome: "denied",
    reason: "Said",
    message: "said so",
  });
  expect(await outcomeOf({}, { "key-policy": "denied" })).toMatchObject({ outcome: "denied", hook: "key-policy" });
});

test("earlier certificates are completed", async () => {
  const rule = {
    name: "renewal",
    approve:
      "previous.exists(c, c.state == 'valid' && c.notAfter > now && c.issuedAt < now && size(c.sans.dnsNames) == 0)",
  };
  const [result] = await run(
    [{ given: { requester: { username: "system:node:worker-1" }, previous: [{ serial: "2a" }] }, expect: "approved" }],
    {
      hooks: [{ policy: { rules: [rule] } }],
    },
  );
  expect(result).toMatchObject({ hasPassed: true });
});

test("a CSR says subject, names and key by itself", async () => {
  const { pem } = buildCsr({ commonName: "system:node:laptop", dnsNames: ["laptop"] });
  writeFileSync(join(directory, "laptop.csr"), pem);
  writeFileSync(join(directory, "worker.csr"), buildCsr({ commonName: "system:node:worker-3" }).pem);
  const [laptop, worker] = await run([
    { csrFile: "laptop.csr", expect: { outcome: "denied", reason: "NotOurs" } },
    { csrFile: "worker.csr", given: { request: { expirationSeconds: 3600 } }, expect: "approved" },
  ]);
  expect(laptop).toMatchObject({ differences: [] });
  expect(worker).toMatchObject({ differences: [] });
});

test.each([
  { name: "an unknown piece", cases: [{ given: { nodename: "a" }, expect: "approved" }], says: /nodename/ },
  { name: "an unknown outcome", cases: [{ expect: "maybe" }], says: /expect/ },
  { name: "no case", cases: [], says: /cases/ },
  {
    name: "two cases of one name",
    cases: [
      { name: "a", expect: "approved" },
      { name: "a", expect: "denied" },
    ],
    says: /two cases named "a"/,
  },
  {
    name: "a verdict of a stranger",
    cases: [{ verdicts: { people: "approved" }, expect: "approved" }],
    says: /case "case-0": verdicts\.people: people is no hook of the chain; stated are: kubelet-client, key-policy, supersede, pending-limits/,
  },
  {
    name: "a verdict of who judges",
    cases: [{ verdicts: { policy: "approved" }, expect: "approved" }],
    says: /policy judges by itself/,
  },
  {
    name: "a CSR that is not there",
    cases: [{ csrFile: "absent.csr", expect: "approved" }],
    says: /case-0.*absent\.csr/,
  },
  {
    name: "a CSR that is none",
    cases: [{ csrFile: "cases.yaml", expect: "approved" }],
    says: /case-0.*the CSR holds no PEM block/,
  },
  {
    name: "a CSR and a subject",
    cases: [{ csrFile: "a.csr", given: { subject: {} }, expect: "approved" }],
    says: /leave them out of given/,
  },
  {
    name: "two names",
    cases: [{ given: { nodeName: "a", subject: { commonName: "b" } }, expect: "approved" }],
    says: /nodeName is a, but the subject says b/,
  },
])("$name is bad input", async ({ cases, says }) => {
  await expect(run(cases)).rejects.toThrow(
    expect.objectContaining({ name: "PolicyTestError", message: expect.stringMatching(says) }),
  );
});

test.each([
  { name: "is not there", text: undefined, says: /cannot read/ },
  { name: "is no YAML", text: "[", says: /not valid YAML/ },
  { name: "nests without end", text: "[".repeat(200_000), says: /not valid YAML/ },
  { name: "is of another kind", text: "{}", says: /apiVersion/ },
])("a file of cases that $name is bad input", async ({ text, says }) => {
  const casesFile = join(directory, text === undefined ? "absent.yaml" : "other.yaml");
  if (text !== undefined) writeFileSync(casesFile, text);
  await expect(testPolicy({ casesFile, asksOutside: false })).rejects.toThrow(says);
});

test("a chain is checked without cases", async () => {
  const hooks = [{ manual: {} }, { policy: { name: "ours", required: true, rules: RULES } }];
  const configFile = written("check.yaml", { kind: "GatehouseConfiguration", approval: { hooks } });
  const { hooks: checked, rules } = await checkPolicy({ configFile });
  expect(checked).toEqual([
    { name: "manual", kind: "manual", required: false, isStated: true },
    { name: "ours", kind: "policy", required: true, isStated: false },
  ]);
  expect(rules.map(({ hook, name, effect }) => `${hook} ${name} ${effect}`)).toEqual([
    "ours ours require",
    "ours site deny",
    "ours join approve",
  ]);
  const example = await checkPolicy({ configFile: join(POLICIES, "example-configuration.yaml") });
  expect(example.rules).toContainEqual({
    ...{ hook: "policy", name: "one-machine", effect: "hold", where: join(POLICIES, "one-machine.yaml") },
  });
  const broken = [{ policy: { rules: [{ name: "a", deny: "nodeNam == ''" }] } }];
  const brokenFile = written("broken.yaml", { kind: "GatehouseConfiguration", approval: { hooks: broken } });
  await expect(checkPolicy({ configFile: brokenFile })).rejects.toThrow(/\(a\) deny: .*Unknown variable: nodeNam/);
});

test("guards look at earlier certificates, and say what is stated of other requests", async () => {
  const taken = { given: { previous: [{ serial: "2a" }] } };
  const [held, mine, superseded, full] = await run([
    { ...taken, expect: "pending" },
    { ...taken, given: { previous: [{ spkiSha256: "ab".repeat(32) }] }, expect: "approved" },
    {
      verdicts: { supersede: { kind: "denied", reason: "Superseded" } },
      expect: { outcome: "denied", hook: "supersede" },
    },
    { given: { requester: { groups: [] } }, verdicts: { "pending-limits": "denied" }, expect: "denied" },
  ]);
  expect(held?.trace).toContainEqual(expect.objectContaining({ hook: "first-join", reason: "NodeNameTaken" }));
  for (const result of [held, mine, superseded, full]) expect(result?.differences).toEqual([]);
});

test("guards do as they are configured", async () => {
  const of = async (firstJoin: string) => {
    const approval = { guards: { firstJoin }, hooks: [{ policy: { rules: RULES } }] };
    const configFile = written("guards.yaml", { kind: "GatehouseConfiguration", approval });
    const given = { ...LABELLED, previous: [{}] };
    const casesFile = written("guarded.yaml", { kind: "PolicyTest", cases: [{ name: "a", given, expect: "denied" }] });
    const [result] = await testPolicy({ configFile, casesFile, asksOutside: false });
    return result?.outcome;
  };
  expect([await of("allow"), await of("hold"), await of("deny")]).toEqual(["approved", "pending", "denied"]);
});

test("programs are run only with asksOutside; otherwise their verdicts are stated", async () => {
  const program = join(directory, "says-no");
  writeFileSync(program, `#!/bin/sh\necho '{"decision":"deny","reason":"SaidNo","message":"no"}'\n`, { mode: 0o755 });
  const hooks = [{ script: { command: [program] } }];
  const configFile = written("outside.yaml", { kind: "GatehouseConfiguration", approval: { hooks } });
  const plain = { name: "a", expect: "denied" };
  const stated = { name: "b", verdicts: { script: "approved" }, expect: "approved" };
  const outcomes = async (asksOutside: boolean, ...cases: object[]) => {
    const casesFile = written("outside-cases.yaml", { kind: "PolicyTest", cases });
    return (await testPolicy({ configFile, casesFile, asksOutside })).map(({ outcome, reason }) => [outcome, reason]);
  };
  expect(await outcomes(false, plain, stated)).toEqual([
    ["pending", "Pending"],
    ["approved", "Stated"],
  ]);
  expect(await outcomes(true, plain)).toEqual([["denied", "SaidNo"]]);
  await expect(outcomes(true, stated)).rejects.toThrow(/script judges by itself/);
});
