import { X509Certificate } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { buildCsr, type CsrArguments } from "../builders/csr.ts";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { makeClient } from "./support/client-certificates.ts";
import { autoApproving, configurationWith } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseOptions, type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";
import { makeAuthority } from "./support/openssl-authority.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;
const CLIENT = "kubernetes.io/kube-apiserver-client";
const SERVING = "kubernetes.io/kubelet-serving";

let directory: string;
const opened: (() => unknown)[] = [];
beforeAll(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  for (const end of opened.splice(0)) await end();
});

async function start(options: GatehouseOptions) {
  const gatehouse = await startGatehouse(options);
  const administrator = new Administrator(gatehouse.adminKubeconfig);
  opened.push(
    () => administrator.close(),
    () => gatehouse.remove(),
  );
  return { gatehouse, administrator };
}

async function eventually<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(50)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error("it did not come about");
}

/** Submits a request and approves it. */
async function approved(administrator: Administrator, signerName: string, args: CsrArguments = {}): Promise<string> {
  const usages = signerName === SERVING ? ["digital signature", "server auth"] : ["client auth"];
  const spec = { request: buildCsr(args).requestBase64, signerName, usages };
  const { metadata } = await administrator.submit({ metadata: { generateName: "csr-" }, spec });
  await administrator.approve(metadata.name);
  return metadata.name;
}

/** What the request came to: its chain as PEM blocks, leaf first. */
async function chainOf(administrator: Administrator, name: string): Promise<readonly string[]> {
  const certificate = await eventually(async () => (await administrator.request(name)).status.certificate);
  return (
    Buffer.from(certificate, "base64")
      .toString()
      .match(/-----BEGIN[\s\S]*?END CERTIFICATE-----\n/g) ?? []
  );
}

async function conditionOf(administrator: Administrator, name: string, type: string) {
  return eventually(async () =>
    (await administrator.request(name)).status.conditions?.find((one) => one.type === type),
  );
}

function file(name: string, content: string): string {
  const path = join(mkdtempSync(join(directory, "files-")), name);
  writeFileSync(path, content);
  return path;
}

/** Verifies as a client that trusts only these roots, with what came along as untrusted. */
function verify(rootsFile: string, chain: readonly string[], ...options: readonly string[]): string {
  const [leaf = "", ...others] = chain;
  const untrusted = others.length === 0 ? [] : ["-untrusted", file("untrusted.pem", others.join(""))];
  return openssl("verify", "-x509_strict", ...options, "-CAfile", rootsFile, ...untrusted, file("leaf.pem", leaf));
}

const subjectOf = (pem = ""): string => new X509Certificate(pem).subject;

test("a root above the issuers: chains are complete, signers have their own, and clients verify with the root alone", async () => {
  const { gatehouse, administrator } = await start({
    configuration: autoApproving({
      issuer: { parent: "root", commonName: "nodes", pathLength: 0, keyAlgorithm: "rsa-2048" },
      issuers: [
        { name: "root", commonName: "Example root", keyAlgorithm: "ecdsa-p384" },
        { name: "serving", parent: "root", commonName: "serving", keyAlgorithm: "ed25519" },
      ],
      signers: [{ signerName: SERVING, issuer: "serving" }],
    }),
  });
  // Every connection of these clients trusts ca.crt, which is the root and nothing else.
  expect(subjectOf(readFileSync(gatehouse.caFile, "utf8"))).toBe("CN=Example root");
  const bootstrap = readKubeconfig(gatehouse.bootstrapKubeconfig);
  const kubelet = new KubeletClient({ ...bootstrap, nodeName: "worker-1", rotateCertificates: true });
  opened.push(() => kubelet.close());
  const joined = await kubelet.bootstrap();
  // The node renews with a certificate that is under an intermediate, sent with its chain.
  const renewing = kubelet.withCertificate(joined);
  opened.push(() => renewing.close());
  const renewed = await renewing.waitFor(await renewing.submit(joined.privateKey));
  const chain = renewed.certificatePem.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----\n/g) ?? [];
  expect(chain.map(subjectOf)).toEqual(["O=system:nodes\nCN=system:node:worker-1", "CN=nodes"]);
  expect(verify(gatehouse.caFile, chain, "-purpose", "sslclient")).toContain(": OK");

  const serving = await chainOf(
    administrator,
    await approved(administrator, SERVING, { dnsNames: ["worker-1.example.com"] }),
  );
  expect(serving.map(subjectOf)).toEqual(["O=system:nodes\nCN=system:node:worker-1", "CN=serving"]);
  const host = ["-purpose", "sslserver", "-verify_hostname", "worker-1.example.com"];
  expect(verify(gatehouse.caFile, serving, ...host)).toContain(": OK");
  // Without the intermediate nothing leads to the root.
  expect(() => verify(gatehouse.caFile, serving.slice(0, 1))).toThrow("unable to get local issuer certificate");

  const list = await runCommand(gatehouse.adminKubeconfig, ["issuer", "list"]);
  expect(list.stdout).toMatch(/default +nodes +active/);
  expect(list.stdout).toMatch(/root +Example root +active/);
  expect(await administrator.verifyLedger()).toMatchObject({ sound: true });
});

