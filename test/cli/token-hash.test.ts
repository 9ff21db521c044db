import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { isStaticToken, parseStaticToken } from "../../services/shared/static-token.ts";
import { gatehouse } from "./fixture.ts";

const NOT_SHOWN = "This token is not shown again.\n";

test("hash prints a line for the token file, and its token on standard error", async () => {
  const groups = ["--group", "a", "--group", "b: c"];
  const { code, stdout, stderr } = await gatehouse([
    "token",
    "hash",
    "--user",
    "alice",
    "--uid",
    "7",
    "--ttl",
    "1h",
    ...groups,
  ]);
  expect([code, stdout.split("\n")]).toEqual([0, [expect.any(String), ""]]);
  const [entry] = parse(stdout) as [{ id: string; hash: string }];
  expect(entry).toMatchObject({ user: "alice", uid: "7", groups: ["a", "b: c"], expires: "2026-01-02T04:04:05.000Z" });
  const token = parseStaticToken(stderr.replace(`\n${NOT_SHOWN}`, ""));
  if (token === undefined) throw new Error(`no token in ${stderr}`);
  expect(token.id).toBe(entry.id);
  expect(await isStaticToken(token, entry.hash)).toBe(true);
  expect(stdout).not.toContain(token.secret);
});

test("hash prints both as JSON", async () => {
  const { stdout, stderr } = await gatehouse(["token", "hash", "--user", "alice", "-o", "json"]);
  const { token, entry } = JSON.parse(stdout) as { token: string; entry: object };
  expect(parseStaticToken(token)).toBeDefined();
  expect(Object.keys(entry)).toEqual(["id", "user", "groups", "hash"]);
  expect(stderr).toBe("The token is not shown again.\n");
});

test("hash needs a user", async () => {
  const { code, stderr } = await gatehouse(["token", "hash"]);
  expect([code, stderr]).toEqual([2, "error: required option '--user <name>' not specified\nSee --help.\n"]);
});
