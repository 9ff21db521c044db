import { execFileSync } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import type { RecordedLine } from "../../../fakes/recording-logger.ts";
import { contentOf, gone, hookFor, INPUT, shell } from "./script-fixture.ts";

test.each([
  { decision: "approve", kind: "approved", exitCode: 114, reason: "ScriptApproved" },
  { decision: "deny", kind: "denied", exitCode: 115, reason: "ScriptDenied" },
  { decision: "noOpinion", kind: "noOpinion", exitCode: 116, reason: "ScriptNoOpinion" },
  { decision: "skip", kind: "skipped", exitCode: 117, reason: "ScriptSkipped" },
])("a program answers $decision by JSON, or by exit code $exitCode", async ({ decision, kind, exitCode, reason }) => {
  const full = { decision, reason: "InList", message: "it is – in the list", evidence: { line: 3, of: ["a"] } };
  const written = await hookFor([shell(`cat <<'X'\n${JSON.stringify(full)}\nX`)]).ask();
  expect(written).toEqual({ kind, reason: full.reason, message: full.message, evidence: full.evidence });
  const short = await hookFor([shell(`echo '{"decision":"${decision}"}'`)]).ask();
  expect(short).toMatchObject({ kind, reason, evidence: {} });
  const silent = await hookFor([shell(`exit ${exitCode}`)]).ask();
  expect(silent).toEqual(short);
});

test("a program is told the whole review document, one line of JSON", async () => {
  const file = join(temporaryDirectory(), "told");
  await hookFor([shell(`cat > ${file}; exit 116`)]).ask();
  const told = await contentOf(file);
  expect(told).not.toContain("\n");
  expect(JSON.parse(told)).toEqual(await INPUT.document());
});

test.each([
  { name: "an exit code that means nothing", text: "exit 3", says: "the program ended with exit code 3" },
  { name: "a command that is not found", text: "no-such-command-here", says: "the program ended with exit code 127" },
  { name: "a crash", text: "kill -SEGV $$", says: "the program was ended by SIGSEGV" },
  { name: "garbage", text: "echo approve", says: "the answer is not valid JSON" },
  { name: "nothing at all", text: "exit 0", says: "the program ended with exit code 0 and wrote no decision" },
  { name: "a partial answer", text: `printf '{"decision":"approve"'`, says: "the answer is not valid JSON" },
  {
    name: "two answers",
    text: `echo '{"decision":"approve"}{"decision":"deny"}'`,
    says: "the answer is not valid JSON",
  },
  { name: "a key twice", text: `echo '{"decision":"deny","decision":"approve"}'`, says: "the answer has a key twice" },
  {
    name: "no UTF-8",
    text: `printf '{"decision":"approve","message":"\\377"}'`,
    says: "the program's answer is not UTF-8",
  },
  {
    name: "an unknown decision",
    text: `echo '{"decision":"approved"}'`,
    says: "the answer's decision is not as it should be",
  },
  {
    name: "an unknown key",
    text: `echo '{"decision":"approve","Message":"x"}'`,
    says: "the answer has keys that mean nothing",
  },
  { name: "no object", text: `echo '["approve"]'`, says: "the answer is not as it should be" },
  {
    name: "a reason of two words",
    text: `echo '{"decision":"deny","reason":"two words"}'`,
    says: "the answer's reason",
  },
  {
    name: "a message that paints",
    text: `echo '{"decision":"deny","message":"\\u001b[2J"}'`,
    says: "the answer's message",
  },
  {
    name: "evidence that paints",
    text: `echo '{"decision":"deny","evidence":{"a":["\\u009b"]}}'`,
    says: "the answer's evidence",
  },
  {
    name: "an answer and an exit code",
    text: `echo '{"decision":"deny"}'; exit 114`,
    says: "wrote an answer and ended with exit code 114",
  },
  {
    name: "an answer before a crash",
    text: `echo '{"decision":"approve"}'; exit 1`,
    says: "the program ended with exit code 1",
  },
])("$name is no answer", async ({ text, says }) => {
  await expect(hookFor([shell(text)]).ask()).rejects.toThrow(says);
});

test("evidence is bounded in size and depth", async () => {
  const answer = (evidence: object) => shell(`cat <<'X'\n${JSON.stringify({ decision: "deny", evidence })}\nX`);
  await expect(hookFor([answer({ a: "x".repeat(4096) })]).ask()).rejects.toThrow("at most 4096 characters");
  const deep = { a: { a: { a: { a: { a: { a: { a: { a: {} } } } } } } } };
  await expect(hookFor([answer(deep)]).ask()).rejects.toThrow("at most 8 deep");
});

test("a program that writes too much is ended, and what it began is no answer", async () => {
  const flood = shell(`printf '{"decision":"approve","message":"'; exec tr '\\0' x < /dev/zero`);
  const { ask } = hookFor([flood], { settings: { outputLimitBytes: 4096 } });
  await expect(ask()).rejects.toThrow("it wrote more than 4096 bytes");
});

