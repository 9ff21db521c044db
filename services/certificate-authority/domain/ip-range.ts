import { parseIpAddress } from "./ip-address.ts";

/** Whether `text` is an address and how many of its first bits count, as in `10.0.0.0/8` (RFC 4632, RFC 4291 section 2.3). */
export function isIpRange(text: string): boolean {
  return parseRange(text) !== undefined;
}

/** Whether an address lies in a range; false when either is none, or they are of different kinds. */
export function isInIpRange(address: string, range: string): boolean {
  const octets = parseIpAddress(address);
  const parsed = parseRange(range);
  if (octets === undefined || parsed === undefined || octets.length !== parsed.base.length) return false;
  const { base, bits } = parsed;
  const whole = bits >> 3;
  if (octets.compare(base, 0, whole, 0, whole) !== 0) return false;
  const mask = (0xff00 >> (bits & 7)) & 0xff;
  return mask === 0 || ((octets[whole] ?? 0) & mask) === ((base[whole] ?? 0) & mask);
}

function parseRange(text: string): { readonly base: Buffer; readonly bits: number } | undefined {
  const [address = "", digits = "", ...rest] = text.split("/");
  const base = parseIpAddress(address);
  const bits = Number(digits);
  if (base === undefined || rest.length > 0 || !/^\d{1,3}$/.test(digits) || bits > base.length * 8) return undefined;
  return { base, bits };
}
