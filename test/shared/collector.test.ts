import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { createCollector } from "../../services/shared/collector.ts";

function openCollector(maximum = 100) {
  const sent: number[] = [];
  let waiting = 0;
  const collector = createCollector(
    () => waiting >= maximum,
    () => {
      const size = waiting;
      sent.push(size);
      waiting = 0;
      return size;
    },
  );
  const come = (count = 1): void => {
    waiting += count;
    collector.start();
  };
  return { come, sent };
}

/** More turns of the event loop than a batch collects for. */
async function collected(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
}

test("who is alone goes out in the next turn, again and again", async () => {
  const { come, sent } = openCollector();
  for (const expected of [[1], [1, 1], [1, 1, 1]]) {
    come();
    expect(sent).toHaveLength(expected.length - 1);
    await nextTurn();
    expect(sent).toEqual(expected);
  }
});

test("after a batch of several the next one collects for some turns", async () => {
  const { come, sent } = openCollector();
  come(2);
  await nextTurn();
  expect(sent).toEqual([2]);
  for (let turn = 0; turn < 5; turn += 1) {
    come();
    await nextTurn();
  }
  expect(sent).toEqual([2]);
  await collected();
  expect(sent).toEqual([2, 5]);
});

test("who was alone in a batch that collected goes on alone", async () => {
  const { come, sent } = openCollector();
  come(2);
  await collected();
  come();
  await collected();
  expect(sent).toEqual([2, 1]);
  come();
  await nextTurn();
  expect(sent).toEqual([2, 1, 1]);
});

test("a full batch waits for nobody", async () => {
  const { come, sent } = openCollector(3);
  come(2);
  await collected();
  come(3);
  await nextTurn();
  expect(sent).toEqual([2, 3]);
});