test("name constraints of an ancestor: what they do not allow is refused before it is signed, and says so", async () => {
  const permitted = { dnsNames: ["example.com", "localhost"], ipRanges: ["127.0.0.0/8", "::1/128", "10.0.0.0/8"] };
  const excluded = { dnsNames: ["secret.example.com"] };
  const { gatehouse, administrator } = await start({
    configuration: configurationWith({
      issuers: [
        { name: "root", commonName: "Example root", pathLength: 1, nameConstraints: { permitted, excluded } },
        { name: "serving", parent: "root", commonName: "serving" },
      ],
      signers: [{ signerName: SERVING, issuer: "serving" }],
    }),
  });
  const good = await approved(administrator, SERVING, { dnsNames: ["a.example.com"], ipAddresses: ["10.1.2.3"] });
  const chain = await chainOf(administrator, good);
  expect(verify(gatehouse.caFile, chain)).toContain(": OK");
  const intermediate = openssl("x509", "-in", file("intermediate.pem", chain[1] ?? ""), "-noout", "-text");
  expect(intermediate).toContain("CA:TRUE, pathlen:0");

  for (const [names, says] of [
    [
      { dnsNames: ["a.example.org"] },
      'the DNS name "a.example.org" is outside the permitted "example.com", "localhost"',
    ],
    [{ dnsNames: ["x.secret.example.com"] }, 'is excluded by the constraint "secret.example.com"'],
    [{ ipAddresses: ["192.168.0.1"] }, 'the IP address "192.168.0.1" is outside the permitted "127.0.0.0/8"'],
  ] as const) {
    const failed = await conditionOf(administrator, await approved(administrator, SERVING, names), "Failed");
    expect(failed).toMatchObject({ status: "True", reason: "NameConstraintViolation" });
    expect(failed.message).toContain(says);
    expect(failed.message).toContain('of the issuer "Example root"');
  }
});

/** Signs a CA request with openssl, as somebody else's CA would. */
function signElsewhere(requestPem: string, extensions: readonly string[] = []): { chainFile: string; root: string } {
  const place = mkdtempSync(join(directory, "elsewhere-"));
  const root = makeAuthority(place, { commonName: "Corporate root", kind: "ecdsa-p384" });
  const asked = ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"];
  writeFileSync(join(place, "request.csr"), requestPem);
  writeFileSync(join(place, "ext"), [...asked, "subjectKeyIdentifier=hash", ...extensions].join("\n"));
  const ca = ["-CA", root.certificateFile, "-CAkey", root.keyFile, "-CAcreateserial"];
  const made = ["-days", "800", "-extfile", join(place, "ext"), "-out", join(place, "issuer.crt")];
  openssl("x509", "-req", "-in", join(place, "request.csr"), ...ca, ...made);
  const chainFile = join(place, "chain.pem");
  writeFileSync(
    chainFile,
    readFileSync(join(place, "issuer.crt"), "utf8") + readFileSync(root.certificateFile, "utf8"),
  );
  return { chainFile, root: root.certificateFile };
}

