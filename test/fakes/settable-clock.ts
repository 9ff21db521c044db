import type { Clock } from "../../services/shared/clock.ts";

/** A clock that stands still until told otherwise. */
export class SettableClock implements Clock {
  #now: number;

  constructor(now: Date | string = "2026-01-02T03:04:05Z") {
    this.#now = new Date(now).getTime();
  }

  now(): Date {
    return new Date(this.#now);
  }

  set(now: Date | string): void {
    this.#now = new Date(now).getTime();
  }

  advance(seconds: number): void {
    this.#now += seconds * 1000;
  }
}
