/**
 * The rate of clients that each begin anew when they are done. They all begin at once: until as much is done as there
 * are clients, a server that answers many of them slowly seems slower than one that answers few of them fast, so
 * counting starts with the piece of work that completes the first round.
 */
export class SteadyWindow {
  readonly #clients: number;
  #finished = 0;
  #startMilliseconds = 0;
  #endMilliseconds = 0;

  constructor(clients: number) {
    this.#clients = clients;
  }

  /** Takes note of a piece of work that was done now. */
  note(milliseconds: number): void {
    this.#finished += 1;
    if (this.#finished === this.#clients) this.#startMilliseconds = milliseconds;
    this.#endMilliseconds = milliseconds;
  }

  /** Undefined when hardly more than one round was done. */
  perSecond(): number | undefined {
    const counted = this.#finished - this.#clients;
    if (counted < this.#clients) return undefined;
    return (counted * 1000) / (this.#endMilliseconds - this.#startMilliseconds);
  }
}
