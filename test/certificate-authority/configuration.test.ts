import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";

const HEAD = "apiVersion: gatehouse.dev/v1\nkind: GatehouseConfiguration\n";
let directory: string;
beforeAll(() => {
  directory = temporaryDirectory();
});

function file(text: string): string {
  const path = join(directory, "gatehouse.yaml");
  writeFileSync(path, text);
  return path;
}

test("with nothing configured everything has a default", () => {
  const configuration = loadConfiguration({});
  expect(configuration.server.listen).toBe("127.0.0.1:9443");
  expect(configuration.dataDirectory).toBe(join(process.cwd(), "data"));
  expect(configuration.signing.maxDurationSeconds).toBe(31_536_000);
  expect(configuration.approval.hooks).toEqual([
    { manual: { required: false, quorum: 1 } },
    { "kubelet-client": { required: false } },
  ]);
});

test("the example file shows the defaults", () => {
  const path = join(import.meta.dirname, "../../config/examples/gatehouse.yaml");
  const { dataDirectory: _one, ...example } = loadConfiguration({ configFile: path });
  const { dataDirectory: _two, ...defaults } = loadConfiguration({});
  expect(example).toEqual(defaults);
});

test("paths in the file are relative to the file, on the command line to the working directory", () => {
  const configFile = file(
    `${HEAD}dataDirectory: state\nrbac: { files: [a.yaml] }\nencryption: { keyFile: k }\nkeyPolicy: { blockedKeysFile: b, weakKeysFile: w }\n`,
  );
  expect(loadConfiguration({ configFile })).toMatchObject({
    dataDirectory: join(directory, "state"),
    rbac: { files: [join(directory, "a.yaml")] },
    encryption: { keyFile: join(directory, "k") },
    keyPolicy: { blockedKeysFile: join(directory, "b"), weakKeysFile: join(directory, "w") },
  });
  expect(loadConfiguration({ configFile, dataDirectory: "here" }).dataDirectory).toBe(join(process.cwd(), "here"));
});

test.each([
  {
    name: "an encryption configuration, and the wait for a KMS by default",
    text: "encryption: { configurationFile: e.yaml }",
    encryption: () => ({ configurationFile: join(directory, "e.yaml"), kmsWaitSeconds: 60 }),
  },
  {
    name: "an encryption configuration that waits no time",
    text: "encryption: { configurationFile: /e.yaml, kmsWaitSeconds: 0 }",
    encryption: () => ({ configurationFile: "/e.yaml", kmsWaitSeconds: 0 }),
  },
  {
    name: "the environment",
    text: "encryption: { keyEnvironment: KEY }",
    encryption: () => ({ keyEnvironment: "KEY" }),
  },
])("encryption at rest by $name", ({ text, encryption }) => {
  expect(loadConfiguration({ configFile: file(`${HEAD}${text}\n`) }).encryption).toEqual(encryption());
});

function audited(sinks: object) {
  const audit = { policyFile: "p", ...sinks };
  const { audit: settings } = loadConfiguration({ configFile: file(`${HEAD}audit: ${JSON.stringify(audit)}\n`) });
  if (settings === undefined) throw new Error("audit was configured");
  return settings;
}

test("the audit record is off unless configured; paths are relative to the file", () => {
  expect(loadConfiguration({}).audit).toBeUndefined();
  expect(audited({ file: { path: "a/b.log" }, webhook: { kubeconfigFile: "../k" } })).toEqual({
    policyFile: join(directory, "p"),
    mode: "batch",
    file: { path: join(directory, "a/b.log"), maxSizeMegabytes: 100, rotateHours: 0, maxAgeDays: 0, maxBackups: 0 },
    webhook: {
      kubeconfigFile: join(directory, "../k"),
      maxBatchEvents: 400,
      maxWaitSeconds: 5,
      maxQueuedEvents: 10_000,
      timeoutSeconds: 10,
    },
  });
});

