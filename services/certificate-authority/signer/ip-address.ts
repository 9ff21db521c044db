/** IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2); Go treats such an address as the IPv4 address it holds. */
const MAPPED_PREFIX = Buffer.from("00000000000000000000ffff", "hex");

/**
 * Canonical text of 4 or 16 octets: dotted decimal, or RFC 5952. A mapped address is written as IPv4.
 * @returns undefined for any other number of octets.
 */
export function formatIpAddress(octets: Buffer): string | undefined {
  if (octets.length === 4) return octets.join(".");
  if (octets.length !== 16) return undefined;
  if (octets.subarray(0, 12).equals(MAPPED_PREFIX)) return octets.subarray(12).join(".");
  const groups: number[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(octets.readUInt16BE(at));
  const { start, length } = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/**
 * The octets of an address in canonical or any other usual text form.
 * @returns undefined when `text` is no address (zones are not).
 */
export function parseIpAddress(text: string): Buffer | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Buffer | undefined {
  const parts = text.split(".");
  const isWellFormed =
    parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return isWellFormed ? Buffer.from(parts.map(Number)) : undefined;
}

function parseIpv6(text: string): Buffer | undefined {
  const [head = "", tail, ...rest] = text.split("::");
  if (rest.length > 0) return undefined;
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const octets = Buffer.alloc(16);
  before.forEach((group, index) => void octets.writeUInt16BE(group, index * 2));
  after.forEach((group, index) => void octets.writeUInt16BE(group, (before.length + missing + index) * 2));
  return octets.subarray(0, 12).equals(MAPPED_PREFIX) ? octets.subarray(12) : octets;
}

/** The 16-bit groups of one side of `::`; a last part in dotted decimal counts as two. */
function groupsOf(side: string): readonly number[] | undefined {
  if (side === "") return [];
  const parts = side.split(":");
  const last = parts.at(-1) ?? "";
  const dotted = last.includes(".") ? parseIpv4(last) : undefined;
  if (last.includes(".") && dotted === undefined) return undefined;
  const hex = dotted === undefined ? parts : parts.slice(0, -1);
  if (!hex.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  const groups = hex.map((part) => Number.parseInt(part, 16));
  return dotted === undefined ? groups : [...groups, dotted.readUInt16BE(0), dotted.readUInt16BE(2)];
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  });
  return best;
}
