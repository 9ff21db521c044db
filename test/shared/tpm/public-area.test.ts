import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  encodePublic,
  keyOf,
  machineIdOf,
  nameOf,
  type PublicArea,
  parsePublic,
} from "../../../services/shared/tpm/public-area.ts";
import { isSignedBy } from "../../../services/shared/tpm/signature.ts";
import { ATTESTATION_TEMPLATE, ENDORSEMENT_TEMPLATES, templateOf } from "../../../services/shared/tpm/templates.ts";
import { TpmError } from "../../../services/shared/tpm/tpm-reader.ts";
import { softAttestationKey, softEndorsementKey, softKey, softSignature } from "../../builders/soft-tpm.ts";

// Of the TCG's EK Credential Profile, as other software encodes them: templates L-1 and L-2 with empty keys.
const LOW_RANGE_RSA = `013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100800000000000100${"00".repeat(256)}`;
const LOW_RANGE_ECC = `007a0023000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa0006008000430010000300100020${"00".repeat(32)}0020${"00".repeat(32)}`;

test("templates are encoded as everybody else's", () => {
  expect(encodePublic(ENDORSEMENT_TEMPLATES[0].area).toString("hex")).toBe(LOW_RANGE_RSA);
  expect(encodePublic(ENDORSEMENT_TEMPLATES[1].area).toString("hex")).toBe(LOW_RANGE_ECC);
});

test.each(ENDORSEMENT_TEMPLATES.map(({ name }) => name))("a key of template %s is recognised", (name) => {
  const key = softEndorsementKey(name);
  expect(templateOf(parsePublic(key.tpm2bPublic))?.name).toBe(name);
  expect(keyOf(key.area).equals(keyOf(parsePublic(key.tpm2bPublic)))).toBe(true);
});

test("names are the digest of what is inside of the size", () => {
  const { tpm2bPublic } = softAttestationKey();
  const digest = createHash("sha256").update(tpm2bPublic.subarray(2)).digest("hex");
  expect(nameOf(tpm2bPublic).toString("hex")).toBe(`000b${digest}`);
});

test("a machine's id is the hash of its key's SubjectPublicKeyInfo", () => {
  const { area } = softEndorsementKey();
  const spki = keyOf(area).export({ type: "spki", format: "der" });
  expect(machineIdOf(keyOf(area))).toBe(`tpm2:${createHash("sha256").update(spki).digest("hex")}`);
});

test("coordinates may lack their leading zeros", () => {
  for (;;) {
    const { area } = softAttestationKey();
    if (area.key.type !== "ecc" || area.key.x[0] !== 0) continue;
    const shorter = { ...area, key: { ...area.key, x: area.key.x.subarray(1) } };
    expect(keyOf(parsePublic(encodePublic(shorter))).equals(keyOf(area))).toBe(true);
    return;
  }
});

const P256 = ATTESTATION_TEMPLATE;
const patched = (area: PublicArea, at: number, ...octets: readonly number[]): Buffer => {
  const encoded = Buffer.from(encodePublic(area));
  encoded.set(octets, at);
  return encoded;
};

test.each([
  { name: "a symmetric key", octets: patched(P256, 2, 0, 0x25), message: "neither RSA nor ECC" },
  { name: "a name of SHA-1", octets: patched(P256, 4, 0, 4), message: "nameAlg: the hash 0x4 is not SHA-256" },
  { name: "a cipher that is not AES", octets: patched(P256, 12, 0, 0x26), message: "symmetric: neither AES" },
  { name: "an RSA scheme of an ECC key", octets: patched(P256, 14, 0, 0x14), message: "not one of this kind of key" },
  { name: "an unknown scheme", octets: patched(P256, 14, 0, 0x1b), message: "scheme: 0x1b is not" },
  { name: "a scheme with SHA-1", octets: patched(P256, 16, 0, 4), message: "scheme: the hash 0x4" },
  { name: "an unknown curve", octets: patched(P256, 18, 0, 0x10), message: "curveID: 0x10 is not" },
  { name: "a KDF", octets: patched(P256, 20, 0, 0x20), message: "kdf: not empty" },
  { name: "a larger coordinate", octets: patched(P256, 22, 0, 33), message: "x: 33 octets, at most 32" },
  { name: "another size", octets: patched(P256, 0, 0, 1), message: "TPM2B_PUBLIC: trailing" },
  {
    name: "a policy of another length",
    octets: encodePublic({ ...P256, authPolicy: Buffer.alloc(20) }),
    message: "authPolicy: not a digest",
  },
  {
    name: "a short RSA key",
    octets: encodePublic({ ...P256, scheme: undefined, key: { type: "rsa", bits: 1024, modulus: Buffer.alloc(128) } }),
    message: "keyBits: 1024 is not",
  },
])("$name is refused", ({ octets, message }) => {
  expect(() => parsePublic(octets)).toThrow(message);
});

test.each([
  { name: "a point beside its curve", area: { ...P256 } },
  { name: "no modulus", area: ENDORSEMENT_TEMPLATES[3].area },
  { name: "a modulus of fewer bits", area: ENDORSEMENT_TEMPLATES[0].area },
])("$name is no key", ({ area }) => {
  expect(() => keyOf(area)).toThrow(TpmError);
});

test("signatures are verified by the scheme of their key alone", () => {
  const message = Buffer.from("message");
  const ecc = softAttestationKey();
  const key = { type: "rsa", bits: 2048, modulus: Buffer.alloc(0) } as const;
  const rsa = softKey({ ...P256, scheme: { name: "rsassa", hash: "sha256" }, key });
  for (const one of [ecc, rsa]) {
    expect(isSignedBy(one.area, message, softSignature(one, message))).toBe(true);
    expect(isSignedBy(one.area, Buffer.from("massage"), softSignature(one, message))).toBe(false);
  }
  expect(isSignedBy(ecc.area, message, softSignature(softAttestationKey(), message))).toBe(false);
  expect(() => isSignedBy(rsa.area, message, softSignature(ecc, message))).toThrow("bound to");
  const pss = { ...rsa, area: { ...rsa.area, scheme: { name: "rsapss", hash: "sha256" } as const } };
  expect(() => isSignedBy(rsa.area, message, softSignature(pss, message))).toThrow("bound to");
  expect(() => isSignedBy({ ...rsa.area, scheme: undefined }, message, softSignature(rsa, message))).toThrow(
    "bound to",
  );
});

test("whatever comes is read whole or refused by a TpmError", () => {
  const whole = encodePublic(ENDORSEMENT_TEMPLATES[1].area);
  const mutated = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) }).map(({ at, to }) => {
    const octets = Buffer.from(whole);
    octets[at] = to;
    return octets;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 400 })), (octets) => {
      try {
        const encoded = encodePublic(parsePublic(octets));
        expect(encoded.length).toBe(octets.length);
      } catch (error) {
        expect(error).toBeInstanceOf(TpmError);
      }
    }),
    { numRuns: 2000 },
  );
});
