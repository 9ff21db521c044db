import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { decisionRecord } from "../builders/records.ts";
import { storedCsr } from "../builders/stored-csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { startAdminServer } from "./admin-server.ts";
import { NOW } from "./fixture.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;
const workingDirectory = temporaryDirectory();
const PEM = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
const SIGNER = "kubernetes.io/kubelet-serving";

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.decisions.records.length = 0;
  server.issuance.rehearsals.length = 0;
  const { outcome, hook, reason, message, trace } = decisionRecord();
  const decision = { outcome, hook, reason, message, trace };
  server.issuance.rehearsal = { csr: storedCsr("csr-1"), decision, decidedAt: NOW };
});

const explain = (...args: string[]) => server.command(["csr", "explain", ...args], { workingDirectory });

function saved(name: string, text: string): string {
  writeFileSync(join(workingDirectory, name), text);
  return name;
}

const DENIED = decisionRecord({
  ...{ outcome: "denied", hook: "policy", reason: "TooLong", message: "asks for a year" },
  trace: [
    { ...decisionRecord().trace[0], hook: "manual", kind: "noOpinion", required: false },
    {
      ...{ hook: "policy", required: true, kind: "denied", reason: "TooLong", message: "asks for a year" },
      evidence: { rule: "max-lifetime", hint: "ask for 86400 s or less", asked: { seconds: 31_536_000 } },
      durationMicroseconds: 7,
    },
  ].map((entry) => ({ ...{ reason: "", message: "", evidence: {}, durationMicroseconds: 0 }, ...entry })) as never,
});

test("people see each hook with its evidence below it, and what would change the outcome", async () => {
  server.decisions.records.push(decisionRecord(), DENIED);
  const { code, stdout } = await explain("csr-abcde");
  expect(code).toBe(0);
  expect(stdout).toBe(
    [
      "Request:     csr-abcde",
      "Signer:      kubernetes.io/kube-apiserver-client-kubelet",
      "Requester:   system:bootstrap:abcdef",
      "Outcome:     denied",
      "Reason:      TooLong",
      "Message:     asks for a year",
      "Decided:     2026-01-01T00:05:00Z by gatehouse (policy)",
      "",
      "HOOK                VERDICT     REASON          MESSAGE",
      "manual              noOpinion   NobodyDecided   nobody has decided yet",
      "policy (required)   denied      TooLong         asks for a year",
      "  ├─ rule: max-lifetime",
      '  └─ asked: {"seconds":31536000}',
      "",
      "It would be",
      "  approved if policy did not deny it; the hooks behind it would be asked then; one of the hooks has to approve",
      "    policy: ask for 86400 s or less",
      "",
    ].join("\n"),
  );
});

test.each(["json", "yaml"])("programs get the whole decision as %s", async (format) => {
  server.decisions.records.push(DENIED);
  const { stdout } = await explain("csr-abcde", "-o", format);
  const decision = format === "json" ? JSON.parse(stdout) : parse(stdout);
  expect(decision).toMatchObject({ kind: "Decision", outcome: "denied", trace: DENIED.trace });
  expect(decision.explanation.flips[0].changes[0].hint).toBe("ask for 86400 s or less");
});

test("a request that nobody has judged yet", async () => {
  server.requests.objects.set("csr-new", storedCsr("csr-new"));
  expect(await explain("csr-new")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("nothing has been decided"),
  });
});

test("a manifest is decided without being made, as somebody else", async () => {
  const spec = { request: Buffer.from(PEM).toString("base64"), signerName: SIGNER, usages: ["server auth"] };
  const csr = {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "a" },
    spec,
  };
  const file = saved("request.yaml", JSON.stringify(csr));
  const { stdout, code } = await explain("-f", file, "--as", "system:node:a", "--as-group", "system:nodes");
  expect(code).toBe(0);
  expect(stdout).toContain("Outcome:     approved (nothing was stored)");
  expect(server.issuance.rehearsals).toMatchObject([
    { requester: { username: "system:node:a", groups: ["system:nodes", "system:authenticated"] }, draft: { spec } },
  ]);
});

test("a CSR in PEM needs a signer, and may ask for usages and a lifetime", async () => {
  const file = saved("a.csr", PEM);
  await explain("-f", file, "--signer", SIGNER, "--usage", "server auth", "--lifetime", "1h");
  expect(server.issuance.rehearsals[0]?.draft.spec).toMatchObject({
    ...{ signerName: SIGNER, usages: ["server auth"], expirationSeconds: 3600 },
  });
});

test.each([
  { name: "neither a name nor a file", args: [], says: "give the name of a request or --file" },
  { name: "both", args: ["a", "-f", "b"], says: "give the name of a request or --file" },
  { name: "PEM without a signer", args: ["-f", saved("b.csr", PEM)], says: "--signer" },
  {
    name: "groups without a user",
    args: ["-f", saved("c.csr", PEM), "--signer", SIGNER, "--as-group", "g"],
    says: "--as",
  },
])("$name is a mistake of the command line", async ({ args, says }) => {
  expect(await explain(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
});

test.each([
  { name: "missing.yaml", text: undefined, says: "cannot read" },
  { name: "pod.yaml", text: "kind: Pod", says: "neither a CertificateSigningRequest nor a CSR" },
  { name: "broken.yaml", text: "{", says: "neither a CertificateSigningRequest nor a CSR" },
])("a file that is none: $name", async ({ name, text, says }) => {
  if (text !== undefined) saved(name, text);
  expect(await explain("-f", name)).toMatchObject({ code: 1, stderr: expect.stringContaining(says) });
});

test("text of others cannot paint the terminal", async () => {
  const trace = DENIED.trace.map((entry) => ({ ...entry, evidence: { hint: "\u001b[31mred", name: "\u001b[2J" } }));
  server.decisions.records.push({ ...DENIED, trace });
  expect((await explain("csr-abcde")).stdout).not.toContain("\u001b");
});