test("at the time limit the program goes with all that it started, and the trap does not help it", async () => {
  const directory = temporaryDirectory();
  const program = shell(
    `trap '' TERM\nsh -c 'trap "" TERM; echo $$ > ${directory}/child; while :; do sleep 1; done' &\necho $$ > ${directory}/parent\nwhile :; do sleep 1; done`,
  );
  const { hook, ask } = hookFor([program], { timeoutSeconds: 1 });
  const asked = ask();
  const outcome = expect(asked).rejects.toThrow("no answer within 1 s");
  const pids = [await contentOf(`${directory}/parent`), await contentOf(`${directory}/child`)].map(Number);
  await outcome;
  await Promise.all(pids.map(gone));
  expect(hook.load?.()).toEqual({ asking: 0, waiting: 0 });
});

test("what a program leaves behind is ended with it", async () => {
  const directory = temporaryDirectory();
  const program = shell(
    `sh -c 'echo $$ > ${directory}/child; exec sleep 1000' &\nwhile [ ! -s ${directory}/child ]; do sleep 0.05; done\nexit 116`,
  );
  await hookFor([program]).ask();
  await gone(Number(await contentOf(`${directory}/child`)));
});

test("closing ends programs that run, and whoever waits is told", async () => {
  const directory = temporaryDirectory();
  const { hook, ask } = hookFor([shell(`trap '' TERM\necho $$ > ${directory}/pid\nwhile :; do sleep 1; done`)]);
  const refused = expect(ask()).rejects.toThrow("the hook is no longer asked");
  const pid = Number(await contentOf(`${directory}/pid`));
  await hook.close?.(true);
  await refused;
  await gone(pid);
  await expect(ask()).rejects.toThrow("the hook is no longer asked");
});

test("a program sees a fixed PATH and what is configured, nothing of ours", async () => {
  const file = join(temporaryDirectory(), "environment");
  const settings = { environment: { pass: ["REGION", "ABSENT"], set: { LIST: "/etc/list" } } };
  const environment = { REGION: "north", SECRET: "sesame", NODE_OPTIONS: "--no-warnings" };
  await hookFor(["/bin/sh", "-c", `/usr/bin/env > ${file}; exit 116`], { settings, environment }).ask();
  const names = (await contentOf(file)).split("\n").map((line) => line.split("=", 1)[0]);
  // What the shell itself adds.
  const given = names.filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name ?? ""));
  expect(new Set(given)).toEqual(new Set(["LIST", "PATH", "REGION"]));
});

test("a program has a working directory and a process group of its own, and no descriptor of ours", async () => {
  const directory = temporaryDirectory();
  const file = join(directory, "own");
  const list = "set -- /proc/$$/fd/*; echo $(basename -a $*)";
  const script = `${list} > ${file}; pwd >> ${file}; cut -d' ' -f1,5 /proc/$$/stat >> ${file}; exit 116`;
  await hookFor(["/bin/sh", "-c", script], { settings: { workingDirectory: directory } }).ask();
  // Whoever starts the tests may leave descriptors open for all that they start.
  const usual = execFileSync("/bin/sh", ["-c", list], { encoding: "utf8" });
  const [descriptors = "", where, group] = (await contentOf(file)).split("\n");
  for (const descriptor of descriptors.split(" ")) expect(usual.trim().split(" ")).toContain(descriptor);
  expect(where).toBe(directory);
  expect(group).toMatch(/^(\d+) \1$/);
});

test("what a program complains of is logged, bounded and without control characters", async () => {
  const program = shell(`printf 'first\\033[31mline\\nsecond\\n' >&2; exit 9`);
  const failing = hookFor([program]);
  await expect(failing.ask()).rejects.toThrow("exit code 9");
  expect(complaints(failing.lines)).toMatchObject([{ level: "warn", standardError: "first?[31mline | second" }]);
  await expect(failing.ask()).rejects.toThrow("exit code 9");
  expect(complaints(failing.lines).map(({ level }) => level)).toEqual(["warn", "debug"]);
  const talking = hookFor([shell(`tr '\\0' y < /dev/zero | head -c 1000000 >&2; exit 116`)]);
  await talking.ask();
  expect(complaints(talking.lines)).toMatchObject([{ level: "debug", standardError: "y".repeat(4096) }]);
});

test("no more programs run at a time than configured, and each answer goes to who asked", async () => {
  const directory = temporaryDirectory();
  const counting = shell(
    `mkdir ${directory}/$$; n=$(ls ${directory} | wc -l); sleep 0.05; rmdir ${directory}/$$; echo "{\\"decision\\":\\"noOpinion\\",\\"evidence\\":{\\"running\\":$n}}"`,
  );
  const { ask } = hookFor([counting], { concurrency: 3 });
  const verdicts = await Promise.all(Array.from({ length: 24 }, () => ask()));
  const running = verdicts.map(({ evidence }) => Number(evidence["running"]));
  expect(Math.max(...running)).toBeLessThanOrEqual(3);
  expect(verdicts).toHaveLength(24);
});

test("many runs leave no descriptor and no child behind", async () => {
  const { ask } = hookFor([shell("exit 116")], { concurrency: 8 });
  await ask();
  const before = openFiles();
  for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 8 }, () => ask()));
  expect(openFiles()).toBeLessThanOrEqual(before);
});

/** Lines about what programs wrote. */
function complaints(lines: readonly RecordedLine[]): readonly RecordedLine[] {
  return lines.filter((line) => line["standardError"] !== undefined);
}

/** Pipes and sockets of this process. */
function openFiles(): number {
  const names = readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      return [];
    }
  });
  return names.filter((name) => /^(pipe|socket):/.test(name)).length;
}
