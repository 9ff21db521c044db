import { constants, createDecipheriv, createHmac, privateDecrypt } from "node:crypto";
import { expect, test } from "@jest/globals";
import {
  makeCredential,
  protectSecret,
} from "../../../../services/certificate-authority/attestation/tpm2/make-credential.ts";
import { TpmReader } from "../../../../services/shared/tpm/tpm-reader.ts";
import { softAttestationKey, softEndorsementKey } from "../../../builders/soft-tpm.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

// Made by another implementation, and activated by an emulated TPM.
const VECTOR = {
  seed: hex("00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210"),
  secret: hex("a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"),
  name: hex("000b9c08d5f27389a15a5de12c459e159037a4338f5382355f774dfc04e5c16d6999"),
  cipherKey: hex("40f95811bdffdb863e639d7e9b0f2653"),
  integrityKey: hex("1f5c894c7c54503144fe0fe97cb73591143c45aa4d113a18a12a910387a08dc8"),
  blob: hex(`00440020812060be0d7dcbec5a35c86220f110256904bc98b480bde2533d5123f06282c0
             fd78892b8707d587be4a7ee4fe34e3eacee8109423c569361f3397b1081ae78306ad`),
};

test("a credential is made as the vector says, octet for octet", () => {
  const { seed, secret, name, blob } = VECTOR;
  const made = protectSecret({ nameAlg: "sha256", aesBits: 128 }, seed, name, secret);
  expect(made.toString("hex")).toBe(blob.toString("hex"));
});

test("the vector's keys are those that open it", () => {
  const { cipherKey, integrityKey, name, secret, blob } = VECTOR;
  const reader = new TpmReader(new TpmReader(blob).readSized(1024, "blob"));
  const integrity = reader.readSized(32, "integrity");
  const encrypted = reader.rest;
  expect(createHmac("sha256", integrityKey).update(encrypted).update(name).digest()).toEqual(integrity);
  const cipher = createDecipheriv("aes-128-cfb", cipherKey, Buffer.alloc(16));
  expect(cipher.update(encrypted).subarray(2)).toEqual(secret);
});

test.each(["rsa2048", "rsa3072"] as const)("the seed travels under OAEP to a key of template %s", (name) => {
  const ek = softEndorsementKey(name);
  const secret = Buffer.alloc(32, 7);
  const objectName = VECTOR.name;
  const { credentialBlob, encryptedSecret } = makeCredential(ek.area, objectName, secret);
  const oaepHash = ek.area.nameAlg;
  const seed = privateDecrypt(
    { key: ek.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash, oaepLabel: Buffer.from("IDENTITY\0") },
    new TpmReader(encryptedSecret).readSized(512, "secret"),
  );
  expect(protectSecret(ek.area, seed, objectName, secret)).toEqual(credentialBlob);
});

test.each(["p256", "p384"] as const)("the seed is agreed on with a key of template %s", (name) => {
  const ek = softEndorsementKey(name);
  const { encryptedSecret } = makeCredential(ek.area, VECTOR.name, Buffer.alloc(32));
  const point = new TpmReader(new TpmReader(encryptedSecret).readSized(512, "point"));
  const octets = name === "p256" ? 32 : 48;
  expect(point.readSized(octets, "x")).toHaveLength(octets);
  expect(point.readSized(octets, "y")).toHaveLength(octets);
  point.expectEnd("point");
});

test("no two credentials are alike", () => {
  const { area } = softEndorsementKey();
  const [one, other] = [
    makeCredential(area, VECTOR.name, VECTOR.secret),
    makeCredential(area, VECTOR.name, VECTOR.secret),
  ];
  expect(one.credentialBlob).not.toEqual(other.credentialBlob);
});

test("a key that protects nothing gets no credential", () => {
  expect(() => makeCredential(softAttestationKey().area, VECTOR.name, VECTOR.secret)).toThrow("no storage key");
});
