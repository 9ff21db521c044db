/** A minimal DER writer for builders: it writes what it is told, also what no encoder should. */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

type Content = Uint8Array | string;

function bytesOf(content: Content): Uint8Array {
  return typeof content === "string" ? Buffer.from(content, "utf8") : content;
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const hex = length.toString(16);
  const magnitude = Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex");
  return Buffer.concat([Buffer.from([0x80 | magnitude.length]), magnitude]);
}

/** One element of `tag`; strings among the contents are written as UTF-8. */
export function element(tag: number, ...contents: readonly Content[]): Buffer {
  const body = Buffer.concat(contents.map(bytesOf));
  return Buffer.concat([Buffer.from([tag]), lengthOctets(body.length), body]);
}

export function sequence(...contents: readonly Content[]): Buffer {
  return element(TAG.sequence, ...contents);
}

/** SET OF: the elements sorted by their encoding, as DER demands. */
export function setOf(...elements: readonly Uint8Array[]): Buffer {
  return element(TAG.set, ...[...elements].sort((one, other) => Buffer.compare(one, other)));
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return element(TAG.oid, Buffer.from(octets));
}

export function bitString(content: Uint8Array): Buffer {
  return element(TAG.bitString, Buffer.from([0]), content);
}

/** One PEM block of 64-column base64. */
export function pemBlock(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join("")}-----END ${label}-----\n`;
}
