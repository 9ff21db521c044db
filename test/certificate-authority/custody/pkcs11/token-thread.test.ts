import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { TokenOperation } from "../../../../services/certificate-authority/custody/pkcs11/messages.ts";
import { TokenThread } from "../../../../services/certificate-authority/custody/pkcs11/token-thread.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

let thread: TokenThread;
beforeEach(() => {
  thread = new TokenThread("module.so", recordingLogger().logger, new URL("./scripted-worker.ts", import.meta.url));
});
afterEach(() => thread.close());

const find = (keyLabel: string): TokenOperation => ({ kind: "findKey", token: "hsm", keyLabel });
const WELL = { kind: "well" };

async function untilWell(): Promise<void> {
  for (;;) {
    const outcome = await thread.ask(find("x"), 5000).catch(() => undefined);
    if (outcome !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("many operations at once are all answered", async () => {
  const answers = await Promise.all(Array.from({ length: 500 }, (_, index) => thread.ask(find(`key-${index}`), 5000)));
  expect(answers).toEqual(Array.from({ length: 500 }, () => WELL));
});

test("a module that hangs: who waits is told in time, who asks meanwhile at once, and it goes on when it returns", async () => {
  await untilWell();
  const hanging = thread.ask(find("slow:1500"), 100);
  const behind = thread.ask(find("x"), 100);
  await expect(hanging).rejects.toMatchObject({ kind: "lost", message: "the module did not answer within 0.1 s" });
  await expect(behind).rejects.toMatchObject({ kind: "lost" });
  await expect(thread.ask(find("x"), 100)).rejects.toMatchObject({
    kind: "lost",
    message: "the module has not returned from an earlier call",
  });
  await untilWell();
  await expect(thread.ask(find("x"), 5000)).resolves.toEqual(WELL);
});

test("a thread that dies: who waits is told, and another takes its place", async () => {
  await expect(thread.ask(find("die"), 5000)).rejects.toMatchObject({
    kind: "lost",
    message: "the module's thread ended",
  });
  await untilWell();
});

test("more than can wait is refused", async () => {
  await untilWell();
  const asked = Array.from({ length: 4200 }, (_, index) => thread.ask(find(index === 0 ? "slow:300" : "x"), 5000));
  const outcomes = await Promise.allSettled(asked);
  const refused = outcomes
    .filter((outcome) => outcome.status === "rejected")
    .map(({ reason }) => (reason as Error).message);
  expect(refused.length).toBeGreaterThan(50);
  expect(new Set(refused)).toEqual(new Set(["too many operations wait for the token"]));
});
