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
