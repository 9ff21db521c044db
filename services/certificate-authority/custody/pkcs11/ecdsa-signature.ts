const INTEGER = 0x02;
const SEQUENCE = 0x30;

/**
 * Ecdsa-Sig-Value, DER, of r and s side by side.
 *
 * Source: RFC 3279, 2.2.3; PKCS #11 3.1, 6.3.1.
 */
export function ecdsaSignatureDer(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  const content = Buffer.concat([integer(signature.subarray(0, half)), integer(signature.subarray(half))]);
  // P-521 has up to 138 octets of content; everything else fits into a length of one octet.
  const header = content.length < 0x80 ? [SEQUENCE, content.length] : [SEQUENCE, 0x81, content.length];
  return Uint8Array.from([...header, ...content]);
}

function integer(magnitude: Uint8Array): Buffer {
  const start = magnitude.findIndex((octet) => octet !== 0);
  const significant = start < 0 ? magnitude.subarray(-1) : magnitude.subarray(start);
  const isNegative = (significant[0] ?? 0) >= 0x80;
  const value = isNegative ? [0, ...significant] : [...significant];
  return Buffer.from([INTEGER, value.length, ...value]);
}
