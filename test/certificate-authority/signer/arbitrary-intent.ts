import fc from "fast-check";
import type {
  CertificateIntent,
  ExtendedKeyUsage,
} from "../../../services/certificate-authority/domain/certificate.ts";
import { formatIpAddress } from "../../../services/certificate-authority/domain/ip-address.ts";
import { EXTENDED_KEY_USAGE_OIDS } from "../../../services/certificate-authority/signer/object-identifiers.ts";
import { normalizeUri } from "../../../services/certificate-authority/signer/uri.ts";
import { generateKey, type TestKeyAlgorithm } from "../../builders/keys.ts";

const KEYS: readonly TestKeyAlgorithm[] = [
  "ecdsa-p224",
  "ecdsa-p256",
  "ecdsa-p384",
  "ecdsa-p521",
  "rsa-1024",
  "rsa-2048",
  "ed25519",
];
const SPKIS = KEYS.map((key) => generateKey(key).publicKey.export({ type: "spki", format: "der" }));
const PURPOSES = Object.keys(EXTENDED_KEY_USAGE_OIDS) as ExtendedKeyUsage[];

/** Printable, other ASCII and beyond, up to what needs a two-octet length. */
const text = fc
  .oneof(
    fc.stringMatching(/^[a-zA-Z0-9 '()+,\-./:=?]{1,40}$/),
    fc.string({ minLength: 1, maxLength: 30 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
    fc.integer({ min: 100, max: 300 }).map((length) => "x".repeat(length)),
  )
  .filter((value) => Buffer.from(value).toString() === value);

const texts = fc.array(text, { maxLength: 4 });
const ascii = fc.string({ unit: "binary-ascii", maxLength: 40 });
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = fc.oneof(octets(4), octets(16)).map((value) => formatIpAddress(Buffer.from(value)) ?? "");
const uri = fc
  .webUrl({ withQueryParameters: true, withFragments: true })
  .map(normalizeUri)
  .filter((value) => value !== undefined);

/** Whole seconds, on both sides of 2050, where the encoding of times changes. */
const instant = fc
  .integer({ min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(9999, 11, 31) / 1000 })
  .map((seconds) => new Date(seconds * 1000));

export const arbitraryIntent: fc.Arbitrary<CertificateIntent> = fc.record({
  subject: fc.record({
    country: texts,
    organization: texts,
    organizationalUnit: texts,
    locality: texts,
    province: texts,
    streetAddress: texts,
    postalCode: texts,
    commonName: fc.oneof(fc.constant(""), text),
    serialNumber: fc.oneof(fc.constant(""), text),
  }),
  sans: fc.record({
    dnsNames: fc.array(ascii, { maxLength: 4 }),
    emailAddresses: fc.array(ascii, { maxLength: 3 }),
    ipAddresses: fc.array(address, { maxLength: 4 }),
    uris: fc.array(uri, { maxLength: 3 }),
  }),
  spkiDer: fc.constantFrom(...SPKIS),
  keyUsage: fc.integer({ min: 0, max: 0x1ff }),
  extendedKeyUsages: fc.subarray(PURPOSES),
  notBefore: instant,
  notAfter: instant,
});

export const arbitrarySerial: fc.Arbitrary<Buffer> = octets(16)
  .map((value) => Buffer.from(value))
  .filter((value) => value.some((octet) => octet !== 0));
