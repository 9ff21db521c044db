import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { z } from "zod";
import { identityOf } from "../../../../services/certificate-authority/approval/hooks/script/program-identity.ts";
import { createRunner } from "../../../../services/certificate-authority/approval/hooks/script/runner.ts";
import { createScriptHook } from "../../../../services/certificate-authority/approval/hooks/script.ts";
import { scriptShape } from "../../../../services/certificate-authority/approval/hooks/script-settings.ts";
import { outsideHookShape } from "../../../../services/certificate-authority/approval/settings.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { contentOf, ended, gone, hookFor, programWith, shell } from "./script-fixture.ts";

const isRoot = process.geteuid?.() === 0;
const OTHER = 65_534;

test.each([
  { name: "is missing", make: () => "/no/such/program", says: "/no/such/program cannot be used (ENOENT)" },
  { name: "is a directory", make: () => "/tmp", says: "is not a file" },
  { name: "has no first line", make: () => programWith("echo hello\n"), says: "does not begin with #!" },
  { name: "has Windows line ends", make: () => programWith("#!/bin/sh\r\nexit 0\r\n"), says: "carriage return" },
  {
    name: "has no interpreter",
    make: () => programWith("#!/opt/no/python\n"),
    says: "/opt/no/python, which does not exist",
  },
  {
    name: "asks for an interpreter that is not in PATH",
    make: () => programWith("#!/usr/bin/env no-python\n"),
    says: "asks env for no-python",
  },
  { name: "names its interpreter without a path", make: () => programWith("#!sh\n"), says: "no absolute path" },
])("a program that $name is refused at start", ({ make, says }) => {
  expect(() => hookFor([make()])).toThrow(says);
});

test("a program that nobody may execute is refused at start, with the way out", () => {
  const program = shell("exit 0");
  chmodSync(program, 0o644);
  expect(() => hookFor([program])).toThrow(`try: chmod +x ${program}`);
});

test.each([
  { name: "its file", weaken: (program: string) => chmodSync(program, 0o757) },
  { name: "its directory", weaken: (program: string) => chmodSync(join(program, ".."), 0o777) },
  {
    name: "a script that an interpreter is given",
    weaken: (program: string) => chmodSync(program, 0o757),
    command: (program: string) => ["/bin/sh", program],
  },
])(
  "a program is refused when others may change $name, unless that was chosen",
  ({ weaken, command = (program) => [program] }) => {
    const program = shell("exit 116");
    weaken(program);
    expect(() => hookFor(command(program))).toThrow("script.allowWritableProgram");
    const { lines } = hookFor(command(program), { settings: { allowWritableProgram: true } });
    expect(lines).toContainEqual(
      expect.objectContaining({ level: "warn", msg: expect.stringContaining("allowWritableProgram is set") }),
    );
  },
);

test("a working directory that is none is refused at start", () => {
  const settings = { workingDirectory: "/no/such/directory" };
  expect(() => hookFor([shell("exit 0")], { settings })).toThrow(
    "script.workingDirectory: /no/such/directory is not a directory",
  );
});

test("the hook is made anew when a script among its files changes, not for interpreters", () => {
  const [script, list] = [shell("exit 116"), programWith("worker-1\n")];
  const schema = z.strictObject({ ...outsideHookShape, ...scriptShape });
  const hook = createScriptHook(
    schema.parse({ command: [process.execPath, script, list, "plain"] }),
    recordingLogger().logger,
  );
  expect(hook.files?.()).toEqual([script, list]);
});

test("users and groups are looked up by name or number", () => {
  const directory = temporaryDirectory();
  const files = { passwd: join(directory, "passwd"), group: join(directory, "group") };
  writeFileSync(files.passwd, "root:x:0:0::/:/bin/sh\nasker:x:1234:2345::/:/bin/sh\n");
  writeFileSync(files.group, "askers:x:3456:\n");
  expect(identityOf({}, 0, files)).toBeUndefined();
  expect(identityOf({ user: "asker" }, 0, files)).toEqual({ uid: 1234, gid: 2345 });
  expect(identityOf({ user: "1234", group: "askers" }, 0, files)).toEqual({ uid: 1234, gid: 3456 });
  expect(identityOf({ user: "777", group: "778" }, 0, files)).toEqual({ uid: 777, gid: 778 });
  // Who is that user already needs nobody's help.
  expect(identityOf({ user: "asker" }, 1234, files)).toBeUndefined();
  expect(() => identityOf({ user: "nobody-here" }, 0, files)).toThrow('script.user: "nobody-here" is not in');
  expect(() => identityOf({ user: "777" }, 0, files)).toThrow("script.group");
  expect(() => identityOf({ user: "asker", group: "none" }, 0, files)).toThrow('script.group: "none" is not in');
  expect(() => identityOf({ group: "askers" }, 0, files)).toThrow("script.group needs script.user");
  expect(() => identityOf({ user: "asker" }, 99, files)).toThrow("only root can run programs as another user");
});

// Only root can run programs as somebody else.
(isRoot ? test : test.skip)("a program runs as its user, in that user's group alone", async () => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const out = join(directory, "out");
  mkdirSync(out);
  chownSync(out, OTHER, OTHER);
  const program = programWith(`#!/bin/sh\n{ id -u; id -G; } > ${out}/id\nexit 116\n`, directory);
  const settings = { user: String(OTHER), group: String(OTHER) };
  const { ask, lines } = hookFor([program], { settings });
  await ask();
  expect(await contentOf(join(out, "id"))).toBe(`${OTHER}\n${OTHER}`);
  expect(lines).toEqual([]);
  chmodSync(directory, 0o700);
  expect(() => hookFor([program], { settings })).toThrow(`cannot be reached by user ${OTHER}`);
  chmodSync(directory, 0o755);
  chmodSync(program, 0o744);
  expect(() => hookFor([program], { settings })).toThrow(`cannot be executed by user ${OTHER}`);
});

test("when the process that starts programs is killed, its programs go, who waited is told, and another takes its place", async () => {
  const directory = temporaryDirectory();
  const { ask } = hookFor([
    shell(
      `[ -e ${directory}/second ] && exit 116\ncat > ${directory}/told\necho $$ > ${directory}/program\necho $PPID > ${directory}/helper\nexec sleep 1000`,
    ),
  ]);
  const refused = expect(ask()).rejects.toThrow("the process that starts the program has ended");
  const helper = Number(await contentOf(`${directory}/helper`));
  process.kill(helper, "SIGKILL");
  await refused;
  // The program has no parent any more: when it is reaped is for the system's first process to say.
  await Promise.all([gone(helper), ended(Number(await contentOf(`${directory}/program`)))]);
  writeFileSync(`${directory}/second`, "");
  // It is started again no more than once a second.
  const again = async (): Promise<unknown> => ask().catch(() => pause(50).then(again));
  expect(await again()).toMatchObject({ kind: "noOpinion" });
});

test("a program that disappears later could not be started, and that is no answer", async () => {
  const program = {
    workingDirectory: "/",
    environment: {},
    identity: undefined,
    outputLimitBytes: 1000,
    mode: "once",
    args: [],
  } as const;
  const runner = createRunner({ ...program, file: "/no/such/program" });
  expect(await runner.run("{}")).toMatchObject({ problem: "it cannot be started (ENOENT)" });
  await runner.close();
  await expect(runner.run("{}")).rejects.toThrow("the hook is closed");
  expect(existsSync("/no/such/program")).toBe(false);
});
