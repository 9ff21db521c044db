/**
 * Turns of the event loop that a batch collects for. An idle loop turns in microseconds; a busy one turns once for every
 * connection or two, and small batches cost their thread up to twice as much for each member.
 */
const TURNS = 12;

export interface Collector {
  /** Begins to collect a batch, unless one is being collected. */
  start(): void;
}

/**
 * Decides when what has come together goes out as a batch: after some turns of the event loop, or when it is full. After
 * a batch of one the next goes out in the next turn: whoever is alone would only wait.
 *
 * @param isFull - whether nothing more fits into the batch.
 * @param send - sends what there is; returns how much that was.
 */
export function createCollector(isFull: () => boolean, send: () => number): Collector {
  let isCollecting = false;
  let formerSize = 1;

  function turn(left: number): void {
    if (left > 1 && !isFull()) {
      setImmediate(turn, left - 1);
      return;
    }
    isCollecting = false;
    formerSize = send();
  }

  return {
    start() {
      if (isCollecting) return;
      isCollecting = true;
      setImmediate(turn, formerSize > 1 ? TURNS : 1);
    },
  };
}
