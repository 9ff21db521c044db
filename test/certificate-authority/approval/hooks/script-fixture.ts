import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach } from "@jest/globals";
import { z } from "zod";
import { resolveProgram } from "../../../../services/certificate-authority/approval/hooks/script/resolve-program.ts";
import { createRunner } from "../../../../services/certificate-authority/approval/hooks/script/runner.ts";
import { scriptHook } from "../../../../services/certificate-authority/approval/hooks/script.ts";
import { scriptShape } from "../../../../services/certificate-authority/approval/hooks/script-settings.ts";
import { limited } from "../../../../services/certificate-authority/approval/limited.ts";
import type { ApprovalHook, ReviewInput } from "../../../../services/certificate-authority/domain/ports.ts";
import { facts } from "../../../builders/facts.ts";
import { request } from "../../../builders/request.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { reviewInput } from "../../../fakes/review-history.ts";

const schema = z.strictObject(scriptShape);
const opened: ApprovalHook[] = [];

afterEach(async () => {
  for (const hook of opened.splice(0)) await hook.close?.(true);
});

export const INPUT: ReviewInput = reviewInput({
  csr: request(),
  facts: facts(),
  now: new Date("2026-01-01T00:00:00Z"),
});

export interface HookArguments {
  readonly settings?: Partial<z.input<typeof scriptSettings>>;
  readonly timeoutSeconds?: number;
  readonly concurrency?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

const scriptSettings = schema.partial({ command: true });

/** A hook as it is configured, for a command. It is closed after the test. */
export function hookFor(
  command: readonly string[],
  { settings, timeoutSeconds = 20, concurrency = 4, environment = {} }: HookArguments = {},
) {
  const { logger, lines } = recordingLogger();
  const program = resolveProgram(schema.parse({ command, ...settings }), { environment, logger });
  const runner = createRunner(program);
  const hook = limited(scriptHook({ runner, mode: program.mode, logger }), { timeoutSeconds, concurrency });
  opened.push(hook);
  return { hook, lines, ask: (input: ReviewInput = INPUT) => Promise.resolve(hook.review(input)) };
}

/** Writes a program that its owner alone can change. */
export function programWith(text: string, directory = temporaryDirectory()): string {
  const file = join(directory, "program");
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return file;
}

/** The same, of the shell. */
export function shell(text: string): string {
  return programWith(`#!/bin/sh\n${text}\n`);
}

/** The content of a file, once it is there. */
export async function contentOf(file: string): Promise<string> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (existsSync(file)) {
      const text = readFileSync(file, "utf8");
      if (text.endsWith("\n")) return text.trim();
    }
    await pause(20);
  }
  throw new Error(`${file} was not written`);
}

/** Resolves when the process runs no more; whoever inherited it may not have taken note yet. */
export async function ended(pid: number): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (isOver(pid)) return;
    await pause(20);
  }
  throw new Error(`process ${pid} still runs`);
}

function isOver(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

/** Resolves when no process of that number is there any more, not even as a zombie. */
export async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (!existsSync(`/proc/${pid}`)) return;
    await pause(20);
  }
  throw new Error(`process ${pid} is still there`);
}
