/**
 * The rate of clients that each begin anew when they are done. They all begin at once: until as much is done as there
 * are clients, a server that answers many of them slowly seems slower than one that answers few of them fast, so
 * counting starts with the piece of work that completes the first round. It ends with the time, not with the last
 * answer: a server that stands still has no better rate for it.
 */
export class SteadyWindow {
  readonly #clients: number;
  readonly #begunMilliseconds: number;
  #finished = 0;
  #steadyMilliseconds = 0;

  constructor(clients: number, begunMilliseconds: number) {
    this.#clients = clients;
    this.#begunMilliseconds = begunMilliseconds;
  }

  /** Takes note of a piece of work that was done now, in time. */
  note(milliseconds: number): void {
    this.#finished += 1;
    if (this.#finished === this.#clients) this.#steadyMilliseconds = milliseconds;
  }

  /** Of the whole time when less than a second round was done. */
  perSecond(endMilliseconds: number): number {
    const counted = this.#finished - this.#clients;
    if (counted < this.#clients) return (this.#finished * 1000) / (endMilliseconds - this.#begunMilliseconds);
    return (counted * 1000) / (endMilliseconds - this.#steadyMilliseconds);
  }
}
