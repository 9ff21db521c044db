import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import type { ReviewInput } from "../../../../services/certificate-authority/domain/ports.ts";
import { facts } from "../../../builders/facts.ts";
import { request } from "../../../builders/request.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { reviewInput } from "../../../fakes/review-history.ts";
import { contentOf, gone, hookFor, INPUT, programWith } from "./script-fixture.ts";

/** A program that stays, its answer to `document` being the JavaScript expression; it notes its starts in the directory. */
function server(expression: string, directory = temporaryDirectory()) {
  const text = `#!${process.execPath}
import { appendFileSync, existsSync } from "node:fs";
import { createInterface } from "node:readline";
const starts = ${JSON.stringify(`${directory}/starts`)};
const again = existsSync(starts);
appendFileSync(starts, process.pid + "\\n");
const say = (answer) => process.stdout.write(typeof answer === "string" ? answer : JSON.stringify(answer) + "\\n");
createInterface({ input: process.stdin }).on("line", (line) => {
  const document = JSON.parse(line);
  const { uid, name } = document.request;
  ${expression};
});
`;
  return {
    file: programWith(text, directory),
    starts: () => readFileSync(`${directory}/starts`, "utf8").trim().split("\n"),
  };
}

const STAYS = { settings: { mode: "server" } } as const;

function input(name: string): ReviewInput {
  return reviewInput({ csr: request({ metadata: { name, uid: `uid-${name}` } }), facts: facts(), now: new Date(0) });
}

test("a program that stays answers many requests, each its own", async () => {
  const { file, starts } = server(
    `setTimeout(() => say({ decision: "approve", uid, evidence: { name } }), Math.random() * 5)`,
  );
  const { ask } = hookFor([file], { ...STAYS, concurrency: 3 });
  const names = Array.from({ length: 200 }, (_, index) => `csr-${index}`);
  const verdicts = await Promise.all(names.map((name) => ask(input(name))));
  expect(verdicts.map(({ evidence }) => evidence["name"])).toEqual(names);
  expect(starts().length).toBeLessThanOrEqual(3);
});

test.each([
  {
    name: "an answer without the request's uid",
    says: "the answer's uid is not",
    expression: `say({ decision: "approve" })`,
  },
  {
    name: "an answer to another request",
    says: "the answer's uid is not",
    expression: `say({ decision: "approve", uid: "other" })`,
  },
  {
    name: "two lines",
    says: "it wrote more than one line",
    expression: `say('{"decision":"approve"}\\n{"decision":"deny"}\\n')`,
  },
  { name: "garbage", says: "the answer is not valid JSON", expression: `say("approve\\n")` },
  {
    name: "no UTF-8",
    says: "the program's answer is not UTF-8",
    expression: "process.stdout.write(Buffer.from([0xff, 0x0a]))",
  },
  { name: "an end", says: "it ended instead of answering", expression: "process.exit(114)" },
  {
    name: "an answer that is cut",
    says: "it ended instead of answering",
    expression: `process.stdout.write('{"decision":"app', () => process.exit(0))`,
  },
  { name: "an endless line", says: "it wrote more than 1000 bytes", expression: `say("x".repeat(2000))` },
])("$name is no answer, and the next request is answered", async ({ says, expression }) => {
  const { file } = server(`if (again || name === "second") say({ decision: "deny", uid }); else { ${expression}; }`);
  const { ask } = hookFor([file], { settings: { mode: "server", outputLimitBytes: 1000 }, concurrency: 1 });
  await expect(ask(input("first"))).rejects.toThrow(says);
  expect(await ask(input("second"))).toMatchObject({ kind: "denied" });
});

test("a program that speaks unasked is ended before it is taken for an answer", async () => {
  const { file, starts } = server(
    `process.on("SIGUSR1", () => say({ decision: "approve", uid })); say({ decision: "noOpinion", uid })`,
  );
  const { ask } = hookFor([file], { ...STAYS, concurrency: 1 });
  expect(await ask()).toMatchObject({ kind: "noOpinion" });
  const first = Number(starts()[0]);
  process.kill(first, "SIGUSR1");
  await gone(first);
  expect(await ask()).toMatchObject({ kind: "noOpinion" });
  expect(starts()).toHaveLength(2);
});

test("a program that stays and hangs is ended at the time limit, and another takes its place", async () => {
  const { file, starts } = server(`if (again) say({ decision: "skip", uid })`);
  const { ask } = hookFor([file], { ...STAYS, timeoutSeconds: 2, concurrency: 1 });
  await expect(ask()).rejects.toThrow("no answer within 2 s");
  expect(await ask()).toMatchObject({ kind: "skipped" });
  expect(starts()).toHaveLength(2);
  await gone(Number(starts()[0]));
});

test("what a program says after the time limit, while it is being ended, is nobody's answer", async () => {
  const { file, starts } = server(
    `process.on("SIGTERM", () => { say({ decision: "approve", uid }); setTimeout(() => process.exit(0), 500); }); if (again) say({ decision: "skip", uid })`,
  );
  const { ask } = hookFor([file], { ...STAYS, timeoutSeconds: 2, concurrency: 1 });
  await expect(ask()).rejects.toThrow("no answer within 2 s");
  expect(await ask()).toMatchObject({ kind: "skipped" });
  expect(starts()).toHaveLength(2);
});

test("closing ends programs that stay", async () => {
  const directory = temporaryDirectory();
  const { file } = server(`say({ decision: "skip", uid })`, directory);
  const { ask, hook } = hookFor([file], STAYS);
  await ask(INPUT);
  await hook.close?.(false);
  await gone(Number(await contentOf(`${directory}/starts`)));
});
