import { checkPrimeSync, createPrivateKey, generatePrimeSync, type KeyObject, randomBytes } from "node:crypto";

/** The primes of an RSA key. */
export interface RsaPrimes {
  readonly p: bigint;
  readonly q: bigint;
}

const PRIME_BITS = 1024;

/** The private key of these primes. */
export function rsaKeyOf({ p, q }: RsaPrimes, exponent = 65_537n): KeyObject {
  const d = inverse(exponent, (p - 1n) * (q - 1n));
  const jwk = {
    kty: "RSA",
    ...{ n: base64Url(p * q), e: base64Url(exponent), d: base64Url(d), p: base64Url(p), q: base64Url(q) },
    ...{ dp: base64Url(d % (p - 1n)), dq: base64Url(d % (q - 1n)), qi: base64Url(inverse(q, p)) },
  };
  return createPrivateKey({ format: "jwk", key: jwk });
}

/**
 * Primes as Infineon's library made them: k · M + (65537^a mod M), M being the product of the primes up to 167; the real
 * ones of 1024 bits have a larger M, whose first factors are these.
 */
export function infineonPrimes(): RsaPrimes {
  const product = primesUpTo(167).reduce((all, prime) => all * BigInt(prime), 1n);
  const one = (): bigint => {
    const power = modularPower(65_537n, BigInt(`0x${randomBytes(16).toString("hex")}`), product);
    const top = 3n << BigInt(PRIME_BITS - 2);
    const random = BigInt(`0x${randomBytes(PRIME_BITS / 8 - 1).toString("hex")}`);
    for (let k = (top + random) / product; ; k += 1n) {
      const candidate = k * product + power;
      if (checkPrimeSync(candidate)) return candidate;
    }
  };
  return { p: one(), q: one() };
}

/** Two primes next to each other. */
export function closePrimes(): RsaPrimes {
  const p = generatePrimeSync(PRIME_BITS, { bigint: true });
  let q = p + 2n;
  while (!checkPrimeSync(q)) q += 2n;
  return { p, q };
}

function primesUpTo(limit: number): readonly number[] {
  const numbers = Array.from({ length: limit - 1 }, (_unused, index) => index + 2);
  return numbers.filter((number) => numbers.every((other) => other >= number || number % other !== 0));
}

function modularPower(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [previous, current] = [modulus, value % modulus];
  let [before, coefficient] = [0n, 1n];
  while (current !== 0n) {
    const quotient = previous / current;
    [previous, current] = [current, previous - quotient * current];
    [before, coefficient] = [coefficient, before - quotient * coefficient];
  }
  return ((before % modulus) + modulus) % modulus;
}

function base64Url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex").toString("base64url");
}
