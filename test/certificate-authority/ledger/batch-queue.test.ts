import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { createBatchQueue } from "../../../services/certificate-authority/ledger/batch-queue.ts";
import type { Operation, OperationOutcome } from "../../../services/certificate-authority/ledger/operations.ts";
import { createLogger } from "../../../services/shared/logging.ts";

const LIMITS = { maximumBatch: 2, maximumQueuedOperations: 10, maximumQueuedBytes: 1_000 };
const DONE: OperationOutcome = { kind: "done", answer: undefined };

/** As long as a batch collects, and one more. */
async function collected(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
}

function openQueue() {
  const sent: (readonly Operation[])[] = [];
  const events: string[] = [];
  const queue = createBatchQueue({
    limits: LIMITS,
    send: (operations) => sent.push(operations),
    onBatch: () => events.push("batch"),
    logger: createLogger({ level: "silent" }),
  });
  const submit = (name: string) =>
    queue
      .submit({ kind: "appendAudit", payload: name }, 10, () => events.push(`${name} committed`))
      .then(
        () => events.push(`${name} resolved`),
        (error: Error) => events.push(`${name}: ${error.message}`),
      );
  return { queue, sent, events, submit };
}

test("one batch is in flight; what comes meanwhile collects, up to the largest batch", async () => {
  const { queue, sent, submit } = openQueue();
  void submit("a");
  expect(sent).toEqual([]);
  await collected();
  for (const name of ["b", "c", "d"]) void submit(name);
  await collected();
  expect(sent.map(({ length }) => length)).toEqual([1]);
  queue.receive([DONE]);
  await collected();
  expect(sent.map(({ length }) => length)).toEqual([1, 2]);
  queue.receive([DONE, DONE]);
  await collected();
  expect(sent.map(({ length }) => length)).toEqual([1, 2, 1]);
});

test("what comes in the turns after the first operation goes out with it, once some have come together", async () => {
  const { queue, sent, submit } = openQueue();
  for (const name of ["a", "b"]) void submit(name);
  await collected();
  queue.receive([DONE, DONE]);
  void submit("c");
  await nextTurn();
  await nextTurn();
  expect(sent.map(({ length }) => length)).toEqual([2]);
  void submit("d");
  await collected();
  expect(sent.map(({ length }) => length)).toEqual([2, 2]);
});

test("a full batch goes out in the next turn", async () => {
  const { sent, submit } = openQueue();
  for (const name of ["a", "b"]) void submit(name);
  await nextTurn();
  expect(sent.map(({ length }) => length)).toEqual([2]);
});

test("all of a batch is taken in, in order, before any promise of it resolves", async () => {
  const { queue, events, submit } = openQueue();
  const both = [submit("a"), submit("b")];
  await nextTurn();
  queue.receive([DONE, DONE]);
  await Promise.all(both);
  expect(events).toEqual(["a committed", "b committed", "batch", "a resolved", "b resolved"]);
});

test("a writer that is gone fails what waits, what is in flight and what comes", async () => {
  const { queue, events, submit } = openQueue();
  const three = ["a", "b", "c"].map(submit);
  await nextTurn();
  const drained = queue.drain();
  queue.fail(new Error("out of memory"));
  await drained;
  await Promise.all([...three, submit("d")]);
  const message = "the ledger's writer has stopped; restart Gatehouse";
  expect(events).toEqual(["a", "b", "c", "d"].map((name) => `${name}: ${message}`));
});

test("an outcome that is missing fails its operation", async () => {
  const { queue, events, submit } = openQueue();
  const both = [submit("a"), submit("b")];
  await nextTurn();
  queue.receive([DONE]);
  await Promise.all(both);
  expect(events).toEqual(["a committed", "batch", "a resolved", "b: the ledger gave no answer"]);
});

test("draining an idle queue resolves at once, and nothing more is taken", async () => {
  const { queue, events, submit } = openQueue();
  await queue.drain();
  await submit("late");
  expect(events).toEqual(["late: the ledger is closed"]);
});
