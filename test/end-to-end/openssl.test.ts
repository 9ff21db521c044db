import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { buildCsr } from "../builders/csr.ts";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient, type NodeCertificate } from "./support/kubelet-client.ts";
import { makeAuthority } from "./support/openssl-authority.ts";
import { showCertificate, type TlsEnd, talkOverTls, verifyChain } from "./support/openssl-certificate.ts";

jest.setTimeout(180_000);

interface AuthorityCase {
  readonly name: string;
  /** `issuer` of the configuration, given a directory for files. */
  readonly issuer: (directory: string) => object;
  readonly commonName: string;
  readonly signatureAlgorithm: string;
}

const GENERATED: readonly AuthorityCase[] = [
  { keyAlgorithm: "ecdsa-p256", signatureAlgorithm: "ecdsa-with-SHA256" },
  { keyAlgorithm: "ecdsa-p384", signatureAlgorithm: "ecdsa-with-SHA384" },
  { keyAlgorithm: "rsa-2048", signatureAlgorithm: "sha256WithRSAEncryption" },
  { keyAlgorithm: "ed25519", signatureAlgorithm: "ED25519" },
].map(({ keyAlgorithm, signatureAlgorithm }) => ({
  name: `a generated ${keyAlgorithm} CA`,
  issuer: () => ({ keyAlgorithm, commonName: `${keyAlgorithm} authority` }),
  commonName: `${keyAlgorithm} authority`,
  signatureAlgorithm,
}));

const IMPORTED: readonly AuthorityCase[] = [
  { kind: "rsa-2048", commonName: "kubernetes", signatureAlgorithm: "sha256WithRSAEncryption" } as const,
  { kind: "ecdsa-p384", commonName: "elliptic", signatureAlgorithm: "ecdsa-with-SHA384" } as const,
].map(({ kind, commonName, signatureAlgorithm }) => ({
  name: `an imported ${kind} CA`,
  issuer: (directory: string) => ({ import: makeAuthority(directory, { commonName, kind }) }),
  commonName,
  signatureAlgorithm,
}));

/** The extensions that all leaves share; a leaf has no subject key identifier. */
const COMMON_EXTENSIONS = {
  "Basic Constraints": { critical: true, value: "CA:FALSE" },
  "Authority Key Identifier": { critical: false, value: expect.stringMatching(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/) },
};
const DIGITAL_SIGNATURE = { "Key Usage": { critical: true, value: "Digital Signature" } };
const CLIENT_AUTH = { "Extended Key Usage": { critical: false, value: "TLS Web Client Authentication" } };
const SERVER_AUTH = { "Extended Key Usage": { critical: false, value: "TLS Web Server Authentication" } };

