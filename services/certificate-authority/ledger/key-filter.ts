/** Four MiB of them. A key sets four, so of a million keys' worth one unknown key in some 7,000 seems known. */
const BITS = 2 ** 25;
const POSITIONS = [0, 8, 16, 24] as const;
const DIGITS = 8;

/** Which keys were certainly never added, in bounded memory: a Bloom filter. */
export interface KeyFilter {
  /** @param spkiSha256 - lower-case hex; its digits are as good as random, so that they are the positions themselves. */
  add(spkiSha256: string): void;
  /** False only for a key that was never added. */
  mayHold(spkiSha256: string): boolean;
}

/** Makes an empty filter. */
export function createKeyFilter(): KeyFilter {
  const words = new Uint32Array(BITS / 32);
  const bitAt = (spkiSha256: string, position: number): number =>
    Number.parseInt(spkiSha256.slice(position, position + DIGITS), 16) % BITS;
  return {
    add(spkiSha256) {
      for (const position of POSITIONS) {
        const bit = bitAt(spkiSha256, position);
        words[bit >>> 5] = (words[bit >>> 5] ?? 0) | (1 << (bit & 31));
      }
    },
    mayHold(spkiSha256) {
      return POSITIONS.every((position) => {
        const bit = bitAt(spkiSha256, position);
        return ((words[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
      });
    },
  };
}
