import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { startAdminServer } from "./admin-server.ts";
import { gatehouse } from "./fixture.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;
let directory: string;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  directory = join(temporaryDirectory(), "proofs");
  mkdirSync(directory);
  server.merkle.entries.length = 0;
  server.merkle.entries.push("one", "two", "three");
  server.merkle.certificates.set("0a1b2c", 2);
});

/** Runs a command and keeps what it prints in a file of that name. */
async function kept(name: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await server.command(["ledger", ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  writeFileSync(join(directory, name), stdout);
  return join(directory, name);
}

/** Without a server: there is none that it could ask. */
const offline = (...args: readonly string[]) => gatehouse(["ledger", "verify", ...args]);

test("a certificate's entry is proven, and the proof holds without a server", async () => {
  const key = await kept("ledger.pub", "checkpoint", "--public-key");
  const proof = await kept("proof.json", "prove", "0a1b2c");
  expect(await offline("--proof", proof, "--public-key", key)).toEqual({
    code: 0,
    stdout: "Sound:     yes\nEntries:   3\nEntry 2:   two\n",
    stderr: "",
  });
  const text = readFileSync(key, "utf8").trim();
  const { stdout } = await offline("--proof", proof, "--public-key", text, "-o", "json");
  expect(JSON.parse(stdout)).toEqual({ sound: true, size: 3, sequence: 2, entry: "two" });
});

test("that the ledger was only added to is proven from an old checkpoint, offline and by asking", async () => {
  const key = await kept("ledger.pub", "checkpoint", "--public-key");
  const old = await kept("old.txt", "checkpoint");
  server.merkle.entries.push("four", "five");
  const growth = await kept("growth.json", "prove", "--since", old);
  const sound = {
    code: 0,
    stdout: "Sound:                 yes\nEntries:               5\nOnly added to since:   3 entries\n",
    stderr: "",
  };
  expect(await offline("--proof", growth, "--checkpoint", old, "--public-key", key)).toEqual(sound);
  expect(await server.command(["ledger", "verify", "--checkpoint", old, "--public-key", key])).toEqual(sound);
});

test("a ledger that was rewritten does not grow out of the old checkpoint", async () => {
  const key = await kept("ledger.pub", "checkpoint", "--public-key");
  const old = await kept("old.txt", "checkpoint");
  server.merkle.entries.splice(1, 1, "another");
  server.merkle.entries.push("four");
  const { code, stderr } = await server.command(["ledger", "verify", "--checkpoint", old, "--public-key", key]);
  expect(code).toBe(1);
  expect(stderr).toContain(
    "error: the ledger did not grow out of that checkpoint: entries before it were changed or taken out",
  );
  server.merkle.entries.length = 2;
  const cut = await server.command(["ledger", "verify", "--checkpoint", old, "--public-key", key]);
  expect(cut).toMatchObject({ code: 1, stderr: expect.stringContaining("or was cut off") });
});

test.each([
  {
    name: "another entry",
    change: (text: string) => text.replace('"two"', '"TWO"'),
    message: "the entry is not in the ledger",
  },
  {
    name: "another place",
    change: (text: string) => text.replace('"sequence": 2', '"sequence": 1'),
    message: "not in the ledger",
  },
  {
    name: "another checkpoint",
    change: (text: string) => text.replace("\\n3\\n", "\\n4\\n"),
    message: "is not signed by that key",
  },
  { name: "no checkpoint", change: () => "{}", message: "this is no proof" },
  { name: "no JSON", change: () => "hello", message: "this is no proof" },
])("a proof with $name is refused", async ({ change, message }) => {
  const key = await kept("ledger.pub", "checkpoint", "--public-key");
  const proof = await kept("proof.json", "prove", "--sequence", "2");
  writeFileSync(proof, change(readFileSync(proof, "utf8")));
  const { code, stdout, stderr } = await offline("--proof", proof, "--public-key", key);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(message);
});

test("a proof of another checkpoint than the one given is told apart", async () => {
  const key = await kept("ledger.pub", "checkpoint", "--public-key");
  const old = await kept("old.txt", "checkpoint");
  server.merkle.entries.push("four");
  const proof = await kept("proof.json", "prove", "0a1b2c");
  const { code, stderr } = await offline("--proof", proof, "--checkpoint", old, "--public-key", key);
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("of another checkpoint than the one given"),
  });
});

test.each([
  { args: ["prove"], stderr: "error: nothing, or more than one thing, to prove\n" },
  { args: ["prove", "0a", "--sequence", "1"], stderr: "error: nothing, or more than one thing, to prove\n" },
  { args: ["prove", "--sequence", "0"], stderr: "Give a whole number, 1 or more." },
  { args: ["verify", "--proof", "x"], stderr: "error: a proof is verified with a public key\n" },
])("ledger $args is a misuse", async ({ args, stderr }) => {
  const outcome = await server.command(["ledger", ...args]);
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain(stderr);
});
