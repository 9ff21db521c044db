import "reflect-metadata";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { type CertificateParts, certificateParts } from "../../services/node-agent/certificates/certificate-parts.ts";
import { certificateRequest } from "../../services/node-agent/certificates/certificate-request.ts";
import { newKeyLike } from "../../services/node-agent/certificates/private-key.ts";
import { asksForTheSame, nodeRequest } from "../../services/node-agent/joining/node-request.ts";
import { renewalTime } from "../../services/node-agent/renewal/due.ts";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { makeLeaf } from "../end-to-end/support/client-certificates.ts";
import { makeAuthority } from "../end-to-end/support/openssl-authority.ts";

const directory = temporaryDirectory();
const authority = makeAuthority(directory, { commonName: "ca", kind: "ecdsa-p384" });

function parts(name: string, subject: string, extensions: readonly string[]): CertificateParts {
  const { certificateFile } = makeLeaf(directory, authority, { name, subject, extensions });
  return certificateParts(readFileSync(certificateFile, "utf8"), certificateFile);
}

const plain = parts("plain", "/O=system:nodes/CN=system:node:a", ["extendedKeyUsage=clientAuth"]);
const named = parts("named", "/C=DE/O=B and Co/CN=db", [
  "keyUsage=critical,digitalSignature,keyEncipherment,keyAgreement",
  "extendedKeyUsage=serverAuth,clientAuth",
  "subjectAltName=critical,DNS:*.example.com,IP:2001:db8::1,URI:spiffe://example.org/db,email:a@example.com",
]);

const KEYS = {
  "P-256": generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey,
  "P-384": generateKeyPairSync("ec", { namedCurve: "secp384r1" }).privateKey,
  "P-521": generateKeyPairSync("ec", { namedCurve: "secp521r1" }).privateKey,
  RSA: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  Ed25519: generateKeyPairSync("ed25519").privateKey,
};

describe.each(Object.entries(KEYS))("a key %s", (name, key) => {
  test("signs a request that openssl verifies, of the certificate's own subject and names", () => {
    const file = join(directory, `${name}.csr`);
    writeFileSync(file, certificateRequest(named, key));
    const shown = openssl("req", "-in", file, "-verify", "-noout", "-text", "-nameopt", "utf8,sep_comma_plus_space");
    expect(shown).toContain("Subject: C=DE, O=B and Co, CN=db");
    expect(shown).toContain("X509v3 Subject Alternative Name: critical");
    expect(shown).toContain(
      "DNS:*.example.com, IP Address:2001:DB8:0:0:0:0:0:1, URI:spiffe://example.org/db, email:a@example.com",
    );
  });

  test("is followed by another one of its kind", () => {
    const next = newKeyLike(key);
    expect(next.asymmetricKeyType).toBe(key.asymmetricKeyType);
    expect(next.asymmetricKeyDetails).toEqual(key.asymmetricKeyDetails);
    expect(createPublicKey(next).equals(createPublicKey(key))).toBe(false);
  });
});

test("a certificate without names makes a request without any", () => {
  const file = join(directory, "plain.csr");
  writeFileSync(file, certificateRequest(plain, KEYS["P-256"]));
  const shown = openssl("req", "-in", file, "-verify", "-noout", "-text", "-nameopt", "sep_comma_plus_space");
  expect(shown).toContain("Subject: O=system:nodes, CN=system:node:a");
  expect(shown).not.toContain("Alternative");
});

test("names are critical only where the certificate says so", () => {
  const { subjectAltName } = parts("optional", "/CN=db", ["subjectAltName=DNS:db.example.com"]);
  expect([subjectAltName?.isCritical, named.subjectAltName?.isCritical]).toEqual([false, true]);
});

describe("a request of before is known again by its subject and key, not by its signature", () => {
  const asked = nodeRequest("a", KEYS["P-256"]).requestPem;
  test.each([
    { name: "asked once more", other: nodeRequest("a", KEYS["P-256"]).requestPem, isSame: true },
    { name: "for another node", other: nodeRequest("b", KEYS["P-256"]).requestPem },
    { name: "with another key", other: nodeRequest("a", KEYS["P-384"]).requestPem },
    { name: "cut off", other: asked.replace(/.{4}\n-----END/, "\n-----END") },
    { name: "no request", other: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----" },
  ])("$name", ({ other, isSame = false }) => {
    expect(asksForTheSame(asked, other)).toBe(isSame);
  });
});

test("usages are those of the certificate", () => {
  expect(named.usages).toEqual([
    ...["digital signature", "key encipherment", "key agreement", "server auth", "client auth"],
  ]);
});

test.each([
  { name: "no PEM", pem: "nothing" },
  { name: "a key", pem: KEYS["P-256"].export({ type: "pkcs8", format: "pem" }).toString() },
])("what is no certificate is refused by its file: $name", ({ pem }) => {
  expect(() => certificateParts(pem, "tls.crt")).toThrow(
    expect.objectContaining({ failure: "unusable", message: expect.stringContaining("tls.crt holds no certificate") }),
  );
});

test.each([
  { lead: { fraction: 1 / 3 }, at: "2026-01-21T00:00:00.000Z" },
  { lead: { seconds: 86_400 }, at: "2026-01-30T00:00:00.000Z" },
])("a certificate of 30 days is due at $at", ({ lead, at }) => {
  const time = renewalTime(new Date("2026-01-01T00:00:00Z"), new Date("2026-01-31T00:00:00Z"), lead);
  expect(time.toISOString()).toBe(at);
});
