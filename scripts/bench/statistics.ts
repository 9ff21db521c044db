/** The middle value; the mean of the two middle ones of an even count; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * The nearest-rank percentile: the smallest value that at least `percent` of all do not exceed; NaN of nothing.
 *
 * @param percent - above 0, at most 100.
 */
export function percentile(values: readonly number[] | Float64Array, percent: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Several measurements of one quantity. */
export interface Sample {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly count: number;
}

export function sampleOf(values: readonly number[]): Sample {
  return {
    median: median(values),
    minimum: Math.min(...values),
    maximum: Math.max(...values),
    count: values.length,
  };
}

/**
 * Quotients of what was measured in the same round. A machine drifts between rounds by more than the differences of
 * interest, so ratios are taken inside each round and only then put together. Rounds that one side lacks are left out.
 */
export function ratios(numerators: readonly number[], denominators: readonly number[]): readonly number[] {
  return numerators.flatMap((numerator, round) => {
    const denominator = denominators[round];
    return denominator === undefined || denominator === 0 ? [] : [numerator / denominator];
  });
}

/** By how much the largest value exceeds the smallest: 0.3 for 30 %. Fewer than two values do not drift. */
export function drift(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const smallest = Math.min(...values);
  return (Math.max(...values) - smallest) / smallest;
}
