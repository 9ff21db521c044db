import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { LocalJWKSet } from "jose";
import { FileKeySet } from "../../../../services/certificate-authority/access/authenticators/file-key-set.ts";
import { parsePublicKeys } from "../../../../services/shared/jwt/key-set.ts";
import { buildIssuer } from "../../../builders/issuer.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const directory = temporaryDirectory();

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (key: typeof rsa.publicKey) => key.export({ type: "spki", format: "pem" }).toString();
/** The id kube-apiserver gives a key. */
const kidOf = (key: typeof rsa.publicKey) =>
  createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64url");
const kidsOf = (set: LocalJWKSet) => set.jwks().keys.map(({ kid }) => kid);

test("every public key of every file counts, by kube-apiserver's key ids", () => {
  const { certificatePem, privateKey } = buildIssuer();
  const old = rsa.publicKey.export({ type: "pkcs1", format: "pem" }).toString();
  expect(kidsOf(parsePublicKeys([`# sa.pub\n${old}${pem(elliptic.publicKey)}`, certificatePem]))).toEqual([
    kidOf(rsa.publicKey),
    kidOf(elliptic.publicKey),
    kidOf(createPublicKey(privateKey)),
  ]);
});

test.each([
  { name: "no key", text: "nothing", says: "no PEM public key" },
  {
    name: "a private key",
    text: rsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    says: "holds a PRIVATE KEY",
  },
  { name: "a damaged key", text: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", says: "" },
])("a file with $name is refused", ({ text, says }) => {
  expect(() => parsePublicKeys([pem(rsa.publicKey), text])).toThrow(says);
});

test("a key that is added or taken away counts from the next round on; a bad file changes nothing", () => {
  const file = join(directory, "sa.pub");
  writeFileSync(file, pem(rsa.publicKey));
  const { logger, lines } = recordingLogger();
  const keys = new FileKeySet([file], parsePublicKeys, logger);
  writeFileSync(file, pem(elliptic.publicKey));
  expect(kidsOf(keys.current())).toEqual([kidOf(rsa.publicKey)]);
  keys.maintain();
  expect(kidsOf(keys.current())).toEqual([kidOf(elliptic.publicKey)]);
  writeFileSync(file, "");
  keys.maintain();
  expect(kidsOf(keys.current())).toEqual([kidOf(elliptic.publicKey)]);
  expect(lines.map(({ level }) => level)).toEqual(["info", "error"]);
});
