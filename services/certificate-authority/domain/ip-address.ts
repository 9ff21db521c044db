/** IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2); Go treats such an address as the IPv4 address it holds. */
const MAPPED_PREFIX = Buffer.from("00000000000000000000ffff", "hex");

const DECIMAL_OCTET = /^(?:0|[1-9]\d{0,2})$/;
const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/;

/**
 * Canonical text of 4 or 16 octets: dotted decimal, or RFC 5952. A mapped address is written as IPv4.
 * @returns undefined for any other number of octets.
 */
export function formatIpAddress(octets: Buffer): string | undefined {
  if (octets.length === 4) return octets.join(".");
  if (octets.length !== 16) return undefined;
  if (isMapped(octets)) return octets.subarray(12).join(".");
  let best = { start: 0, length: 1 };
  for (let start = 0, length = 0; start + length < 8; ) {
    if (octets.readUInt16BE(2 * (start + length)) !== 0) {
      start += length + 1;
      length = 0;
    } else {
      length += 1;
      if (length > best.length) best = { start, length };
    }
  }
  if (best.length === 1) return hexGroups(octets, 0, 8);
  return `${hexGroups(octets, 0, best.start)}::${hexGroups(octets, best.start + best.length, 8)}`;
}

function hexGroups(octets: Buffer, from: number, to: number): string {
  let text = "";
  for (let group = from; group < to; group += 1) {
    text += `${group === from ? "" : ":"}${octets.readUInt16BE(2 * group).toString(16)}`;
  }
  return text;
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
  if (parts.length !== 4) return undefined;
  const octets = Buffer.allocUnsafe(4);
  for (let index = 0; index < 4; index += 1) {
    const part = parts[index] ?? "";
    if (!DECIMAL_OCTET.test(part) || Number(part) > 255) return undefined;
    octets[index] = Number(part);
  }
  return octets;
}

function parseIpv6(text: string): Buffer | undefined {
  const gap = text.indexOf("::");
  const before = gap < 0 ? groupsOf(text, true) : groupsOf(text.slice(0, gap), false);
  const after = gap < 0 ? [] : groupsOf(text.slice(gap + 2), true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (gap < 0 ? missing !== 0 : missing < 1) return undefined;
  const octets = Buffer.alloc(16);
  for (let index = 0; index < before.length; index += 1) octets.writeUInt16BE(before[index] ?? 0, index * 2);
  const afterStart = 8 - after.length;
  for (let index = 0; index < after.length; index += 1)
    octets.writeUInt16BE(after[index] ?? 0, (afterStart + index) * 2);
  return isMapped(octets) ? octets.subarray(12) : octets;
}

/** The 16-bit groups of one side of `::`; at the address's end a last part in dotted decimal counts as two. */
function groupsOf(side: string, isEnd: boolean): readonly number[] | undefined {
  if (side === "") return [];
  const groups: number[] = [];
  const parts = side.split(":");
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] ?? "";
    const dotted = isEnd && index === parts.length - 1 && part.includes(".") ? parseIpv4(part) : undefined;
    if (dotted !== undefined) groups.push(dotted.readUInt16BE(0), dotted.readUInt16BE(2));
    else if (HEX_GROUP.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function isMapped(octets: Buffer): boolean {
  return octets.compare(MAPPED_PREFIX, 0, 12, 0, 12) === 0;
}
