import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { examineCertificate } from "../../../services/certificate-authority/signer/certificate-examiner.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

const CA = ["-addext", "basicConstraints=critical,CA:TRUE"];
const LEAF = ["-addext", "basicConstraints=critical,CA:FALSE"];
const SERVER = [...LEAF, "-addext", "extendedKeyUsage=serverAuth,clientAuth"];
const EC = (curve: string) => ["ec", "-pkeyopt", `ec_paramgen_curve:${curve}`];

function selfSigned(newKey: readonly string[], more: readonly string[]): Buffer {
  const directory = temporaryDirectory();
  const file = join(directory, "crt");
  const key = ["-newkey", ...newKey, "-nodes", "-keyout", join(directory, "key")];
  openssl("req", "-x509", ...key, "-subj", "/CN=someone", "-out", file, ...more);
  return new X509Certificate(readFileSync(file)).raw;
}

const sound = { isKeyWeak: false, isSignatureWeak: false, extendedKeyUsages: [], isAuthority: false };

test.each([
  {
    name: "RSA of 2048 bits",
    newKey: ["rsa:2048"],
    more: LEAF,
    found: { ...sound, keyAlgorithm: "RSA 2048", signatureAlgorithm: "sha256WithRSAEncryption" },
  },
  {
    name: "RSA of 1024 bits, signed with SHA-1",
    newKey: ["rsa:1024"],
    more: [...LEAF, "-sha1"],
    found: {
      ...{ ...sound, keyAlgorithm: "RSA 1024", signatureAlgorithm: "sha1WithRSAEncryption" },
      ...{ isKeyWeak: true, isSignatureWeak: true },
    },
  },
  {
    name: "P-256, with purposes",
    newKey: EC("P-256"),
    more: SERVER,
    found: {
      ...{ ...sound, keyAlgorithm: "ECDSA P-256", signatureAlgorithm: "ecdsa-with-SHA256" },
      extendedKeyUsages: ["serverAuth", "clientAuth"],
    },
  },
  {
    name: "a curve of Koblitz, signed with SHA-384, as a CA",
    newKey: EC("secp256k1"),
    more: [...CA, "-sha384"],
    found: {
      ...{ ...sound, keyAlgorithm: "ECDSA secp256k1", signatureAlgorithm: "ecdsa-with-SHA384" },
      ...{ isKeyWeak: true, isAuthority: true },
    },
  },
  {
    name: "Ed25519",
    newKey: ["ed25519"],
    more: LEAF,
    found: { ...sound, keyAlgorithm: "Ed25519", signatureAlgorithm: "ED25519" },
  },
])("details of a certificate: $name", ({ newKey, more, found }) => {
  expect(examineCertificate(selfSigned(newKey, more))).toEqual(found);
});

test("what cannot be read has none", () => {
  expect(examineCertificate(Buffer.from("no certificate"))).toBeUndefined();
  expect(examineCertificate(selfSigned(["ed25519"], LEAF).subarray(0, -1))).toBeUndefined();
});
