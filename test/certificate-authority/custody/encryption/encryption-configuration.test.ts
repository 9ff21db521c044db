import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { parseEncryptionConfiguration } from "../../../../services/certificate-authority/custody/encryption/encryption-configuration.ts";
import {
  configuredKey,
  encryptionConfiguration,
  IDENTITY,
  localProvider,
} from "../../../builders/encryption-configuration.ts";

const PATH = "/etc/encryption.yaml";
const parse = (text: string) => parseEncryptionConfiguration(text, PATH);
const ours = (...providers: readonly object[]) => parse(encryptionConfiguration(...providers));
const KMS = { apiVersion: "v2", name: "vault", endpoint: "unix:///run/kms.sock" };

function withResources(...entries: readonly { resources: readonly string[]; providers: readonly object[] }[]): string {
  return stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources: entries });
}

test("providers and keys come in their order", () => {
  const secret = (fill: number) => Buffer.alloc(32, fill);
  expect(ours(localProvider("aescbc", 1, 2), localProvider("secretbox", 3), IDENTITY, { kms: KMS })).toEqual([
    {
      aescbc: {
        keys: [
          { name: "key-1", secret: secret(1) },
          { name: "key-2", secret: secret(2) },
        ],
      },
    },
    { secretbox: { keys: [{ name: "key-3", secret: secret(3) }] } },
    { identity: {} },
    { kms: { ...KMS, timeout: 3000 } },
  ]);
});

test.each(["gatehouse.dev/issuers", "issuers.gatehouse.dev", "*.gatehouse.dev", "*.*"])(
  "%s covers the issuers",
  (name) => {
    const text = withResources(
      { resources: ["secrets", "configmaps"], providers: [localProvider("aescbc", 1)] },
      { resources: ["events", name], providers: [IDENTITY] },
      { resources: ["*.*"], providers: [localProvider("aesgcm", 2)] },
    );
    expect(parse(text)).toEqual([{ identity: {} }]);
  },
);

test.each([
  { timeout: "3s", milliseconds: 3000 },
  { timeout: "250ms", milliseconds: 250 },
  { timeout: "1m30s", milliseconds: 90_000 },
  { timeout: "0.5s", milliseconds: 500 },
  { timeout: "10m", milliseconds: 600_000 },
])("a timeout of $timeout is $milliseconds ms", ({ timeout, milliseconds }) => {
  expect(ours({ kms: { ...KMS, timeout } })).toEqual([{ kms: { ...KMS, timeout: milliseconds } }]);
});

test("the example is valid, also with all that it leaves in comments", () => {
  const text = readFileSync(join(import.meta.dirname, "../../../../config/examples/encryption.yaml"), "utf8");
  expect(parse(text).map(Object.keys)).toEqual([["aesgcm"]]);
  const whole = text.replaceAll(/^( {6})# ( *\S)/gm, "$1$2");
  expect(parse(whole).flatMap(Object.keys)).toEqual(["aesgcm", "secretbox", "aescbc", "kms", "identity"]);
});

test("identity may be written without anything after it", () => {
  expect(ours({ identity: null })).toEqual([{ identity: {} }]);
});

const aesgcm = (...keys: readonly object[]) => encryptionConfiguration({ aesgcm: { keys } });

test.each<{ name: string; text: string; says: string }>([
  { name: "another kind", text: "apiVersion: v1\nkind: Secret\n", says: "apiVersion" },
  { name: "broken YAML", text: "a: [\n", says: "is not valid YAML" },
  { name: "an empty file", text: "", says: "expected object" },
  { name: "no resources", text: withResources(), says: "at resources" },
  {
    name: "resources that do not cover the issuers",
    text: withResources({ resources: ["secrets", "*.apps"], providers: [IDENTITY] }),
    says: "gatehouse.dev/issuers",
  },
  { name: "no provider", text: encryptionConfiguration(), says: "resources[0].providers" },
  { name: "an unknown provider", text: encryptionConfiguration({ rot13: {} }), says: "rot13" },
  { name: "a provider without a name", text: encryptionConfiguration({}), says: "exactly one provider" },
  {
    name: "two providers in one",
    text: encryptionConfiguration({ ...IDENTITY, ...localProvider("aesgcm", 1) }),
    says: "exactly one provider",
  },
  { name: "no keys", text: aesgcm(), says: "aesgcm.keys" },
  { name: "a key without name", text: aesgcm({ ...configuredKey("", 1) }), says: "keys[0].name" },
  { name: "a key of 31 octets", text: aesgcm(configuredKey("k", 1, 31)), says: "16, 24, 32 octets; these are 31" },
  {
    name: "a secretbox key of 16 octets",
    text: encryptionConfiguration({ secretbox: { keys: [configuredKey("k", 1, 16)] } }),
    says: "must be base64 of 32 octets; these are 16",
  },
  { name: "a key that is no base64", text: aesgcm({ name: "k", secret: "hunter2!" }), says: "this is no base64" },
  { name: "KMS v1", text: encryptionConfiguration({ kms: { ...KMS, apiVersion: "v1" } }), says: "does not speak v1" },
  {
    name: "KMS without version",
    text: encryptionConfiguration({ kms: { ...KMS, apiVersion: undefined } }),
    says: "v2",
  },
  { name: "a cache size", text: encryptionConfiguration({ kms: { ...KMS, cachesize: 10 } }), says: "cachesize" },
  { name: "a colon in a name", text: encryptionConfiguration({ kms: { ...KMS, name: "a:b" } }), says: "colon" },
  {
    name: "an endpoint over TCP",
    text: encryptionConfiguration({ kms: { ...KMS, endpoint: "tcp://127.0.0.1:1" } }),
    says: "must be a Unix socket",
  },
  { name: "no timeout", text: encryptionConfiguration({ kms: { ...KMS, timeout: "0s" } }), says: "more than 0" },
  { name: "a long timeout", text: encryptionConfiguration({ kms: { ...KMS, timeout: "601s" } }), says: "at most 10m" },
  { name: "two KMS of one name", text: encryptionConfiguration({ kms: KMS }, { kms: KMS }), says: "names must differ" },
])("$name is refused by name", ({ text, says }) => {
  expect(() => parse(text)).toThrow(
    expect.objectContaining({ code: "EncryptionConfigurationInvalid", message: expect.stringContaining(says) }),
  );
  expect(() => parse(text)).toThrow(PATH);
});

test.each([
  { name: "a wrong length", text: aesgcm({ name: "k", secret: Buffer.from("very-secret").toString("base64") }) },
  { name: "no base64", text: aesgcm({ name: "k", secret: "very-secret!" }) },
  { name: "a misplaced key", text: aesgcm({ name: "k", secret: { "very-secret": 1 } }) },
  { name: "broken YAML", text: "secret: very-secret\n  bad: [very-secret" },
])("an error never shows a secret: $name", ({ text }) => {
  const encoded = Buffer.from("very-secret").toString("base64");
  try {
    parse(text);
  } catch (error) {
    expect((error as Error).message).not.toMatch(/very-secret/);
    expect((error as Error).message).not.toContain(encoded);
    return;
  }
  throw new Error("it was not refused");
});
