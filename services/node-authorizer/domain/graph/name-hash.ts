/** Different in every process: whoever creates pods chooses names, and could else choose many of one hash. */
const SEED = crypto.getRandomValues(new Int32Array(1))[0] as number;
/** Odd, and mixes well: the 32-bit multiplier of MurmurHash2. */
const MULTIPLIER = 0x5bd1e995;

/**
 * A hash of 32 bits over the characters of `text` from `start` on. Maps of V8 read four or five cold lines of memory to find
 * one name among many, which takes longer than all else of a decision; tables of the graph by this hash read one.
 *
 * @param group - an integer; names of different groups have different hashes.
 */
export function nameHash(text: string, start = 0, group = 0): number {
  const { length } = text;
  let mixed = SEED ^ Math.imul(group, MULTIPLIER);
  // Two at a time: each step waits for the one before.
  for (let index = start; index < length; index += 2) {
    const second = index + 1 < length ? text.charCodeAt(index + 1) : 0;
    mixed = Math.imul(mixed ^ text.charCodeAt(index) ^ (second << 16), MULTIPLIER);
    mixed ^= mixed >>> 15;
  }
  return mixed;
}