test("authorization is RBAC's alone unless configured; paths are relative to the file", () => {
  expect(loadConfiguration({}).authorization).toEqual([{ type: "RBAC" }]);
  const webhook = "{ type: Webhook, name: policy, kubeconfigFile: ../k, failurePolicy: NoOpinion }";
  const configFile = file(`${HEAD}authorization: [${webhook}, { type: RBAC }]\n`);
  expect(loadConfiguration({ configFile }).authorization).toEqual([
    {
      ...{ type: "Webhook", name: "policy", kubeconfigFile: join(directory, "../k"), failurePolicy: "NoOpinion" },
      ...{ timeoutSeconds: 3, authorizedTtlSeconds: 300, unauthorizedTtlSeconds: 30 },
    },
    { type: "RBAC" },
  ]);
});

test("the command line overrides the file", () => {
  const configFile = file(`${HEAD}server: { listen: "127.0.0.1:1" }\nlog: { level: debug }\n`);
  const { server, log } = loadConfiguration({ configFile, listen: "[::1]:0", logLevel: "error" });
  expect([server.listen, log.level]).toEqual(["[::1]:0", "error"]);
});

test.each([
  { name: "an unknown key", text: `${HEAD}sever: {}\n`, says: "sever" },
  {
    name: "a spread that would change nothing",
    text: `${HEAD}signing: { spread: { fraction: 0.1 } }\n`,
    says: "at least 0.23",
  },
  { name: "a wrong nested value", text: `${HEAD}server: { maxWatches: 0 }\n`, says: "server.maxWatches" },
  { name: "another kind", text: "apiVersion: gatehouse.dev/v1\nkind: Config\n", says: "kind" },
  { name: "an unknown key algorithm", text: `${HEAD}issuer: { keyAlgorithm: dsa }\n`, says: "issuer.keyAlgorithm" },
  {
    name: "a lifetime below ten minutes",
    text: `${HEAD}signing: { maxDurationSeconds: 599 }\n`,
    says: "signing.maxDurationSeconds",
  },
  { name: "a pointer that is no URL", text: `${HEAD}signing: { crlUrl: "ldap://x" }\n`, says: "signing.crlUrl" },
  {
    name: "a pointer with a blank",
    text: `${HEAD}signing: { ocspUrl: "http://x y" }\n`,
    says: "must be an http: or https: URL",
  },
  {
    name: "a CRL of less than an hour",
    text: `${HEAD}revocation: { crl: { validitySeconds: 3599 } }\n`,
    says: "revocation.crl.validitySeconds",
  },
  {
    name: "an OCSP answer of less than a minute",
    text: `${HEAD}revocation: { ocsp: { validitySeconds: 59 } }\n`,
    says: "revocation.ocsp.validitySeconds",
  },
  { name: "a port out of range", text: `${HEAD}server: { listen: "h:65536" }\n`, says: "server.listen" },
  {
    name: "an encryption key beside a configuration",
    text: `${HEAD}encryption: { keyFile: k, configurationFile: c }\n`,
    says: "encryption",
  },
  {
    name: "a wait of more than an hour",
    text: `${HEAD}encryption: { configurationFile: c, kmsWaitSeconds: 3601 }\n`,
    says: "kmsWaitSeconds",
  },
  {
    name: "a key size below what can be asked",
    text: `${HEAD}keyPolicy: { minimumRsaBits: 1023 }\n`,
    says: "minimumRsaBits",
  },
  { name: "an unknown curve", text: `${HEAD}keyPolicy: { curves: [secp256k1] }\n`, says: "keyPolicy.curves" },
  { name: "a ledger too small to be one", text: `${HEAD}ledger: { maximumMegabytes: 15 }\n`, says: "at least 16" },
  { name: "an unknown hook", text: `${HEAD}approval: { hooks: [{ magic: {} }] }\n`, says: "approval.hooks" },
  { name: "an audit without a sink", text: `${HEAD}audit: { policyFile: p }\n`, says: "audit" },
  { name: "an audit without a policy", text: `${HEAD}audit: { file: { path: a } }\n`, says: "audit.policyFile" },
  {
    name: "an unknown audit mode",
    text: `${HEAD}audit: { policyFile: p, mode: x, file: { path: a } }\n`,
    says: "audit.mode",
  },
  { name: "an unknown authorizer", text: `${HEAD}authorization: [{ type: ABAC }]\n`, says: "authorization[0]" },
  { name: "no authorizer", text: `${HEAD}authorization: []\n`, says: "authorization" },
  { name: "RBAC twice", text: `${HEAD}authorization: [{ type: RBAC }, { type: RBAC }]\n`, says: "RBAC occurs twice" },
  {
    name: "an authorization webhook without failure policy",
    text: `${HEAD}authorization: [{ type: Webhook, name: a, kubeconfigFile: k }]\n`,
    says: "failurePolicy",
  },
  {
    name: "an authorization webhook with conditions in CEL",
    text: `${HEAD}authorization: [{ type: Webhook, name: a, kubeconfigFile: k, failurePolicy: Deny, matchConditions: [] }]\n`,
    says: "CEL expressions are not supported",
  },
  { name: "broken YAML", text: "a: [\n", says: "not valid YAML" },
  { name: "a duplicate key", text: `${HEAD}log: {}\nlog: {}\n`, says: "unique" },
  { name: "an empty file", text: "", says: "expected object" },
])("$name is refused by name", ({ text, says }) => {
  const configFile = file(text);
  expect(() => loadConfiguration({ configFile })).toThrow(
    expect.objectContaining({ name: "ConfigurationError", message: expect.stringContaining(says) }),
  );
});

