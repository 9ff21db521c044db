import { expect, test } from "@jest/globals";
import { buildIntent } from "../../../services/certificate-authority/domain/intent.ts";
import { KNOWN_USAGES, keyUsagesOf } from "../../../services/certificate-authority/domain/key-usages.ts";
import { chooseValidity } from "../../../services/certificate-authority/domain/validity.ts";
import { facts } from "../../builders/facts.ts";

const NOW = new Date("2026-01-01T00:00:00.900Z");
const ISSUER_NOT_AFTER = new Date("2026-01-31T00:00:00Z");
const DAY = 86_400;

test.each([
  { name: "no request uses the maximum", requested: undefined, max: DAY, notAfter: "2026-01-01T23:55:00.000Z" },
  { name: "the maximum as asked", requested: DAY, max: DAY, notAfter: "2026-01-01T23:55:00.000Z" },
  { name: "more than the maximum", requested: DAY + 1, max: DAY, notAfter: "2026-01-01T23:55:00.000Z" },
  { name: "less than the maximum", requested: DAY - 1, max: DAY, notAfter: "2026-01-01T23:54:59.000Z" },
  { name: "below the floor is raised", requested: 1, max: DAY, notAfter: "2026-01-01T00:10:00.000Z" },
  { name: "one second below the floor", requested: 599, max: DAY, notAfter: "2026-01-01T00:10:00.000Z" },
  { name: "the floor itself", requested: 600, max: DAY, notAfter: "2026-01-01T00:10:00.000Z" },
  { name: "one second above the floor", requested: 601, max: DAY, notAfter: "2026-01-01T00:10:01.000Z" },
  { name: "the maximum beats the floor", requested: 1, max: 300, notAfter: "2026-01-01T00:05:00.000Z" },
  { name: "just under 8 h keeps its length", requested: 28_799, max: DAY, notAfter: "2026-01-01T07:59:59.000Z" },
  { name: "exactly 8 h is shortened", requested: 28_800, max: DAY, notAfter: "2026-01-01T07:55:00.000Z" },
  {
    name: "a second before the issuer's end",
    requested: 30 * DAY + 299,
    max: 90 * DAY,
    notAfter: "2026-01-30T23:59:59.000Z",
  },
  { name: "as long as the issuer", requested: 30 * DAY + 300, max: 90 * DAY, notAfter: "2026-01-31T00:00:00.000Z" },
  { name: "never outlives the issuer", requested: 90 * DAY, max: 90 * DAY, notAfter: "2026-01-31T00:00:00.000Z" },
])("chooseValidity: $name", ({ requested, max, notAfter }) => {
  const validity = chooseValidity(requested, { maximumSeconds: max, issuerNotAfter: ISSUER_NOT_AFTER }, NOW);
  expect(validity.notAfter.toISOString()).toBe(notAfter);
  expect(validity.notBefore.toISOString()).toBe("2025-12-31T23:55:00.000Z");
});

test("chooseValidity: an issuer expiring this instant is refused, one with a millisecond left is not", () => {
  const choose = (issuerNotAfter: Date) => chooseValidity(600, { maximumSeconds: DAY, issuerNotAfter }, NOW);
  expect(() => choose(NOW)).toThrow(expect.objectContaining({ reason: "InternalError" }));
  expect(choose(new Date(NOW.getTime() + 1)).notAfter.toISOString()).toBe("2026-01-01T00:00:00.000Z");
});

test.each([
  { usage: "signing", bits: 1 },
  { usage: "digital signature", bits: 1 },
  { usage: "content commitment", bits: 2 },
  { usage: "key encipherment", bits: 4 },
  { usage: "data encipherment", bits: 8 },
  { usage: "key agreement", bits: 16 },
  { usage: "cert sign", bits: 32 },
  { usage: "crl sign", bits: 64 },
  { usage: "encipher only", bits: 128 },
  { usage: "decipher only", bits: 256 },
])("keyUsagesOf: $usage is a KeyUsage bit", ({ usage, bits }) => {
  expect(keyUsagesOf([usage])).toEqual({ keyUsage: bits, extendedKeyUsages: [] });
});

test.each([
  { usage: "any", purpose: "any" },
  { usage: "server auth", purpose: "serverAuth" },
  { usage: "client auth", purpose: "clientAuth" },
  { usage: "code signing", purpose: "codeSigning" },
  { usage: "email protection", purpose: "emailProtection" },
  { usage: "s/mime", purpose: "emailProtection" },
  { usage: "ipsec end system", purpose: "ipsecEndSystem" },
  { usage: "ipsec tunnel", purpose: "ipsecTunnel" },
  { usage: "ipsec user", purpose: "ipsecUser" },
  { usage: "timestamping", purpose: "timeStamping" },
  { usage: "ocsp signing", purpose: "ocspSigning" },
  { usage: "microsoft sgc", purpose: "microsoftServerGatedCrypto" },
  { usage: "netscape sgc", purpose: "netscapeServerGatedCrypto" },
])("keyUsagesOf: $usage is a purpose", ({ usage, purpose }) => {
  expect(keyUsagesOf([usage])).toEqual({ keyUsage: 0, extendedKeyUsages: [purpose] });
});

test("keyUsagesOf: all together, in Go's order and once each, whatever the order of the request", () => {
  const expected = {
    keyUsage: 511,
    extendedKeyUsages: [
      "any",
      "serverAuth",
      "clientAuth",
      "codeSigning",
      "emailProtection",
      "ipsecEndSystem",
      "ipsecTunnel",
      "ipsecUser",
      "timeStamping",
      "ocspSigning",
      "microsoftServerGatedCrypto",
      "netscapeServerGatedCrypto",
    ],
  };
  expect(KNOWN_USAGES).toHaveLength(23);
  expect(keyUsagesOf(KNOWN_USAGES)).toEqual(expected);
  expect(keyUsagesOf([...KNOWN_USAGES].reverse())).toEqual(expected);
});

test("keyUsagesOf: one unknown usage spoils all", () => {
  expect(keyUsagesOf(["client auth", "telepathy"])).toBeUndefined();
  expect(keyUsagesOf(["toString"])).toBeUndefined();
});

test("buildIntent: subject, names and key of the facts, usages and lifetime of the spec", () => {
  const said = facts({ sans: { dnsNames: ["worker-1"] } });
  const limits = { maximumSeconds: DAY, issuerNotAfter: ISSUER_NOT_AFTER };
  const intent = buildIntent({ usages: ["client auth", "signing"], expirationSeconds: 3600 }, said, limits, NOW);
  expect(intent).toEqual({
    subject: said.subject,
    sans: said.sans,
    spkiDer: said.spkiDer,
    keyUsage: 1,
    extendedKeyUsages: ["clientAuth"],
    notBefore: new Date("2025-12-31T23:55:00Z"),
    notAfter: new Date("2026-01-01T01:00:00Z"),
  });
});

test("buildIntent: an unknown usage is an error to be tried again, no verdict", () => {
  const limits = { maximumSeconds: DAY, issuerNotAfter: ISSUER_NOT_AFTER };
  expect(() => buildIntent({ usages: ["telepathy"] }, facts(), limits, NOW)).toThrow(
    expect.objectContaining({ reason: "InternalError" }),
  );
});
