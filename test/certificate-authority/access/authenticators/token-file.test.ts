import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, test } from "@jest/globals";
import { createTokenFile } from "../../../../services/certificate-authority/access/authenticators/create-token-authenticators.ts";
import type { Upkeep } from "../../../../services/certificate-authority/access/authenticators/upkeep.ts";
import {
  formatStaticToken,
  hashStaticToken,
  newStaticToken,
  type StaticToken,
} from "../../../../services/shared/static-token.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const directory = temporaryDirectory();
const file = join(directory, "tokens.yaml");

let made: StaticToken;
let hash: string;
beforeAll(async () => {
  made = newStaticToken();
  hash = await hashStaticToken(made, { logN: 10, r: 8, p: 1 });
});

const entry = (more: object = {}) => ({ id: made.id, user: "alice", groups: ["admins"], hash, ...more });
const write = (...entries: readonly object[]) =>
  writeFileSync(file, entries.map((each) => `- ${JSON.stringify(each)}\n`).join(""));

beforeEach(() => write(entry()));

function open() {
  const clock = new SettableClock();
  const { logger, lines } = recordingLogger();
  const upkeep: Upkeep[] = [];
  const everyFewSeconds = (one: Upkeep): void => void upkeep.push(one);
  const authenticator = createTokenFile(file, { clock, logger, everyFewSeconds });
  const reload = (): void => {
    for (const one of upkeep) one.maintain();
  };
  return { authenticator, clock, lines, reload, due: () => upkeep.flatMap((one) => one.due()) };
}

const token = () => formatStaticToken(made);

test("a token names its line's user", async () => {
  expect(await open().authenticator.authenticate(token())).toEqual({
    kind: "user",
    user: { username: "alice", uid: "", groups: ["admins", "system:authenticated"], extra: {} },
  });
});

test.each<{ name: string; token: () => string; outcome: object }>([
  {
    name: "another secret",
    token: () => formatStaticToken({ ...made, secret: newStaticToken().secret }),
    outcome: { kind: "refused", isLasting: true },
  },
  {
    name: "an unknown id",
    token: () => formatStaticToken(newStaticToken()),
    outcome: { kind: "refused", isLasting: true },
  },
  { name: "a bootstrap token", token: () => "abcdef.0123456789abcdef", outcome: { kind: "nobody" } },
  { name: "a longer one", token: () => `${token()}x`, outcome: { kind: "nobody" } },
  { name: "one in capitals", token: () => token().toUpperCase(), outcome: { kind: "nobody" } },
  { name: "its hash", token: () => hash, outcome: { kind: "nobody" } },
])("$name is not let in", async ({ token: text, outcome }) => {
  const found = await open().authenticator.authenticate(text());
  expect(found).toMatchObject(outcome);
  expect(JSON.stringify(found)).not.toContain(text().slice(-43));
});

test("a token ends when its line says, also when it is remembered", async () => {
  write(entry({ expires: "2026-01-02T03:05:05Z" }));
  const { authenticator, clock } = open();
  expect((await authenticator.authenticate(token())).kind).toBe("user");
  clock.set("2026-01-02T03:05:04.999Z");
  expect((await authenticator.authenticate(token())).kind).toBe("user");
  clock.set("2026-01-02T03:05:05Z");
  expect(await authenticator.authenticate(token())).toMatchObject({
    kind: "refused",
    reason: `the token ${made.id} has expired`,
  });
});

test("a changed file counts at once, also for what is remembered", async () => {
  const { authenticator, reload, lines } = open();
  await authenticator.authenticate(token());
  write(entry({ user: "bob" }));
  reload();
  expect(await authenticator.authenticate(token())).toMatchObject({ user: { username: "bob" } });
  write();
  reload();
  expect((await authenticator.authenticate(token())).kind).toBe("refused");
  reload();
  expect(lines.map(({ msg }) => msg)).toEqual(Array(2).fill("authentication files were read again"));
});

test.each<{ name: string; spoil: () => void; says: string }>([
  { name: "broken YAML", spoil: () => writeFileSync(file, "- {"), says: "not valid YAML" },
  { name: "an unknown key", spoil: () => write(entry({ groupz: [] })), says: "groupz" },
  { name: "a token in place of its hash", spoil: () => write(entry({ hash: token() })), says: "must be a hash" },
  {
    name: "a hash too dear to compute",
    spoil: () => write(entry({ hash: hash.replace("ln=10", "ln=30") })),
    says: "must be a hash",
  },
  {
    name: "a hash too cheap to count",
    spoil: () => write(entry({ hash: hash.replace("ln=10", "ln=1") })),
    says: "must be a hash",
  },
  { name: "one id twice", spoil: () => write(entry(), entry({ user: "bob" })), says: "occurs twice" },
  { name: "no user", spoil: () => write(entry({ user: "" })), says: "user" },
  { name: "the anonymous user", spoil: () => write(entry({ user: "system:anonymous" })), says: "system:anonymous" },
  { name: "a date that is none", spoil: () => write(entry({ expires: "tomorrow" })), says: "expires" },
  { name: "no file at all", spoil: () => rmSync(file), says: "ENOENT" },
])("$name: the old file stays in force and it is said once; a start is refused", async ({ spoil, says }) => {
  const { authenticator, reload, lines } = open();
  spoil();
  reload();
  reload();
  const problem = expect.stringContaining(says);
  expect(lines).toEqual([expect.objectContaining({ level: "error", files: [file], problem })]);
  expect((await authenticator.authenticate(token())).kind).toBe("user");
  expect(open).toThrow(expect.objectContaining({ name: "AuthenticationSetupError", message: problem }));
  write(entry());
  reload();
  expect(lines.at(-1)).toMatchObject({ level: "info" });
});

test("an empty file lets nobody in and is no error", async () => {
  writeFileSync(file, "");
  expect((await open().authenticator.authenticate(token())).kind).toBe("refused");
});

test("a file that others may write is warned of", () => {
  chmodSync(file, 0o620);
  expect(open().lines).toEqual([expect.objectContaining({ level: "warn", mode: "620" })]);
  chmodSync(file, 0o644);
  expect(open().lines).toEqual([]);
});

test("a storm of guesses is turned away before memory ends", async () => {
  const { authenticator } = open();
  const guesses = Array.from({ length: 80 }, () => formatStaticToken({ id: made.id, secret: newStaticToken().secret }));
  const outcomes = await Promise.allSettled(guesses.map(async (guess) => authenticator.authenticate(guess)));
  const turnedAway = outcomes.filter(({ status }) => status === "rejected");
  expect(turnedAway).toHaveLength(80 - 2 - 64);
  expect(turnedAway[0]).toMatchObject({ reason: { code: 429 } });
  expect((await authenticator.authenticate(token())).kind).toBe("user");
});

test("what a reload would take is told without taking it", async () => {
  const { authenticator, reload, due } = open();
  expect(due()).toEqual([]);
  write();
  expect(due()).toEqual([file]);
  expect(await authenticator.authenticate(token())).toMatchObject({ kind: "user" });
  rmSync(file);
  expect(due()).toEqual([file]);
  write();
  reload();
  expect(due()).toEqual([]);
  expect(await authenticator.authenticate(token())).not.toMatchObject({ kind: "user" });
});
