import { setImmediate as nextTurn } from "node:timers/promises";
import type { Certificates } from "../domain/ports.ts";
import type { Connection } from "./connection.ts";
import { certificatesSql } from "./tables/certificates-table.ts";

/** Index entries counted in one turn of the event loop: about a millisecond. */
const STEP = 10_000;
const END_OF_TIME_MILLISECONDS = Number.MAX_SAFE_INTEGER;

/** A place in the order of expiry. */
interface Place {
  readonly milliseconds: number;
  readonly id: number;
}

/**
 * Answers `Certificates.countByExpiry` from the index of expiry, each stretch between two bounds once, and gives way to
 * other work between steps.
 */
export function expiryCounter(connection: Connection): Certificates["countByExpiry"] {
  const atOffset = connection.prepare<[number, number, number, number], Place>(certificatesSql.expiringAtOffset);
  const count = connection.prepare<[number, number, number, number], number>(certificatesSql.countExpiring).pluck();

  async function countBetween(fromMilliseconds: number, toMilliseconds: number): Promise<number> {
    const end: Place = { milliseconds: toMilliseconds, id: 0 };
    let start: Place = { milliseconds: fromMilliseconds, id: 0 };
    for (let total = 0; ; await nextTurn()) {
      const next = atOffset.get(start.milliseconds, start.id, end.milliseconds, STEP) ?? end;
      total += count.get(start.milliseconds, start.id, next.milliseconds, next.id) ?? 0;
      if (next === end) return total;
      start = next;
    }
  }

  return async (now, bounds) => {
    const upTo = new Map<number, number>();
    let from = now.getTime();
    let valid = 0;
    for (const bound of [...bounds.map((instant) => instant.getTime()), END_OF_TIME_MILLISECONDS].toSorted(ascending)) {
      if (bound > from) {
        valid += await countBetween(from, bound);
        from = bound;
      }
      upTo.set(bound, valid);
    }
    return { counts: bounds.map((bound) => upTo.get(bound.getTime()) ?? 0), valid };
  };
}

function ascending(a: number, b: number): number {
  return a - b;
}
