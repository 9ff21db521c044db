import { expect, test } from "@jest/globals";
import { adviseOn } from "../../../services/certificate-authority/signer/certificate-advice.ts";
import { createIssuingCore } from "../../../services/certificate-authority/signer/issuing-core.ts";
import { buildIntent, type IntentArguments } from "../../builders/intent.ts";
import { buildIssuer } from "../../builders/issuer.ts";

const EC = "key usage does not suit the kind of key (RFC 5480 section 3)";
const RSA = "key usage does not suit the kind of key (RFC 3279 section 2.3.1)";
const ED25519 = "key usage does not suit the kind of key (RFC 8410 section 5)";

test.each<{ name: string; intent: IntentArguments; keyType?: string; advice: readonly string[] }>([
  { name: "an ordinary node", intent: {}, advice: [] },
  { name: "a common name of 64 characters", intent: { subject: { commonName: "x".repeat(64) } }, advice: [] },
  {
    name: "a common name of 65 characters",
    intent: { subject: { commonName: "x".repeat(65) } },
    advice: ["common name is longer than 64 characters"],
  },
  {
    name: "a long second organization",
    intent: { subject: { organization: ["a", "x".repeat(65)] } },
    advice: ["organization is longer than 64 characters"],
  },
  {
    name: "a long unit",
    intent: { subject: { organizationalUnit: ["x".repeat(65)] } },
    advice: ["organizational unit is longer than 64 characters"],
  },
  { name: "a locality of 128 characters", intent: { subject: { locality: ["x".repeat(128)] } }, advice: [] },
  {
    name: "a locality of 129 characters",
    intent: { subject: { locality: ["x".repeat(129)] } },
    advice: ["locality is longer than 128 characters"],
  },
  {
    name: "a long province",
    intent: { subject: { province: ["x".repeat(129)] } },
    advice: ["state or province is longer than 128 characters"],
  },
  {
    name: "a long serial number",
    intent: { subject: { serialNumber: "x".repeat(65) } },
    advice: ["serial number is longer than 64 characters"],
  },
  { name: "a country of two letters", intent: { subject: { country: ["DE"] } }, advice: [] },
  {
    name: "a country in words",
    intent: { subject: { country: ["Germany"] } },
    advice: ["country is no two-letter code"],
  },
  { name: "key encipherment with an ECDSA key", intent: { keyUsage: 5 }, advice: [EC] },
  { name: "data encipherment with an ECDSA key", intent: { keyUsage: 8 }, advice: [EC] },
  { name: "key agreement with an ECDSA key", intent: { keyUsage: 16 }, advice: [] },
  { name: "key encipherment with an RSA key", intent: { keyUsage: 5 }, keyType: "rsa", advice: [] },
  { name: "key agreement with an RSA key", intent: { keyUsage: 16 }, keyType: "rsa", advice: [RSA] },
  { name: "signatures with an Ed25519 key", intent: { keyUsage: 3 }, keyType: "ed25519", advice: [] },
  { name: "key agreement with an Ed25519 key", intent: { keyUsage: 17 }, keyType: "ed25519", advice: [ED25519] },
  { name: "cert sign", intent: { keyUsage: 33 }, advice: ["key usage says cert sign, but this is no CA (4.2.1.9)"] },
  {
    name: "nobody",
    intent: { subject: { organization: [], commonName: "" } },
    advice: ["neither subject nor alternative names (4.1.2.6)"],
  },
  {
    name: "a name only",
    intent: { subject: { organization: [], commonName: "" }, sans: { dnsNames: ["a"] } },
    advice: [],
  },
])("adviseOn: $name", ({ intent, keyType = "ec", advice }) => {
  expect(adviseOn(buildIntent(intent), keyType)).toEqual(advice);
});

test("advice does not keep a certificate from being issued", () => {
  const core = createIssuingCore(buildIssuer());
  const intent = buildIntent({ keyUsage: 5, subject: { commonName: `system:node:${"x".repeat(240)}` } });
  expect(core.sign([intent])).toMatchObject([
    { kind: "signed", advice: ["common name is longer than 64 characters", EC] },
  ]);
});