test("an issuer signed elsewhere: requests wait for it approved, a wrong chain changes nothing, the right one signs them", async () => {
  const { gatehouse, administrator } = await start({
    configuration: configurationWith({
      issuers: [{ name: "corporate", commonName: "Corporate nodes", externallySigned: true, pathLength: 0 }],
      signers: [{ signerName: CLIENT, issuer: "corporate" }],
    }),
  });
  const issuer = (...args: string[]) => runCommand(gatehouse.adminKubeconfig, ["issuer", ...args]);
  expect((await issuer("list")).stdout).toMatch(/corporate +- +awaited\n/);
  const waiting = await approved(administrator, CLIENT, { commonName: "jane", organizations: ["developers"] });
  expect(await conditionOf(administrator, waiting, "IssuerReady")).toMatchObject({
    status: "False",
    reason: "AwaitingCertificate",
    message: expect.stringContaining("corporate"),
  });

  const early = await issuer("install", "corporate", "--chain", gatehouse.caFile);
  expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining("gatehouse issuer request corporate") });
  const { stdout: requestPem } = await issuer("request", "corporate");
  const shown = openssl("req", "-in", file("request.csr", requestPem), "-noout", "-verify", "-text");
  expect(shown).toMatch(/Subject: CN ?= ?Corporate nodes/);
  expect(shown).toContain("CA:TRUE, pathlen:0");
  // The same key until the certificate is there.
  const keyOf = (pem: string): string => openssl("req", "-in", file("request.csr", pem), "-noout", "-pubkey");
  expect(keyOf((await issuer("request", "corporate")).stdout)).toBe(keyOf(requestPem));

  const { chainFile, root } = signElsewhere(requestPem);
  const alone = file("alone.pem", readFileSync(chainFile, "utf8").split(/(?<=END CERTIFICATE-----\n)/)[0] ?? "");
  const refused = await issuer("install", "corporate", "--chain", alone);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("append all up to the root") });
  const other = await issuer("install", "corporate", "--chain", gatehouse.caFile);
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("no certificate for the key") });

  const installed = await issuer("install", "corporate", "--chain", chainFile);
  expect(installed).toMatchObject({ code: 0, stdout: expect.stringContaining("kube-apiserver-client") });
  const chain = await chainOf(administrator, waiting);
  expect(chain.map(subjectOf)).toEqual(["O=developers\nCN=jane", "CN=Corporate nodes"]);
  expect(verify(root, chain, "-purpose", "sslclient")).toContain(": OK");
  const conditions = (await administrator.request(waiting)).status.conditions ?? [];
  expect(conditions.map(({ type }) => type)).toEqual(["Approved"]);
  // Its clients are users here from now on, and it survives a restart.
  expect(readFileSync(gatehouse.caFile, "utf8")).toContain(readFileSync(root, "utf8").trim());
  await gatehouse.stop();
  const again = await startGatehouse({
    dataDirectory: gatehouse.dataDirectory,
    configuration: readFileSync(join(gatehouse.dataDirectory, "configuration.yaml"), "utf8"),
  });
  opened.push(() => again.remove());
  const later = new Administrator(again.adminKubeconfig);
  opened.push(() => later.close());
  const next = await chainOf(later, await approved(later, CLIENT, { commonName: "joe" }));
  expect(next.map(subjectOf)).toEqual(["O=system:nodes\nCN=joe", "CN=Corporate nodes"]);
  expect(await later.verifyLedger()).toMatchObject({ sound: true });
});

/** Who the server takes the holder of a certificate for. */
async function statusFor(gatehouse: GatehouseProcess, client: { certificatePem: string; privateKeyPem: string }) {
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const https = new HttpsClient(url, { caPem: credentials.caPem, ...client });
  try {
    return (await https.send("GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests")).status;
  } finally {
    https.close();
  }
}