describe.each([...GENERATED, ...IMPORTED])("$name", ({ issuer, commonName, signatureAlgorithm }) => {
  const directory = temporaryDirectory();
  let configuration: string;
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;
  let node: NodeCertificate;
  const file = (name: string): string => join(directory, name);
  const end = (name: string): TlsEnd => ({ certificateFile: file(`${name}.crt`), keyFile: file(`${name}.key`) });
  const newKubelet = (nodeName: string): KubeletClient =>
    new KubeletClient({ ...readKubeconfig(gatehouse.bootstrapKubeconfig), nodeName, rotateCertificates: true });
  const save = (name: string, certificatePem: string, privateKeyPem = ""): void => {
    writeFileSync(file(`${name}.crt`), certificatePem);
    writeFileSync(file(`${name}.key`), privateKeyPem);
  };

  beforeAll(async () => {
    configuration = autoApproving({ issuer: issuer(directory) });
    gatehouse = await startGatehouse({ configuration });
    administrator = new Administrator(gatehouse.adminKubeconfig);
    await saveNode();
    await savePerson();
    await saveOwn();
  });
  afterAll(async () => {
    administrator.close();
    await gatehouse.remove();
  });

  /** A kubelet's two certificates; a person approves the serving one. */
  async function saveNode(): Promise<void> {
    const kubelet = newKubelet("worker-1");
    node = await kubelet.bootstrap();
    save("client", node.certificatePem, node.privateKeyPem);
    const renewing = kubelet.withCertificate(node);
    const submitted = await renewing.submitServing({
      dnsNames: ["worker-1.example"],
      ipAddresses: ["127.0.0.1", "2001:db8::1"],
    });
    await administrator.approve(submitted.name);
    const serving = await renewing.waitFor(submitted);
    save("serving", serving.certificatePem, serving.privateKeyPem);
    renewing.close();
    kubelet.close();
  }

  async function savePerson(): Promise<void> {
    const csr = buildCsr({ commonName: "jane", organizations: ["developers", "operators"], key: "rsa-2048" });
    save("jane", await personCertificate(administrator, csr.requestBase64), pemOf(csr.privateKey));
  }

  /** What Gatehouse made for its listener and its administrator. */
  async function saveOwn(): Promise<void> {
    const { certificatePem = "", privateKeyPem = "" } = readKubeconfig(gatehouse.adminKubeconfig).credentials;
    save("administrator", certificatePem, privateKeyPem);
    const [serving] = await administrator.certificates({ signer: "gatehouse.dev/serving" });
    save("own", await administrator.certificatePem(serving?.serial ?? ""));
  }

  test("its listener sends no session tickets", async () => {
    const { hostname, port } = new URL(gatehouse.url);
    const socket = connect({ host: hostname, port: Number(port), ca: readFileSync(gatehouse.caFile) });
    let tickets = 0;
    socket.on("session", () => (tickets += 1));
    await once(socket, "secureConnect");
    const protocol = socket.getProtocol();
    socket.end("GET /version HTTP/1.1\r\nHost: gatehouse\r\nConnection: close\r\n\r\n");
    const answer = await text(socket);
    expect({ protocol, tickets, answer }).toEqual({
      protocol: "TLSv1.3",
      tickets: 0,
      answer: expect.stringMatching(/^HTTP\/1.1 200 /),
    });
  });

  test.each([
    {
      name: "client",
      subject: "CN=system:node:worker-1,O=system:nodes",
      extensions: { ...DIGITAL_SIGNATURE, ...CLIENT_AUTH },
      purpose: "sslclient",
    },
    {
      name: "serving",
      subject: "CN=system:node:worker-1,O=system:nodes",
      extensions: {
        ...DIGITAL_SIGNATURE,
        ...SERVER_AUTH,
        "Subject Alternative Name": {
          critical: false,
          value: "DNS:worker-1.example, IP Address:127.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1",
        },
      },
      purpose: "sslserver",
    },
    {
      name: "jane",
      subject: "CN=jane,O=developers+O=operators",
      extensions: { "Key Usage": { critical: true, value: "Digital Signature, Key Encipherment" }, ...CLIENT_AUTH },
      purpose: "sslclient",
    },
    {
      name: "administrator",
      subject: "CN=gatehouse-admin,O=gatehouse:administrators",
      extensions: { ...DIGITAL_SIGNATURE, ...CLIENT_AUTH },
      purpose: "sslclient",
    },
    {
      name: "own",
      subject: "CN=gatehouse",
      extensions: {
        ...DIGITAL_SIGNATURE,
        ...SERVER_AUTH,
        "Subject Alternative Name": { critical: false, value: expect.stringMatching(/IP Address:127\.0\.0\.1\b/) },
      },
      purpose: "sslserver",
    },
  ] as const)("openssl reads and verifies certificate $name", ({ name, subject, extensions, purpose }) => {
    const authority = showCertificate(gatehouse.caFile);
    const shown = showCertificate(file(`${name}.crt`));
    expect(shown).toEqual({
      version: "3",
      serial: expect.stringMatching(/^(?!00)[0-9a-f]{2,32}$/),
      issuer: `CN=${commonName}`,
      subject,
      signatureAlgorithm,
      extensions: { ...COMMON_EXTENSIONS, ...extensions },
    });
    expect(shown.extensions["Authority Key Identifier"]).toEqual(authority.extensions["Subject Key Identifier"]);
    expect(verifyChain(gatehouse.caFile, file(`${name}.crt`), purpose)).toBe("OK");
    const otherPurpose = purpose === "sslclient" ? "sslserver" : "sslclient";
    expect(verifyChain(gatehouse.caFile, file(`${name}.crt`), otherPurpose)).toMatch(/certificate purpose/);
  });

  test("openssl reads and verifies the CA certificate", () => {
    const { version, subject, extensions } = showCertificate(gatehouse.caFile);
    expect({ version, subject }).toEqual({ version: "3", subject: `CN=${commonName}` });
    expect(extensions["Basic Constraints"]).toEqual({ critical: true, value: "CA:TRUE" });
    expect(extensions["Key Usage"]).toEqual({ critical: true, value: expect.stringContaining("Certificate Sign") });
    expect(openssl("verify", "-x509_strict", "-CAfile", gatehouse.caFile, gatehouse.caFile)).toMatch(/: OK\n$/);
  });

  test("every certificate is on record under the serial and the fingerprint that openssl reads", async () => {
    const onRecord = new Map((await administrator.certificates()).map((record) => [record.serial, record.fingerprint]));
    for (const name of ["client", "serving", "jane", "administrator", "own"]) {
      const { raw } = new X509Certificate(readFileSync(file(`${name}.crt`)));
      const fingerprint = createHash("sha256").update(raw).digest("hex");
      expect(onRecord.get(showCertificate(file(`${name}.crt`)).serial)).toBe(fingerprint);
    }
  });

  test("a server and a client that use them understand each other, and nobody else", async () => {
    expect(await talkOverTls(gatehouse.caFile, end("serving"), end("client"))).toBe("olleh");
    expect(await talkOverTls(gatehouse.caFile, end("serving"), end("jane"))).toBe("olleh");
    expect(await talkOverTls(gatehouse.caFile, end("serving"), end("serving"))).toBe("");
    expect(await talkOverTls(gatehouse.caFile, end("client"), end("client"))).toBe("");
  });

  test("a restart keeps the CA and everybody's certificates", async () => {
    const before = readFileSync(gatehouse.caFile, "utf8");
    expect(await gatehouse.stop()).toBe(0);
    gatehouse = await startGatehouse({ configuration, dataDirectory: gatehouse.dataDirectory });
    administrator.close();
    administrator = new Administrator(gatehouse.adminKubeconfig);
    expect(readFileSync(gatehouse.caFile, "utf8")).toBe(before);
    const kubelet = newKubelet("worker-1");
    const renewing = kubelet.withCertificate(node);
    save("renewed", (await renewing.bootstrap()).certificatePem);
    expect(verifyChain(gatehouse.caFile, file("renewed.crt"), "sslclient")).toBe("OK");
    expect(await administrator.verifyLedger()).toMatchObject({ sound: true, problems: [] });
    renewing.close();
    kubelet.close();
  });
});

function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/** Submits a request for a person's certificate, approves it and waits. */
async function personCertificate(administrator: Administrator, request: string): Promise<string> {
  const usages = ["client auth", "digital signature", "key encipherment"];
  const { metadata } = await administrator.submit({
    metadata: { generateName: "jane-" },
    spec: { request, signerName: "kubernetes.io/kube-apiserver-client", usages },
  });
  await administrator.approve(metadata.name);
  for (;;) {
    const { certificate } = (await administrator.request(metadata.name)).status;
    if (certificate) return Buffer.from(certificate, "base64").toString("utf8");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
