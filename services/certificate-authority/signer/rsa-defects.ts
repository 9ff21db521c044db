import type { RsaDefect } from "../domain/csr-facts.ts";

/**
 * The primes that tell: the flawed library made its primes as k · M + (65537^a mod M), where M is a product of small
 * primes, these among them. So a modulus of two such primes is a power of 65537 modulo each of them.
 */
const MARKING_PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
] as const;
const MARKING_PRODUCT = MARKING_PRIMES.reduce((product, prime) => product * BigInt(prime), 1n);
const GENERATOR = 65_537;

/** The marks of the flawed library: the powers of the generator modulo each prime. */
const MARKS = MARKING_PRIMES.map((prime) => ({ prime: BigInt(prime), powers: powersModulo(prime) }));

/** How many steps of Fermat's method are taken; primes that are further apart need astronomically many. */
const FERMAT_STEPS = 100;

/** Squares are rare modulo each of these; their product fits in 53 bits. */
const SIEVES = [63, 65, 11, 17, 19, 23, 31].map((modulus) => ({ modulus, squares: squaresModulo(modulus) }));
const SIEVE_PRODUCT = SIEVES.reduce((product, { modulus }) => product * BigInt(modulus), 1n);
const SQUARES_MODULO_64 = squaresModulo(64);

/**
 * What an RSA modulus shows about its primes. Takes a bounded number of operations on numbers of its own size.
 *
 * @param modulus - odd, at least 1024 bits.
 * Source: Nemec et al., "The Return of Coppersmith's Attack" (CVE-2017-15361), which gives the fingerprint (an ordinary
 *   modulus has it once in some 100 million); Fermat's factorisation as boulder goodkey/good_key.go bounds it.
 */
export function findRsaDefects(modulus: bigint): readonly RsaDefect[] {
  const defects: RsaDefect[] = [];
  if (hasInfineonMarks(modulus)) defects.push("infineonPrimes");
  if (hasClosePrimes(modulus)) defects.push("closePrimes");
  return defects;
}

function hasInfineonMarks(modulus: bigint): boolean {
  const residue = modulus % MARKING_PRODUCT;
  return MARKS.every(({ prime, powers }) => powers.has(Number(residue % prime)));
}

/** Looks for a with a² - n a square b², starting at the square root of n: then n is (a - b) · (a + b). */
function hasClosePrimes(modulus: bigint): boolean {
  const root = squareRoot(modulus);
  let candidate = root * root === modulus ? root : root + 1n;
  let difference = candidate * candidate - modulus;
  for (let step = 0; step < FERMAT_STEPS; step += 1) {
    if (isSquare(difference)) return true;
    difference += 2n * candidate + 1n;
    candidate += 1n;
  }
  return false;
}

function isSquare(value: bigint): boolean {
  if (!SQUARES_MODULO_64.has(Number(BigInt.asUintN(6, value)))) return false;
  const residue = Number(value % SIEVE_PRODUCT);
  if (!SIEVES.every(({ modulus, squares }) => squares.has(residue % modulus))) return false;
  const root = squareRoot(value);
  return root * root === value;
}

/** The largest integer whose square is at most `value`. Newton's method on ever more of the digits. */
function squareRoot(value: bigint): bigint {
  if (value < 2n ** 52n) return BigInt(Math.floor(Math.sqrt(Number(value))));
  const quarter = BigInt(value.toString(16).length - 1);
  // The root of the upper half of the digits, shifted back, is right to half of its digits and never too small.
  let root = (squareRoot(value >> (2n * quarter)) + 1n) << quarter;
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function powersModulo(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power);
  return powers;
}

function squaresModulo(modulus: number): ReadonlySet<number> {
  return new Set(Array.from({ length: modulus }, (_unused, root) => (root * root) % modulus));
}
