const FORM = /^([+-]?)(\d{0,40})(?:\.(\d{0,40}))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;

const DECIMAL_EXPONENTS: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY_ORDER = "KMGTPE";
/** Fine enough for every form above: 40 decimals with an exponent of -99. */
const SCALE = 140;

/**
 * Whether two resource quantities are the same amount, however they are written: `1Gi` is `1024Mi`. What is no quantity
 * is equal to nothing.
 *
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go.
 */
export function sameQuantity(left: unknown, right: unknown): boolean {
  const amount = amountOf(left);
  return amount !== undefined && amount === amountOf(right);
}

/** The amount times 10^140. */
function amountOf(value: unknown): bigint | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const [, sign = "", whole = "", fraction = "", suffix = "", exponent] = FORM.exec(String(value)) ?? [];
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(`${whole}${fraction}`);
  const isBinary = suffix.endsWith("i");
  const power = exponent === undefined ? (isBinary ? 0 : (DECIMAL_EXPONENTS[suffix] ?? 0)) : Number(exponent);
  const factor = isBinary ? 1024n ** BigInt(BINARY_ORDER.indexOf(suffix.charAt(0)) + 1) : 1n;
  const amount = digits * factor * 10n ** BigInt(SCALE - fraction.length + power);
  return sign === "-" ? -amount : amount;
}
