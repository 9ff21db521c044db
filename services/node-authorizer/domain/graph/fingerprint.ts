import { cell } from "./columns.ts";

/** Different in every process, and told to nobody: whoever creates pods chooses names. */
const [KEY_0, KEY_1] = crypto.getRandomValues(new Int32Array(2)) as unknown as readonly [number, number];
const SEED = Int32Array.of(KEY_0, KEY_1 ^ 0xee, KEY_0 ^ 0x6c796765, KEY_1 ^ 0x74656462);
/** With the word before them, three rounds of nothing. */
const FINISHING = "\0\0\0\0";

const state = new Int32Array(4);
const afterNamespace = new Int32Array(4);
let begun: string | undefined;

/** 64 bits that stand for a name, as two words. */
export type Fingerprint = Int32Array;

/** Made once: names are looked for one after the other. */
const fingerprint: Fingerprint = new Int32Array(2);

/**
 * The fingerprint of a kind, a namespace and a name. Among a million names two share theirs with a chance of 1 in 37 million:
 * tables compare the names that come in, and refuse such a pair. Names that are only asked for are not compared; one that nobody
 * refers to has the fingerprint of one of a million with a chance of 1 in 10^13. Nobody can choose names that do: the key is random,
 * and no fingerprint is ever told.
 *
 * HalfSipHash-1-3 of 64 bits: of a hash that only begins with a secret, names are known that collide whatever the secret is, and
 * a volume may name a secret by any text.
 *
 * @param kind - from 0 to 255.
 * @param start - where in `name` it begins; it need not be cut out.
 * @returns the words, until the next call.
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); HalfSipHash as in Linux' lib/siphash.c.
 */
export function fingerprintOf(kind: number, namespace: string, name: string, start = 0): Fingerprint {
  beginWith(namespace);
  const { length } = namespace;
  const end = name.length - ((name.length - start) & 1);
  absorb((kind << 24) | (length & 1 && namespace.charCodeAt(length - 1)), name, start, end);
  absorb(((name.length - start) << 24) | (end < name.length ? name.charCodeAt(end) : 0), "", 0, 0);
  state[2] = cell(state, 2) ^ 0xee;
  absorb(0, FINISHING, 0, FINISHING.length);
  fingerprint[0] = cell(state, 1) ^ cell(state, 3);
  state[1] = cell(state, 1) ^ 0xdd;
  absorb(0, FINISHING, 0, FINISHING.length);
  fingerprint[1] = cell(state, 1) ^ cell(state, 3);
  return fingerprint;
}

/** Why a name cannot come in. */
export function oneFingerprint(): Error {
  return new Error("two names have one fingerprint; start again, so that another key is chosen");
}

/** What a pod refers to is all in its namespace: the same one is begun with only once. */
function beginWith(namespace: string): void {
  if (namespace === begun) {
    copy(afterNamespace, state);
    return;
  }
  copy(SEED, state);
  absorb(namespace.length, namespace, 0, namespace.length & ~1);
  copy(state, afterNamespace);
  begun = namespace;
}

/** `set` of a typed array takes longer than the hash. */
function copy(from: Int32Array, to: Int32Array): void {
  for (let index = 0; index < 4; index += 1) to[index] = cell(from, index);
}

/** Takes in a word, then the characters of a text by twos. */
function absorb(first: number, text: string, start: number, end: number): void {
  let v0 = cell(state, 0);
  let v1 = cell(state, 1);
  let v2 = cell(state, 2);
  let v3 = cell(state, 3);
  let word = first;
  for (let at = start; ; at += 2) {
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
    if (at >= end) break;
    word = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
  }
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
