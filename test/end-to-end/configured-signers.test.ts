import { X509Certificate } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { buildCsr, type CsrArguments } from "../builders/csr.ts";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { findKubectls, kubectlWith } from "./support/kubectl.ts";
import { requestManifest } from "./support/request-manifest.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;
const SERVICE = "example.com/service";
const FIXED = "example.com/fixed.subject";
const SHARED = "example.com/shared";
const USAGES = ["digital signature", "server auth"];

const CONFIGURATION = configurationWith({
  issuer: { commonName: "nodes" },
  issuers: [{ name: "services", commonName: "services", lifetimeDays: 30 }],
  signers: [
    {
      signerName: SERVICE,
      issuer: "services",
      profile: {
        subject: { commonName: ["*.svc"] },
        subjectAltNames: { dnsNames: ["*.svc.example.com"], required: ["dnsNames"] },
        usages: { allowed: [...USAGES, "client auth"], required: ["server auth"] },
        keys: { algorithms: ["ECDSA", "RSA"], minimumRsaBits: 3072 },
        lifetime: { defaultSeconds: 3600, maximumSeconds: 86_400 },
      },
    },
    {
      signerName: FIXED,
      issuer: "services",
      profile: {
        subjectTemplate: { commonName: "the service", organization: ["Example"], country: ["DE"] },
        subjectAltNames: { dnsNames: ["**"] },
        usages: { allowed: USAGES },
        lifetime: { maximumSeconds: 86_400 },
      },
    },
    {
      signerName: SHARED,
      issuer: "default",
      profile: { subject: { commonName: ["*"] }, usages: { allowed: ["client auth"] } },
    },
  ],
});

let gatehouse: GatehouseProcess;
let administrator: Administrator;
const directory = temporaryDirectory();
beforeAll(async () => {
  gatehouse = await startGatehouse({ configuration: CONFIGURATION });
  administrator = new Administrator(gatehouse.adminKubeconfig);
});
afterAll(async () => {
  administrator.close();
  await gatehouse.remove();
});

interface Request extends CsrArguments {
  readonly signerName?: string;
  readonly usages?: readonly string[];
  readonly expirationSeconds?: number;
}

const CONFORMING: CsrArguments = { commonName: "api.svc", organizations: [], dnsNames: ["api.svc.example.com"] };

async function submit({ signerName = SERVICE, usages = USAGES, expirationSeconds, ...csr }: Request) {
  const { requestBase64: request, privateKey } = buildCsr({ ...CONFORMING, ...csr });
  const spec = { request, signerName, usages: [...usages], ...(expirationSeconds && { expirationSeconds }) };
  const { metadata } = await administrator.submit({ metadata: { generateName: "csr-" }, spec } as Parameters<
    Administrator["submit"]
  >[0]);
  return { name: metadata.name, privateKey };
}

async function outcomeOf(name: string) {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(20)) {
    const { status } = await administrator.request(name);
    const failed = status.conditions?.find(({ type }) => type === "Failed");
    if (status.certificate !== undefined || failed !== undefined) return { ...status, failed };
  }
  throw new Error(`nothing became of ${name}`);
}

/** Asks and approves. */
async function issued(request: Request) {
  const { name, privateKey } = await submit(request);
  await administrator.approve(name);
  const { certificate, failed } = await outcomeOf(name);
  if (certificate === undefined) throw new Error(failed?.message);
  return { pem: Buffer.from(certificate, "base64").toString(), privateKey };
}

function file(name: string, content: string): string {
  const path = join(mkdtempSync(join(directory, "files-")), name);
  writeFileSync(path, content);
  return path;
}

async function rootOf(commonName: string): Promise<string> {
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const https = new HttpsClient(url, credentials);
  try {
    const { body } = await https.send("GET", "/v1/issuers");
    const { items } = JSON.parse(body.toString()) as { items: { commonName: string; certificatePem: string }[] };
    return items.find((issuer) => issuer.commonName === commonName)?.certificatePem ?? "";
  } finally {
    https.close();
  }
}

describe("what conforms", () => {
  test("waits for a person, and is signed by the issuer of its signer as the profile says", async () => {
    const { name } = await submit({});
    await pause(300);
    expect((await administrator.request(name)).status).toEqual({});
    await administrator.approve(name);
    const { certificate } = await outcomeOf(name);
    const leaf = file("leaf.pem", Buffer.from(certificate ?? "", "base64").toString());
    const verified = openssl(
      "verify",
      "-x509_strict",
      "-purpose",
      "sslserver",
      "-verify_hostname",
      "api.svc.example.com",
      "-CAfile",
      file("root.pem", await rootOf("services")),
      leaf,
    );
    expect(verified).toContain(": OK");
    const text = openssl(
      "x509",
      "-noout",
      "-subject",
      "-issuer",
      "-ext",
      "basicConstraints,keyUsage,extendedKeyUsage,subjectAltName",
      "-in",
      leaf,
    );
    expect(text).toMatch(/subject=CN ?= ?api\.svc\nissuer=CN ?= ?services\n/);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Extended Key Usage: \n\s+TLS Web Server Authentication\n/);
    expect(text).toMatch(/Subject Alternative Name: \n\s+DNS:api\.svc\.example\.com\n/);
    expect(await administrator.certificates({ request: name })).toEqual([
      expect.objectContaining({ signerName: SERVICE, commonName: "api.svc" }),
    ]);
  });

  test.each([
    { name: "the default", expirationSeconds: {}, seconds: 3600 },
    { name: "what was asked for", expirationSeconds: { expirationSeconds: 7200 }, seconds: 7200 },
    { name: "the maximum for more", expirationSeconds: { expirationSeconds: 864_000 }, seconds: 86_400 - 300 },
  ])("lives as long as $name", async ({ expirationSeconds, seconds }) => {
    const { validFrom, validTo } = new X509Certificate((await issued(expirationSeconds)).pem);
    expect((Date.parse(validTo) - Date.parse(validFrom)) / 1000).toBe(seconds + 300);
  });

  test("a template is the subject, whatever was asked for, in the certificate and on record", async () => {
    const asked = { signerName: FIXED, commonName: "system:node:worker-1", organizations: ["system:masters"] };
    const { name } = await submit(asked);
    await administrator.approve(name);
    const { certificate } = await outcomeOf(name);
    expect(new X509Certificate(Buffer.from(certificate ?? "", "base64")).subject).toBe(
      "C=DE\nO=Example\nCN=the service",
    );
    const [record] = await administrator.certificates({ request: name });
    expect(record).toMatchObject({ commonName: "the service" });
    expect(record).not.toHaveProperty("nodeName");
  });
});

