const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/**
 * A length of time as kubectl's columns show it: two to three figures, the smaller unit only where it says something.
 *
 * @param seconds - negative ones beyond clock skew have no reading: `<invalid>`.
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/util/duration/duration.go.
 */
export function humanDuration(seconds: number): string {
  const whole = Math.trunc(seconds);
  if (whole < -1) return "<invalid>";
  if (whole < 0) return "0s";
  if (whole < 2 * MINUTE) return `${whole}s`;
  if (whole < 10 * MINUTE) return twoUnits(whole, MINUTE, "m", 1, "s");
  if (whole < 3 * HOUR) return `${Math.floor(whole / MINUTE)}m`;
  if (whole < 8 * HOUR) return twoUnits(whole, HOUR, "h", MINUTE, "m");
  if (whole < 2 * DAY) return `${Math.floor(whole / HOUR)}h`;
  if (whole < 8 * DAY) return twoUnits(whole, DAY, "d", HOUR, "h");
  if (whole < 2 * YEAR) return `${Math.floor(whole / DAY)}d`;
  if (whole < 8 * YEAR) return twoUnits(whole, YEAR, "y", DAY, "d");
  return `${Math.floor(whole / YEAR)}y`;
}

function twoUnits(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  const head = `${Math.floor(seconds / large)}${largeName}`;
  return rest === 0 ? head : `${head}${rest}${smallName}`;
}
