const WARM_UP_SHARE = 0.25;
const CLOCK_EVERY = 4;

/** How often a second `work` can be done on this thread, after a warm-up of a quarter of the time. */
export function operationsPerSecond(work: () => unknown, seconds: number): number {
  repeatFor(work, seconds * WARM_UP_SHARE);
  return repeatFor(work, seconds);
}

function repeatFor(work: () => unknown, seconds: number): number {
  const started = performance.now();
  const end = started + seconds * 1000;
  let count = 0;
  do {
    for (let repetition = 0; repetition < CLOCK_EVERY; repetition += 1) work();
    count += CLOCK_EVERY;
  } while (performance.now() < end);
  return (count * 1000) / (performance.now() - started);
}

/** What it costs to do something again and again. */
export interface Rate {
  readonly perSecond: number;
  /** User and system time of this process for each. */
  readonly cpuMicroseconds: number;
}

/**
 * How often a second work that may wait can be done, after a warm-up of a quarter of the time.
 *
 * @param together - how much of it is under way at a time.
 */
export async function measureRate(work: () => unknown, seconds: number, together = 1): Promise<Rate> {
  await repeatWaiting(work, seconds * WARM_UP_SHARE, together);
  const [started, before] = [performance.now(), process.cpuUsage()];
  const count = await repeatWaiting(work, seconds, together);
  const { user, system } = process.cpuUsage(before);
  return { perSecond: (count * 1000) / (performance.now() - started), cpuMicroseconds: (user + system) / count };
}

async function repeatWaiting(work: () => unknown, seconds: number, together: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let count = 0;
  const worker = async (): Promise<void> => {
    do {
      await work();
      count += 1;
    } while (performance.now() < end);
  };
  await Promise.all(Array.from({ length: together }, worker));
  return count;
}
