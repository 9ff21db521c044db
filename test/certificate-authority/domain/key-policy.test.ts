import { expect, test } from "@jest/globals";
import type { PublicKeyKind } from "../../../services/certificate-authority/domain/csr-facts.ts";
import {
  type KeyPolicySettings,
  keyPolicyRelaxations,
  strengthViolation,
} from "../../../services/certificate-authority/domain/key-policy.ts";
import { rsaKind } from "../../builders/facts.ts";

const STRICT: KeyPolicySettings = {
  minimumRsaBits: 2048,
  curves: ["P-256", "P-384", "P-521"],
  mlDsa: [],
  allowKeyReuseAcrossNodes: false,
};

test.each<{ name: string; key: PublicKeyKind; settings?: Partial<KeyPolicySettings> }>([
  { name: "RSA of 2048 bits", key: rsaKind() },
  { name: "RSA of 16384 bits", key: rsaKind({ bits: 16_384 }) },
  { name: "a larger odd exponent", key: rsaKind({ exponent: 0x7fff_ffff }) },
  { name: "RSA of 1024 bits, allowed", key: rsaKind({ bits: 1024 }), settings: { minimumRsaBits: 1024 } },
  { name: "RSA of 3072 bits, required", key: rsaKind({ bits: 3072 }), settings: { minimumRsaBits: 3072 } },
  { name: "P-256", key: { algorithm: "ECDSA", curve: "P-256" } },
  { name: "P-384", key: { algorithm: "ECDSA", curve: "P-384" } },
  { name: "P-521", key: { algorithm: "ECDSA", curve: "P-521" } },
  { name: "P-224, allowed", key: { algorithm: "ECDSA", curve: "P-224" }, settings: { curves: ["P-224"] } },
  { name: "Ed25519", key: { algorithm: "Ed25519" }, settings: { curves: [] } },
  {
    name: "ML-DSA-65, chosen",
    key: { algorithm: "ML-DSA", parameterSet: "ML-DSA-65" },
    settings: { mlDsa: ["ML-DSA-65"] },
  },
])("$name is strong enough", ({ key, settings }) => {
  expect(strengthViolation(key, { ...STRICT, ...settings })).toBeUndefined();
});

test.each<{ name: string; key: PublicKeyKind; settings?: Partial<KeyPolicySettings>; says: RegExp; evidence: object }>([
  { name: "RSA of 2047 bits", key: rsaKind({ bits: 2047 }), says: /2047 bits/, evidence: { minimumBits: 2048 } },
  {
    name: "RSA of 2048 bits where 3072 are required",
    key: rsaKind(),
    settings: { minimumRsaBits: 3072 },
    says: /3072 are required/,
    evidence: { bits: 2048 },
  },
  { name: "exponent 3", key: rsaKind({ exponent: 3 }), says: /exponent 3 /, evidence: { exponent: 3 } },
  { name: "exponent 65535", key: rsaKind({ exponent: 65_535 }), says: /65535/, evidence: { exponent: 65_535 } },
  {
    name: "a ROCA key",
    key: rsaKind({ defects: ["infineonPrimes"] }),
    says: /CVE-2017-15361/,
    evidence: { defects: ["infineonPrimes"] },
  },
  {
    name: "close primes, however many bits are required",
    key: rsaKind({ bits: 1024, defects: ["closePrimes"] }),
    settings: { minimumRsaBits: 1024 },
    says: /Fermat/,
    evidence: { bits: 1024 },
  },
  { name: "P-224", key: { algorithm: "ECDSA", curve: "P-224" }, says: /P-224/, evidence: { curve: "P-224" } },
  {
    name: "P-521 where only P-256 is allowed",
    key: { algorithm: "ECDSA", curve: "P-521" },
    settings: { curves: ["P-256"] },
    says: /P-521/,
    evidence: { allowed: ["P-256"] },
  },
  {
    name: "ML-DSA where nothing is chosen",
    key: { algorithm: "ML-DSA", parameterSet: "ML-DSA-87" },
    says: /ML-DSA-87 keys are not certified/,
    evidence: { allowed: [] },
  },
  {
    name: "ML-DSA-44 where ML-DSA-87 is chosen",
    key: { algorithm: "ML-DSA", parameterSet: "ML-DSA-44" },
    settings: { mlDsa: ["ML-DSA-87"] },
    says: /ML-DSA-44/,
    evidence: { allowed: ["ML-DSA-87"] },
  },
])("$name is too weak", ({ key, settings, says, evidence }) => {
  expect(strengthViolation(key, { ...STRICT, ...settings })).toEqual({
    reason: "WeakKey",
    message: expect.stringMatching(says),
    evidence: expect.objectContaining(evidence),
  });
});

test.each<{ name: string; settings: Partial<KeyPolicySettings>; names: readonly string[] }>([
  { name: "the defaults", settings: {}, names: [] },
  { name: "stricter rules", settings: { minimumRsaBits: 4096, curves: ["P-256"] }, names: [] },
  { name: "2047 bits", settings: { minimumRsaBits: 2047 }, names: ["keyPolicy.minimumRsaBits"] },
  { name: "P-224", settings: { curves: ["P-224", "P-256"] }, names: ["keyPolicy.curves has P-224"] },
  { name: "post-quantum keys", settings: { mlDsa: ["ML-DSA-65", "ML-DSA-87"] }, names: ["ML-DSA-65, ML-DSA-87"] },
  { name: "shared keys", settings: { allowKeyReuseAcrossNodes: true }, names: ["keyPolicy.allowKeyReuseAcrossNodes"] },
  {
    name: "everything",
    settings: { minimumRsaBits: 1024, curves: ["P-224"], allowKeyReuseAcrossNodes: true },
    names: ["keyPolicy.minimumRsaBits", "keyPolicy.curves has P-224", "keyPolicy.allowKeyReuseAcrossNodes"],
  },
])("relaxations are named: $name", ({ settings, names }) => {
  const sentences = keyPolicyRelaxations({ ...STRICT, ...settings });
  expect(sentences).toEqual(names.map((name) => expect.stringContaining(name)));
});
