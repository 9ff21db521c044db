const LONG_FORM = 0x80;

/** One DER element: tag, definite length, contents. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(content.length)]), content]);
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => element(0x30, ...contents);

function lengthOctets(length: number): readonly number[] {
  if (length < LONG_FORM) return [length];
  return length < 0x100 ? [LONG_FORM | 1, length] : [LONG_FORM | 2, length >> 8, length & 0xff];
}
