import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { certificateParts } from "../../services/node-agent/certificates/certificate-parts.ts";
import { checkAnswer, namesOf } from "../../services/node-agent/certificates/check-answer.ts";
import { readPrivateKey } from "../../services/node-agent/certificates/private-key.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { makeLeaf } from "../end-to-end/support/client-certificates.ts";
import { makeAuthority } from "../end-to-end/support/openssl-authority.ts";

const CLIENT = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"];
const NAMES = "subjectAltName=DNS:db.example.com,IP:192.0.2.1";
const SUBJECT = "/O=backup/CN=db";
const DAY_MILLISECONDS = 86_400_000;

const directory = temporaryDirectory();
const authority = makeAuthority(directory, { commonName: "ca", kind: "ecdsa-p384" });
const stranger = makeAuthority(directory, { commonName: "stranger", kind: "ecdsa-p384" });
const read = (file: string): string => readFileSync(file, "utf8");

function leaf(name: string, subject = SUBJECT, extensions = [...CLIENT, NAMES], by = authority) {
  const { certificateFile, keyFile } = makeLeaf(directory, by, { name, subject, extensions });
  return { pem: read(certificateFile), key: readPrivateKey(read(keyFile), keyFile) };
}

const former = certificateParts(leaf("former").pem, "former.crt");
const good = leaf("good");
const caPem = read(authority.certificateFile);
const { subject } = former.certificate;
const expected = {
  subject,
  names: namesOf(former.certificate),
  key: good.key,
  usages: former.usages,
  trustedPem: caPem,
};

test.each([
  { name: "alone", chain: good.pem, trustedPem: caPem },
  { name: "with its CA", chain: good.pem + caPem, trustedPem: caPem },
  { name: "of any CA, where none is named", chain: good.pem, trustedPem: undefined },
])("what was asked for is taken: $name", ({ chain, trustedPem }) => {
  const { certificate } = checkAnswer(chain, { ...expected, trustedPem }, new Date());
  expect(certificate.subject).toBe("O=backup\nCN=db");
});

test("the words of the certificate API for usages are read from the certificate", () => {
  expect(former.usages).toEqual(["digital signature", "client auth"]);
});

interface Wrong {
  readonly name: string;
  readonly message: string;
  readonly chain?: string;
  readonly leaf?: ReturnType<typeof leaf>;
  /** Milliseconds. */
  readonly after?: number;
}

test.each<Wrong>([
  { name: "nothing", chain: "", message: "0 certificates came" },
  { name: "another key", chain: leaf("other").pem, message: "it has another key than the request" },
  {
    ...{ name: "another subject", leaf: leaf("subject", "/O=system:masters/CN=db") },
    message: "its subject is O=system:masters, CN=db, not O=backup, CN=db",
  },
  {
    ...{ name: "more names", leaf: leaf("names", SUBJECT, [...CLIENT, `${NAMES},DNS:evil.example.com`]) },
    message: "its names are DNS:db.example.com,DNS:evil.example.com,IP Address:192.0.2.1",
  },
  {
    ...{ name: "fewer usages", leaf: leaf("usages", SUBJECT, [CLIENT[0] ?? "", NAMES]) },
    message: "it lacks the usages client auth",
  },
  {
    ...{ name: "of a CA that is not trusted", leaf: leaf("strange", SUBJECT, [...CLIENT, NAMES], stranger) },
    message: "its issuer CN=stranger is not among the CAs that are trusted",
  },
  {
    ...{ name: "with a chain that does not hold", chain: good.pem + read(stranger.certificateFile) },
    message: "O=backup, CN=db was not issued by CN=stranger",
  },
  { name: "not valid yet", chain: good.pem, after: -DAY_MILLISECONDS, message: "compare the clocks" },
  { name: "expired", chain: good.pem, after: 2 * DAY_MILLISECONDS, message: "it has expired at" },
])("is not taken: $name", ({ chain, leaf: made, after = 0, message }) => {
  const answer = made === undefined ? (chain ?? "") : made.pem;
  const key = made === undefined ? good.key : made.key;
  expect(() => checkAnswer(answer, { ...expected, key }, new Date(Date.now() + after))).toThrow(
    expect.objectContaining({
      name: "AgentError",
      failure: "wrongAnswer",
      message: expect.stringContaining(message),
    }),
  );
});
