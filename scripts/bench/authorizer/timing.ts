/** Between two looks at the clock, so that it does not show. */
const CHUNK = 2_000;

/**
 * Nanoseconds of processor time of one call of `work`, on average over `seconds`: who else uses the machine shows less
 * than on a clock. What `work` returns is used, so that nothing is left out.
 */
export function nanosecondsPer(work: (turn: number) => boolean, seconds: number): number {
  let wrong = 0;
  let turns = 0;
  const end = performance.now() + seconds * 1_000;
  const started = process.cpuUsage();
  do {
    for (let turn = 0; turn < CHUNK; turn += 1) if (!work(turns + turn)) wrong += 1;
    turns += CHUNK;
  } while (performance.now() < end);
  const nanoseconds = (microsecondsSince(started) * 1_000) / turns;
  // A fast wrong answer is no result.
  if (wrong > 0) throw new Error(`${wrong} of ${turns} answers were wrong`);
  return nanoseconds;
}

/** Processor time of the process, that of the garbage collector included. */
export function microsecondsSince(started: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(started);
  return user + system;
}

/** Memory in use after collecting garbage: JavaScript's heap and the typed arrays beside it. Needs --expose-gc. */
export function memoryInUse(): number {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error("start with node --expose-gc");
  for (let pass = 0; pass < 3; pass += 1) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