test("files that change: a good pair signs at once and its clients are let in, a bad one is kept out and told", async () => {
  const files = { certificateFile: join(directory, "ca.crt"), keyFile: join(directory, "ca.key") };
  const [first, second] = ["first", "second"].map((commonName) =>
    makeAuthority(directory, { commonName, kind: "ecdsa-p384" }),
  ) as [ReturnType<typeof makeAuthority>, ReturnType<typeof makeAuthority>];
  const put = (pair: typeof first): void => {
    copyFileSync(pair.certificateFile, files.certificateFile);
    copyFileSync(pair.keyFile, files.keyFile);
  };
  put(first);
  const { gatehouse, administrator } = await start({ configuration: configurationWith({ issuer: { import: files } }) });
  const issuerOfNext = async (): Promise<string> => {
    const [leaf = ""] = await chainOf(administrator, await approved(administrator, CLIENT, { commonName: "jane" }));
    return new X509Certificate(leaf).issuer;
  };
  expect(await issuerOfNext()).toBe("CN=first");
  const old = makeClient(directory, first, "old-admin", "/O=gatehouse:administrators/CN=old");
  const fresh = makeClient(directory, second, "new-admin", "/O=gatehouse:administrators/CN=new");
  expect([await statusFor(gatehouse, old), await statusFor(gatehouse, fresh)]).toEqual([200, 401]);

  // A key of another CA: what signed before signs on.
  copyFileSync(second.keyFile, files.keyFile);
  const { stdout } = await eventually(async () => {
    const list = await runCommand(gatehouse.adminKubeconfig, ["issuer", "list"]);
    return list.stdout.includes("the private key is not the one") ? list : undefined;
  });
  expect(stdout).toMatch(/default +first +active/);
  expect(gatehouse.log()).toContain("the issuer's files cannot be used");
  expect(await administrator.metrics()).toContain('gatehouse_issuer_files_rejected{name="default"} 1');
  expect(await issuerOfNext()).toBe("CN=first");

  put(second);
  // Who read ca.crt before it named the new root does not trust what is served now, and reads it again.
  await eventually(async () => ((await statusFor(gatehouse, fresh).catch(() => 0)) === 200 ? true : undefined));
  expect(await issuerOfNext()).toBe("CN=second");
  // What the old one signed is good until it expires.
  expect(await statusFor(gatehouse, old)).toBe(200);
  expect(readFileSync(gatehouse.caFile, "utf8").match(/BEGIN/g)).toHaveLength(2);
  expect(await administrator.metrics()).toContain('gatehouse_issuer_files_rejected{name="default"} 0');
  const list = await runCommand(gatehouse.adminKubeconfig, ["issuer", "list"]);
  expect(list.stdout).toMatch(/first +old/);
  // The serving certificate is the new one's, and clients that trust ca.crt as it is now reach it.
  const again = new Administrator(gatehouse.adminKubeconfig);
  opened.push(() => again.close());
  expect(await again.verifyLedger()).toMatchObject({ sound: true });
});

test("what else is below the root of a client's issuer is no client", async () => {
  const pki = join(directory, "pki");
  mkdirSync(pki, { recursive: true });
  const root = makeAuthority(pki, { commonName: "Shared root", kind: "ecdsa-p384" });
  const sub = (name: string) => {
    const path = (end: string): string => join(pki, `${name}.${end}`);
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path("key")];
    openssl("req", "-new", ...newKey, "-subj", `/CN=${name}`, "-out", path("csr"));
    writeFileSync(path("ext"), "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n");
    const ca = ["-CA", root.certificateFile, "-CAkey", root.keyFile, "-CAcreateserial", "-days", "800"];
    openssl("x509", "-req", "-in", path("csr"), ...ca, "-extfile", path("ext"), "-out", path("crt"));
    return { certificateFile: path("crt"), keyFile: path("key") };
  };
  const [ours, theirs] = [sub("ours"), sub("theirs")];
  const { gatehouse, administrator } = await start({
    configuration: configurationWith({ issuer: { import: { ...ours, chainFile: root.certificateFile } } }),
  });
  const chain = await chainOf(administrator, await approved(administrator, CLIENT, { commonName: "jane" }));
  expect(verify(root.certificateFile, chain)).toContain(": OK");
  const client = (authority: typeof ours, name: string) => {
    const made = makeClient(pki, authority, name, "/O=gatehouse:administrators/CN=somebody");
    return { ...made, certificatePem: made.certificatePem + readFileSync(authority.certificateFile, "utf8") };
  };
  expect(await statusFor(gatehouse, client(ours, "insider"))).toBe(200);
  expect(await statusFor(gatehouse, client(theirs, "outsider"))).toBe(401);
  expect(await statusFor(gatehouse, makeClient(pki, root, "above", "/O=gatehouse:administrators/CN=x"))).toBe(401);
});
