import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { StatusError } from "../../services/shared/status-error.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { startAdminServer } from "./admin-server.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;
const directory = temporaryDirectory();
const AT = new Date("2026-03-04T05:06:07Z");
const USER = expect.stringMatching(/.+/);

beforeAll(async () => {
  server = await startAdminServer();
});
beforeEach(() => {
  server.issuerRotation.steps.splice(0);
  server.issuerRotation.failure = undefined;
  server.issuerRotation.outcome = { kind: "prepared", id: "ab" };
  server.issuerRotation.current = {
    ...{ name: "default", phase: "prepared", summary: "1 of 12 consumers are shown to trust it" },
    ...{ moved: { count: 0, of: 1 }, refusal: undefined },
    trust: {
      shown: 1,
      total: 13,
      missing: Array.from({ length: 12 }, (_, index) => `system:node:${index}`),
      isGiven: undefined,
    },
    slots: [
      {
        ...{ id: "ab".repeat(32), slot: "prepared", commonName: "ca", keyAlgorithm: "ecdsa-p256", isBridged: false },
        ...{ notBefore: AT, notAfter: AT, createdAt: AT, lastEnds: undefined },
        ...{ liveCertificates: 0, nodeCertificates: 0, inTheWay: 0 },
      },
    ],
  };
});
afterAll(() => server.close());

test("status shows every issuer in a line, one with its slots and who is missing, and JSON as it comes", async () => {
  const all = await server.command(["issuer", "status"]);
  expect(all.stdout).toBe(
    "NAME      PHASE      PROGRESS\ndefault   prepared   1 of 12 consumers are shown to trust it\n",
  );
  const one = await server.command(["issuer", "status", "nodes"]);
  expect(one.stdout).toContain("system:node:9, and 2 more");
  expect(one.stdout).toMatch(/abababababababab +prepared +ecdsa-p256 +0 +0 +0 +2026-03-04T05:06:07Z/);
  const json = await server.command(["issuer", "status", "nodes", "-o", "json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ kind: "IssuerRotation", name: "nodes", trust: { total: 13 } });
});

test("each step is asked for as it was said", async () => {
  const chain = join(directory, "chain.pem");
  writeFileSync(chain, "chain\n");
  const run = async (...args: readonly string[]): Promise<void> =>
    expect(await server.command(["issuer", ...args])).toMatchObject({ code: 0, stderr: "" });
  await run("prepare", "default", "--bridge");
  await run("prepare", "nodes", "--chain", chain);
  await run("activate", "default", "--force", "consumers-not-shown-to-trust");
  await run("retire", "default", "--issuer", "cd".repeat(32), "--force", "live-certificates");
  await run("abandon", "default");
  expect(server.issuerRotation.steps).toEqual([
    ["prepare", "default", { bridge: true, chainPem: undefined }, USER],
    ["prepare", "nodes", { bridge: false, chainPem: "chain\n" }, USER],
    ["activate", "default", ["consumers-not-shown-to-trust"], USER],
    ["retire", "default", "cd".repeat(32), ["live-certificates"], USER],
    ["abandon", "default", USER],
  ]);
});

test("of an issuer that is signed elsewhere, preparing prints the request, or writes it", async () => {
  server.issuerRotation.outcome = { kind: "awaitsCertificate", requestPem: "request\n" };
  expect((await server.command(["issuer", "prepare", "nodes"])).stdout).toBe("request\n");
  const output = join(directory, "nodes.csr");
  await server.command(["issuer", "prepare", "nodes", "--output", output]);
  expect(readFileSync(output, "utf8")).toBe("request\n");
});

test.each([
  { args: ["prepare", "default", "--chain", "/does/not/exist"], stderr: "cannot read --chain /does/not/exist" },
  { args: ["activate", "default", "--force", "yes"], stderr: "consumers-not-shown-to-trust" },
  { args: ["retire"], stderr: "missing required argument 'name'" },
])("$args is refused before anything is asked", async ({ args, stderr }) => {
  const result = await server.command(["issuer", ...args]);
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain(stderr);
  expect(server.issuerRotation.steps).toEqual([]);
});

test("a refusal is told with its reason", async () => {
  server.issuerRotation.failure = new StatusError("Conflict", "1 of 2 consumers are not shown to trust the new CA");
  const result = await server.command(["issuer", "activate", "default"]);
  expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("1 of 2 consumers are not shown to trust") });
});
