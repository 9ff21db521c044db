import { setImmediate as nextTurn } from "node:timers/promises";

/** Numbers from `from` to below `to`, in stretches between which other work gets its turn. */
export async function* stretches(from: number, to: number, length: number): AsyncGenerator<readonly [number, number]> {
  for (let start = from; start < to; start += length) {
    if (start > from) await nextTurn();
    yield [start, Math.min(to, start + length)];
  }
}