test.each(["blockedKeysFile", "weakKeysFile"])("keyPolicy.%s stands in the example", (key) => {
  const text = readFileSync(join(import.meta.dirname, "../../config/examples/gatehouse.yaml"), "utf8");
  expect(text).toContain(key);
});

test("a missing file and a bad flag are refused by name", () => {
  expect(() => loadConfiguration({ configFile: "/does/not/exist.yaml" })).toThrow("/does/not/exist.yaml");
  expect(() => loadConfiguration({ listen: "9443" })).toThrow("HOST:PORT");
});

test("every key of the schema stands in the example", () => {
  const text = readFileSync(join(import.meta.dirname, "../../config/examples/gatehouse.yaml"), "utf8");
  const authenticators = [
    "tokenFile",
    "jwt",
    "serviceAccount",
    "tokenReview",
    "frontProxy",
    "discoveryURL",
    "expression",
    "valueExpression",
    "claimValidationRules",
    "userValidationRules",
    "jwksFile",
  ];
  const authorizers = ["type", "name", "kubeconfigFile", "timeoutSeconds", "failurePolicy"];
  for (const key of [
    ...authenticators,
    ...authorizers,
    "authorizedTtlSeconds",
    "unauthorizedTtlSeconds",
    "bootstrapListen",
    "automatic",
    "prepareAtPercentOfLife",
    "overlapSeconds",
    "bridge",
    "mode",
    ...["crlUrl", "ocspUrl", "revocation", "crl", "directory", "ocsp", "validitySeconds"],
    "import",
    "chainFile",
    "parent",
    "externallySigned",
    "pathLength",
    "nameConstraints",
    "permitted",
    "excluded",
    "dnsNames",
    "emailAddresses",
    "ipRanges",
    "uriHosts",
    "directoryNames",
    "signerName",
    "token",
    "keyLabel",
    "tokens",
    "module",
    "tokenLabel",
    "serial",
    "slot",
    "pinFile",
    "pinEnvironment",
    "keyEnvironment",
    "configurationFile",
    "kmsWaitSeconds",
    "workers",
  ])
    expect(text).toContain(key);
  const { file: fileSettings, webhook } = audited({ file: { path: "a" }, webhook: { kubeconfigFile: "k" } });
  for (const key of Object.keys({ policyFile: "", mode: "", ...fileSettings, ...webhook }))
    expect(text).toContain(`${key}:`);
});
