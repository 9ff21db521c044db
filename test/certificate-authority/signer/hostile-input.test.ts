import { X509Certificate } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Subject } from "../../../services/certificate-authority/domain/csr-facts.ts";
import { inspectPem } from "../../../services/certificate-authority/signer/certificate-inspector.ts";
import { readCertificate } from "../../../services/certificate-authority/signer/certificate-reader.ts";
import { decodeRequests } from "../../../services/certificate-authority/signer/csr-decoder.ts";
import { readCsr, verifyCsr } from "../../../services/certificate-authority/signer/csr-reader.ts";
import { decodePem } from "../../../services/certificate-authority/signer/pem.ts";
import { importPublicKey } from "../../../services/certificate-authority/signer/public-key.ts";
import { DerError } from "../../../services/shared/der/der-reader.ts";
import { buildCsr } from "../../builders/csr.ts";
import { element, pemBlock, TAG } from "../../builders/der.ts";
import { buildIssuer } from "../../builders/issuer.ts";

const CSRS = (["ecdsa-p256", "rsa-2048", "ed25519"] as const).map(
  (key) =>
    buildCsr({ key, dnsNames: ["a.b"], ipAddresses: ["10.0.0.1"], uris: ["spiffe://a/b"], emailAddresses: ["a@b"] })
      .der,
);
const CERTIFICATES = (["ecdsa-p256", "rsa-2048", "ed25519"] as const).map((key) => buildIssuer(key).certificateDer);

/** Octets changed, removed, repeated or inserted, a few at a time. */
function mutationsOf(originals: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const step = fc.record({
    kind: fc.constantFrom("set", "remove", "insert", "repeat", "cut"),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    octet: fc.nat(255),
    length: fc.integer({ min: 1, max: 8 }),
  });
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(step, { minLength: 1, maxLength: 4 }))
    .map(([original, steps]) =>
      steps.reduce<Buffer>((bytes, { kind, at: share, octet, length }) => {
        const at = Math.floor(share * bytes.length);
        const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
        if (kind === "set") return Buffer.concat([head, Buffer.from([octet]), tail.subarray(1)]);
        if (kind === "remove") return Buffer.concat([head, tail.subarray(length)]);
        if (kind === "insert") return Buffer.concat([head, Buffer.alloc(length, octet), tail]);
        if (kind === "repeat") return Buffer.concat([head, tail.subarray(0, length), tail]);
        return Buffer.from(head);
      }, Buffer.from(original)),
    );
}

function subjectOf(der: Buffer): Subject {
  const csr = readCsr(der);
  verifyCsr(csr, importPublicKey(Buffer.from(csr.facts.spkiDer)));
  return csr.facts.subject;
}

test("a mutated request is refused with a DerError or still says what its key signed", () => {
  const originals = CSRS.map((der) => JSON.stringify(subjectOf(der)));
  fc.assert(
    fc.property(mutationsOf(CSRS), (der) => {
      try {
        // Only octets outside of what is signed can have changed.
        expect(originals).toContain(JSON.stringify(subjectOf(der)));
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
        expect(String(error).length).toBeLessThan(200);
      }
    }),
    { numRuns: 3000 },
  );
});

test("a mutated certificate is refused with a DerError, or OpenSSL reads the same serial and end", () => {
  fc.assert(
    fc.property(mutationsOf(CERTIFICATES), (der) => {
      let facts: ReturnType<typeof readCertificate>;
      try {
        facts = readCertificate(der);
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
        return;
      }
      let other: X509Certificate;
      try {
        other = new X509Certificate(der);
      } catch {
        // OpenSSL looks into keys, which reading a certificate does not.
        return;
      }
      expect(BigInt(`0x${facts.serial}`)).toBe(BigInt(`0x${other.serialNumber.replace("-", "")}`));
      expect(facts.notAfter).toEqual(other.validToDate);
    }),
    { numRuns: 3000 },
  );
});

const PEM_PIECE = fc.oneof(
  fc.constantFrom(
    "-----BEGIN X-----",
    "-----END X-----",
    "-----BEGIN ",
    "-----END ",
    "-----",
    "\n",
    "\r\n",
    " ",
    "A: b",
    ":",
    "AAAA",
    "AA==",
    "=",
  ),
  fc.string({ maxLength: 5 }),
);

test("any text is searched for PEM blocks without a throw, and finds no more than it holds", () => {
  fc.assert(
    fc.property(fc.array(PEM_PIECE, { maxLength: 40 }), (pieces) => {
      const text = pieces.join("");
      const blocks = [...decodePem(text)];
      expect(blocks.length).toBeLessThanOrEqual(text.split("-----END ").length - 1);
      expect(blocks.reduce((sum, { der }) => sum + der.length, 0)).toBeLessThanOrEqual(text.length);
    }),
    { numRuns: 3000 },
  );
});

test("any base64 is a request or a reason", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), PEM_PIECE), (text) => {
      expect(decodeRequests([text])).toMatchObject([{ kind: "invalid" }]);
      expect(inspectPem(text).kind).toBe("invalid");
    }),
  );
});

/** Three megabytes, the largest body that is accepted at all, shaped to make a careless reader slow. */
const LARGE = 3 * 1024 * 1024;

test.each([
  { name: "one long line", text: "A".repeat(LARGE) },
  { name: "blanks", text: " ".repeat(LARGE) },
  { name: "newlines", text: "\n".repeat(LARGE) },
  { name: "BEGIN lines", text: "-----BEGIN X-----\n".repeat(LARGE / 18) },
  { name: "END lines", text: "\n-----END X-----".repeat(LARGE / 16) },
  { name: "BEGIN and END of different labels", text: "-----BEGIN X-----\n-----END Y-----\n".repeat(LARGE / 34) },
  { name: "headers that never end", text: "-----BEGIN X:-----\n-----END X:-----\n".repeat(LARGE / 36) },
  {
    name: "headers in each of many blocks",
    text: "-----BEGIN X-----\na:\nb:\n\n!\n-----END X-----\n".repeat(LARGE / 42),
  },
  { name: "one block of broken base64", text: `-----BEGIN X-----\n${"A".repeat(LARGE)}!\n-----END X-----\n` },
  { name: "one block of blanks", text: `-----BEGIN X-----\n${" \n".repeat(LARGE / 2)}A\n-----END X-----\n` },
])("three megabytes of $name are answered", ({ text }) => {
  expect([...decodePem(text)].every(({ der }) => der.length === 0)).toBe(true);
});

test.each([
  {
    name: "deep nesting",
    der: Array.from({ length: 3000 }).reduce<Buffer>((inner) => element(TAG.sequence, inner), Buffer.alloc(0)),
  },
  { name: "a length of 4 GiB", der: Buffer.from("3084ffffffff", "hex") },
  { name: "more than we read", der: element(TAG.sequence, Buffer.alloc(2 * 1024 * 1024)) },
  {
    name: "a sequence of nothing but empty elements",
    der: element(TAG.sequence, element(TAG.sequence, Buffer.alloc(900_000, Buffer.from("3000", "hex")))),
  },
])("$name is refused", ({ der }) => {
  expect(decodeRequests([Buffer.from(pemBlock("CERTIFICATE REQUEST", der)).toString("base64")])).toMatchObject([
    { kind: "invalid" },
  ]);
  expect(() => readCertificate(der)).toThrow(DerError);
});
