import { createHash, createPrivateKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { PublicKeyKind } from "../../../services/certificate-authority/domain/csr-facts.ts";
import { decodeRequests } from "../../../services/certificate-authority/signer/csr-decoder.ts";
import { buildCsr } from "../../builders/csr.ts";
import { openssl } from "../../builders/openssl.ts";
import { closePrimes, infineonPrimes, rsaKeyOf } from "../../builders/rsa-keys.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

const directory = temporaryDirectory();

function opensslKey(...options: readonly string[]): KeyObject {
  const file = join(directory, `${options.join("")}.pem`);
  openssl("genrsa", ...options.slice(0, -1), "-out", file, ...options.slice(-1));
  return createPrivateKey(readFileSync(file));
}

function keyIn(privateKey: KeyObject): PublicKeyKind | undefined {
  const [decoding] = decodeRequests([buildCsr({ key: privateKey }).requestBase64]);
  return decoding?.kind === "facts" ? decoding.facts.key : undefined;
}

test.each([
  { name: "an ordinary key of openssl", key: () => opensslKey("2048"), facts: { exponent: 65_537, defects: [] } },
  { name: "openssl genrsa -3", key: () => opensslKey("-3", "2048"), facts: { exponent: 3, defects: [] } },
  { name: "a small key", key: () => opensslKey("1024"), facts: { bits: 1024, defects: [] } },
  {
    name: "the flawed library's primes",
    key: () => rsaKeyOf(infineonPrimes()),
    facts: { defects: ["infineonPrimes"] },
  },
  { name: "close primes", key: () => rsaKeyOf(closePrimes()), facts: { defects: ["closePrimes"] } },
])("$name: $facts", ({ key, facts }) => {
  expect(keyIn(key())).toMatchObject({ algorithm: "RSA", bits: 2048, ...facts });
});

test("the modulus is named as openssl and Debian's lists do", () => {
  const key = opensslKey("2048");
  const modulusLine = openssl("rsa", "-in", join(directory, "2048.pem"), "-noout", "-modulus");
  const modulusSha1 = createHash("sha1").update(modulusLine).digest("hex");
  expect(keyIn(key)).toMatchObject({ modulusSha1 });
});