test.each<{ name: string; request: Request; message: string }>([
  {
    name: "a common name",
    request: { commonName: "api" },
    message: 'subject.commonName "api" is not allowed; allowed are: "*.svc"',
  },
  {
    name: "a group",
    request: { organizations: ["system:nodes"] },
    message: 'subject.organization "system:nodes" is not allowed; there may be none',
  },
  {
    name: "a DNS name",
    request: { dnsNames: ["api.example.com"] },
    message: 'subjectAltNames.dnsNames "api.example.com" is not allowed',
  },
  { name: "a URI", request: { uris: ["https://x/"] }, message: 'subjectAltNames.uris "https://x/" is not allowed' },
  { name: "a usage", request: { usages: ["client auth"] }, message: 'usage "server auth" is required' },
  { name: "a CA's usage", request: { usages: [...USAGES, "cert sign"] }, message: 'usage "cert sign" is not allowed' },
  {
    name: "a small key",
    request: { key: "rsa-2048" },
    message: "an RSA key of 2048 bits is too small; 3072 are required",
  },
  {
    name: "administrators by a star",
    request: {
      signerName: SHARED,
      usages: ["client auth"],
      commonName: "x",
      dnsNames: [],
      organizations: ["gatehouse:administrators"],
    },
    message: "has every right",
  },
  {
    name: "a node by a star",
    request: { signerName: SHARED, usages: ["client auth"], commonName: "system:node:n", dnsNames: [] },
    message: 'subject.commonName "system:node:n" is not allowed',
  },
])("an approved request that does not conform fails and says why: $name", async ({ request, message }) => {
  const { name } = await submit(request);
  await administrator.approve(name);
  expect(await outcomeOf(name)).toMatchObject({
    failed: { reason: "SignerValidationFailure", message: expect.stringContaining(message) },
  });
});

test("weak keys are denied before anybody looks", async () => {
  const { name } = await submit({ key: "rsa-1024" });
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(20)) {
    const [condition] = (await administrator.request(name)).status.conditions ?? [];
    if (condition === undefined) continue;
    expect(condition).toMatchObject({ type: "Denied", reason: "WeakKey" });
    return;
  }
  throw new Error("it was not denied");
});

test("certificates of an issuer that signs for no users are no login; those of the users' issuer are", async () => {
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const statusOf = async ({ pem, privateKey }: Awaited<ReturnType<typeof issued>>): Promise<number> => {
    const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const https = new HttpsClient(url, { caPem: credentials.caPem, certificatePem: pem, privateKeyPem });
    try {
      return (await https.send("GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests")).status;
    } finally {
      https.close();
    }
  };
  const stranger = await issued({ usages: [...USAGES, "client auth"] });
  await expect(statusOf(stranger)).resolves.toBe(401);
  const user = await issued({ signerName: SHARED, usages: ["client auth"], commonName: "jane", dnsNames: [] });
  await expect(statusOf(user)).resolves.toBe(403);
});

const binaries = findKubectls();
/** A machine without kubectl has nothing to show here; its run says so as skipped tests. */
const testEach = binaries.length > 0 ? test.each(binaries) : test.skip.each([{ version: "(none found)", path: "" }]);

testEach("kubectl $version creates, approves and gets", async (binary) => {
  const kubectl = kubectlWith(binary, gatehouse.adminKubeconfig);
  try {
    const name = `kubectl-${binary.version.replaceAll(/[^0-9]+/g, "-")}`;
    const input = requestManifest({ name, signerName: SERVICE, usages: USAGES, csr: CONFORMING });
    kubectl.must(["create", "-f", "-"], { input });
    kubectl.must(["certificate", "approve", name]);
    await outcomeOf(name);
    const certificate = kubectl.must(["get", "csr", name, "-o", "jsonpath={.status.certificate}"]);
    expect(new X509Certificate(Buffer.from(certificate, "base64")).subject).toBe("CN=api.svc");
    expect(kubectl.must(["get", "csr", name])).toMatch(/example\.com\/service.*Approved,Issued/);
  } finally {
    kubectl.remove();
  }
});
