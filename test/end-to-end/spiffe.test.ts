import { createPublicKey, type JsonWebKey, X509Certificate } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { buildCsr, type CsrArguments } from "../builders/csr.ts";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;
const SIGNER = "spiffe.example.org/workload";
const ID = "spiffe://example.org/ns/shop/sa/web";

const CONFIGURATION = configurationWith({
  issuers: [
    { name: "workload-root", commonName: "workload root", lifetimeDays: 60 },
    { name: "workloads", commonName: "workloads", parent: "workload-root", pathLength: 0, lifetimeDays: 30 },
  ],
  signers: [
    {
      signerName: SIGNER,
      issuer: "workloads",
      profile: {
        spiffe: {
          trustDomain: "example.org",
          paths: ["/ns/*/sa/*"],
          requesters: [
            { group: "gatehouse:administrators", paths: ["/admin"] },
            { user: "nobody", paths: ["/nobody"] },
          ],
        },
        lifetime: { maximumSeconds: 3600 },
      },
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

const EMPTY_SUBJECT: CsrArguments = { subjectDer: Buffer.from([0x30, 0x00]) };

/** Asks, approves, and waits for what becomes of it. */
async function outcomeOf(csr: CsrArguments, usages = ["digital signature", "client auth", "server auth"]) {
  const { requestBase64: request } = buildCsr({ ...EMPTY_SUBJECT, ...csr });
  const spec = { request, signerName: SIGNER, usages };
  const { metadata } = await administrator.submit({ metadata: { generateName: "csr-" }, spec } as Parameters<
    Administrator["submit"]
  >[0]);
  await administrator.approve(metadata.name);
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(20)) {
    const { status } = await administrator.request(metadata.name);
    const failure = status.conditions?.find(({ type }) => type === "Failed")?.message;
    const chain = status.certificate && Buffer.from(status.certificate, "base64").toString();
    if (failure !== undefined || chain !== undefined) return { failure, chain };
  }
  throw new Error("nothing became of it");
}

function file(name: string, content: string): string {
  const path = join(mkdtempSync(join(directory, "files-")), name);
  writeFileSync(path, content);
  return path;
}

interface Bundle {
  readonly spiffe_sequence: number;
  readonly spiffe_refresh_hint: number;
  readonly keys: readonly (JsonWebKey & { readonly use: string; readonly x5c: readonly string[] })[];
}

/** As somebody without credentials. */
async function readBundle(trustDomain: string) {
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const https = new HttpsClient(url, { caPem: credentials.caPem });
  try {
    const { status, body } = await https.send("GET", `/v1/spiffe/bundles/${trustDomain}`);
    return { status, bundle: JSON.parse(body.toString()) as Bundle };
  } finally {
    https.close();
  }
}

test("an X.509-SVID verifies with nothing but the bundle, and is what the rules of SVIDs say", async () => {
  const { status, bundle } = await readBundle("example.org");
  expect(status).toBe(200);
  expect(bundle).toMatchObject({ spiffe_sequence: expect.any(Number), spiffe_refresh_hint: 300 });
  expect(bundle.keys).toHaveLength(1);
  const [key] = bundle.keys;
  if (key === undefined) throw new Error("an empty bundle");
  const root = new X509Certificate(Buffer.from(key.x5c[0] ?? "", "base64"));
  expect(key.use).toBe("x509-svid");
  expect(root.publicKey.equals(createPublicKey({ key, format: "jwk" }))).toBe(true);

  const { chain = "" } = await outcomeOf({ uris: [ID] });
  const blocks = chain.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----\n/g) ?? [];
  expect(blocks).toHaveLength(2);
  const [leaf, untrusted] = [file("leaf.pem", blocks[0] ?? ""), file("untrusted.pem", blocks[1] ?? "")];
  const rootFile = file("root.pem", root.toString());
  for (const purpose of ["sslclient", "sslserver"]) {
    const flags = ["-x509_strict", "-purpose", purpose, "-CAfile", rootFile, "-untrusted", untrusted];
    expect(openssl("verify", ...flags, leaf)).toContain(": OK");
  }
  const text = openssl("x509", "-noout", "-text", "-in", leaf);
  expect(text).toMatch(/Subject: *\n/);
  expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
  expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
  expect(text).toMatch(/Extended Key Usage: \n\s+TLS Web Server Authentication, TLS Web Client Authentication\n/);
  // Critical, since the subject is empty (RFC 5280 section 4.2.1.6).
  expect(text).toMatch(new RegExp(`Subject Alternative Name: critical\\n\\s+URI:${ID}\\n`));
});

test("a requester may have what is for its group, and not what is for others", async () => {
  expect(await outcomeOf({ uris: ["spiffe://example.org/admin"] })).toMatchObject({ chain: expect.any(String) });
  expect((await outcomeOf({ uris: ["spiffe://example.org/nobody"] })).failure).toContain(
    "the path is not allowed for this requester",
  );
});

test.each<{ name: string; csr: CsrArguments; usages?: string[]; says: string }>([
  { name: "no URI", csr: { commonName: "x", dnsNames: ["a"] }, says: "exactly one SPIFFE ID, not 0 URIs" },
  { name: "two URIs", csr: { uris: [ID, ID] }, says: "exactly one SPIFFE ID, not 2 URIs" },
  {
    name: "another trust domain",
    csr: { uris: ["spiffe://example.com/ns/shop/sa/web"] },
    says: "not in the trust domain",
  },
  { name: "dot segments", csr: { uris: ["spiffe://example.org/ns/../sa/web"] }, says: "a path segment of dots" },
  {
    name: "a DNS name besides",
    csr: { uris: [ID], dnsNames: ["a"] },
    says: 'subjectAltNames.dnsNames "a" is not allowed',
  },
  {
    name: "a CA's usage",
    csr: { uris: [ID] },
    usages: ["digital signature", "cert sign"],
    says: 'usage "cert sign" is not allowed',
  },
])("refused: $name", async ({ csr, usages, says }) => {
  expect(await outcomeOf(csr, usages)).toMatchObject({ chain: undefined, failure: expect.stringContaining(says) });
});

test("there is no bundle of another trust domain", async () => {
  expect((await readBundle("example.com")).status).toBe(404);
});
