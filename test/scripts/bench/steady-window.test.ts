import { expect, test } from "@jest/globals";
import { SteadyWindow } from "../../../scripts/bench/load/steady-window.ts";

/** Four clients: the first round is done between 1,000 and 1,300 ms, each that follows 100 ms after the one before. */
function fourClients(rounds: number): SteadyWindow {
  const window = new SteadyWindow(4, 900);
  for (const milliseconds of [1_000, 1_100, 1_200, 1_300]) window.note(milliseconds);
  for (let round = 1; round < rounds; round += 1) {
    for (let client = 0; client < 4; client += 1) window.note(1_300 + round * 100);
  }
  return window;
}

test("what passes until as much is done as there are clients does not count", () => {
  expect(fourClients(11).perSecond(2_300)).toBe(40);
  expect(fourClients(2).perSecond(1_400)).toBe(40);
});

test("a server that stands still before the end has no better rate for it", () => {
  expect(fourClients(11).perSecond(3_300)).toBe(20);
});

test("a window of a single client counts from its first answer", () => {
  const window = new SteadyWindow(1, 0);
  for (const milliseconds of [100, 350, 600]) window.note(milliseconds);
  expect(window.perSecond(600)).toBe(4);
});

test("less than a second round is counted from the beginning", () => {
  expect(fourClients(1).perSecond(1_400)).toBe(8);
  const window = fourClients(1);
  for (let client = 0; client < 3; client += 1) window.note(1_400);
  expect(window.perSecond(1_400)).toBe(14);
});
