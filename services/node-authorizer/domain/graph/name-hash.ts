/** Different in every process, and told to nobody: whoever creates pods chooses names. */
const [KEY_0, KEY_1] = crypto.getRandomValues(new Int32Array(2)) as unknown as readonly [number, number];
const FINISHING_ROUNDS = 3;

/**
 * A hash of 32 bits over the characters of `text` from `start` on. Maps of V8 read four or five cold lines of memory to find
 * one name among many, which takes longer than all else of a decision; tables of the graph by this hash read one.
 *
 * HalfSipHash-1-3, for nobody may choose many names of one hash: a volume may name a secret by any text, and of a hash that
 * only begins with a secret, names are known that collide whatever the secret is.
 *
 * @param group - an integer; names of different groups have different hashes.
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); HalfSipHash as in Linux' lib/siphash.c.
 */
export function nameHash(text: string, start = 0, group = 0): number {
  const { length } = text;
  const count = length - start;
  // The group is the first word, then come the characters by twos, and what is left over with how many they are.
  const end = length - (count & 1);
  const last = (count << 25) | (count & 1 && text.charCodeAt(end));
  let v0 = KEY_0;
  let v1 = KEY_1;
  let v2 = KEY_0 ^ 0x6c796765;
  let v3 = KEY_1 ^ 0x74656462;
  for (let index = start - 2; index <= end + 2 * FINISHING_ROUNDS; index += 2) {
    let word = 0;
    if (index < start) word = group;
    else if (index < end) word = text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16);
    else if (index === end) word = last;
    else if (index === end + 2) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = rotated(v1, 5) ^ v0;
    v0 = rotated(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotated(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotated(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotated(v1, 13) ^ v2;
    v2 = rotated(v2, 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
