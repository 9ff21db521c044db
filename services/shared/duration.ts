const DURATION = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?$/;
const SECONDS_PER_UNIT = [86_400, 3_600, 60, 1];

/**
 * Reads a length of time as people write it: `90s`, `15m`, `24h`, `7d`, or a sum from days down to seconds such as
 * `1h30m`.
 *
 * @returns whole seconds; undefined when the text is no such duration.
 */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null || text === "") return undefined;
  return SECONDS_PER_UNIT.reduce((sum, seconds, index) => sum + Number(match[index + 1] ?? 0) * seconds, 0);
}
