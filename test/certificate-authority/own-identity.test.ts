import { createHash, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { generateKeyPair } from "../../services/certificate-authority/custody/key-pair.ts";
import type { ActiveIssuer, IssuerAvailability } from "../../services/certificate-authority/domain/issuer.ts";
import { NO_SUBTREES } from "../../services/certificate-authority/domain/name-subtrees.ts";
import { ownIdentity, servingNames } from "../../services/certificate-authority/own-identity.ts";
import { leaveKubeconfigs } from "../../services/certificate-authority/own-kubeconfigs.ts";
import { loadIssuerCertificate } from "../../services/certificate-authority/signer/issuer-certificate.ts";
import { createSigner, type Signer } from "../../services/certificate-authority/signer/signer.ts";
import { createLogger } from "../../services/shared/logging.ts";
import { buildIssuer } from "../builders/issuer.ts";
import { openTestLedger } from "../builders/ledger.ts";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { SettableClock } from "../fakes/settable-clock.ts";

const DAY_SECONDS = 86_400;
const logger = createLogger({ level: "silent" });
const issuer = buildIssuer("ecdsa-p256");
const { description } = loadIssuerCertificate(issuer.certificateDer);
const active: ActiveIssuer = {
  description,
  chainPem: "",
  notAfter: description.notAfter,
  constraints: [],
  isRemote: false,
};
let opened: Awaited<ReturnType<typeof openTestLedger>>;
let signer: Signer;
let clock: SettableClock;
let directory: string;

beforeAll(async () => {
  opened = await openTestLedger();
});
afterAll(() => opened.close());
beforeEach(() => {
  clock = new SettableClock(new Date());
  signer = createSigner({ issuers: [issuer], workers: 1, clock, logger });
  directory = temporaryDirectory();
});
afterEach(() => signer.close());

function identity() {
  const { certificates } = opened.ledger;
  return ownIdentity({
    issuers: { issuerFor: () => ({ kind: "ready", issuer: active }) },
    signer: signer.signer,
    certificates,
    generateKeyPair: () => generateKeyPair("ecdsa-p256"),
    clock,
  });
}

/** The same identity with another answer to who signs. */
function identityWith(availability: IssuerAvailability) {
  const { certificates } = opened.ledger;
  const issuers = { issuerFor: () => availability };
  const generate = () => generateKeyPair("ecdsa-p256");
  return ownIdentity({ issuers, signer: signer.signer, certificates, generateKeyPair: generate, clock });
}

function verify(certificatePem: string, purpose: string): string {
  const [leaf, authority] = [join(directory, "leaf.crt"), join(directory, "verify-ca.crt")];
  writeFileSync(leaf, certificatePem);
  writeFileSync(authority, issuer.certificatePem);
  return openssl("verify", "-purpose", purpose, "-CAfile", authority, leaf);
}

test("a serving certificate is good for the names of this host and is on record", async () => {
  const { certificatePem, issuerPem, privateKeyPem } = await identity().serving(
    servingNames("127.0.0.1", ["ca.example", "10.1.2.3"]),
  );
  expect(issuerPem).toBe(issuer.certificatePem);
  const certificate = new X509Certificate(certificatePem);
  expect(verify(certificatePem, "sslserver")).toMatch(/leaf\.crt: OK\n$/);
  for (const name of ["localhost", "ca.example"]) expect(certificate.checkHost(name)).toBe(name);
  for (const address of ["127.0.0.1", "::1", "10.1.2.3"]) expect(certificate.checkIP(address)).toBeDefined();
  expect(privateKeyPem).toContain("BEGIN PRIVATE KEY");
  const spki = certificate.publicKey.export({ format: "der", type: "spki" });
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  expect(await opened.ledger.certificates.get(fingerprint)).toMatchObject({
    signerName: "gatehouse.dev/serving",
    commonName: "gatehouse",
    spkiSha256: createHash("sha256").update(spki).digest("hex"),
    requestUid: undefined,
  });
});

test("an administrator's certificate is a client's, of our own group", async () => {
  const { certificatePem } = await identity().administrator();
  expect(verify(certificatePem, "sslclient")).toMatch(/leaf\.crt: OK\n$/);
  expect(new X509Certificate(certificatePem).subject).toBe("O=gatehouse:administrators\nCN=gatehouse-admin");
});

test("no own certificate outlives the issuer", async () => {
  clock.advance(3640 * DAY_SECONDS);
  const { notAfter } = await identity().administrator();
  expect(notAfter).toEqual(new X509Certificate(issuer.certificatePem).validToDate);
});

test.each([
  { host: "0.0.0.0", dns: [], addresses: ["127.0.0.1", "::1"] },
  { host: "gate.example", dns: ["gate.example"], addresses: ["127.0.0.1", "::1"] },
  { host: "10.9.8.7", dns: [], addresses: ["127.0.0.1", "::1", "10.9.8.7"] },
])("servingNames: listening on $host", ({ host, dns, addresses }) => {
  const { dnsNames, ipAddresses } = servingNames(host, []);
  expect(dnsNames).toEqual(expect.arrayContaining(["localhost", ...dns]));
  expect(ipAddresses).toEqual(addresses);
});

test("an intermediate goes along, in a handshake and in the administrator's kubeconfig", async () => {
  const chained = identityWith({ kind: "ready", issuer: { ...active, chainPem: "intermediate\n" } });
  const serving = await chained.serving(servingNames("127.0.0.1", []));
  expect([serving.issuerPem, serving.chainPem]).toEqual(["intermediate\n", "intermediate\n"]);
  await leave({ newAdministratorCertificate: chained.administrator });
  const user = userOf("admin.kubeconfig") as { "client-certificate-data": string };
  expect(Buffer.from(user["client-certificate-data"], "base64").toString()).toMatch(
    /^-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\nintermediate\n$/,
  );
});

test("without an issuer that can sign there is no serving certificate, and the error says what to configure", async () => {
  const awaiting = identityWith({ kind: "awaited", reason: "AwaitingCertificate", message: "corporate awaits" });
  await expect(awaiting.serving(servingNames("127.0.0.1", []))).rejects.toMatchObject({
    name: "ConfigurationError",
    message: "corporate awaits; until then name another issuer for gatehouse.dev/serving under signers",
  });
});

test("an issuer that may not certify the names of this host is refused by name", async () => {
  const permitted = { ...NO_SUBTREES, dnsNames: ["example.com"] };
  const constraints = [{ issuer: "root", constraints: { permitted, excluded: NO_SUBTREES } }];
  const narrow = identityWith({ kind: "ready", issuer: { ...active, constraints } });
  await expect(narrow.serving(servingNames("127.0.0.1", []))).rejects.toMatchObject({
    name: "ConfigurationError",
    message: expect.stringMatching(/^gatehouse\.dev\/serving: the DNS name "localhost" is outside the permitted/),
  });
});

function leave(overrides: Partial<Parameters<typeof leaveKubeconfigs>[0]> = {}) {
  return leaveKubeconfigs({
    directory,
    serverUrl: "https://127.0.0.1:9443",
    caPem: issuer.certificatePem,
    administratorIssuerPem: issuer.certificatePem,
    clock,
    logger,
    newAdministratorCertificate: identity().administrator,
    newBootstrapToken: async () => `abcdef.${Math.random().toString(36).slice(2, 18).padEnd(16, "0")}`,
    ...overrides,
  });
}

const read = (name: string): string => readFileSync(join(directory, name), "utf8");
const userOf = (name: string): unknown => parse(read(name)).users[0].user;

test("kubeconfigs are left for the owner alone and stay when nothing changed", async () => {
  await leave();
  const admin = read("admin.kubeconfig");
  const bootstrap = read("bootstrap.kubeconfig");
  expect(statSync(join(directory, "admin.kubeconfig")).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, "bootstrap.kubeconfig")).mode & 0o777).toBe(0o600);
  await leave();
  expect([read("admin.kubeconfig"), read("bootstrap.kubeconfig")]).toEqual([admin, bootstrap]);
});

test("another port keeps the credentials", async () => {
  await leave();
  const users = [userOf("admin.kubeconfig"), userOf("bootstrap.kubeconfig")];
  await leave({ serverUrl: "https://127.0.0.1:1" });
  expect([userOf("admin.kubeconfig"), userOf("bootstrap.kubeconfig")]).toEqual(users);
  expect(parse(read("bootstrap.kubeconfig")).clusters[0].cluster.server).toBe("https://127.0.0.1:1");
});

test("an administrator's certificate is replaced with a third of its life left, not before", async () => {
  await leave();
  const first = userOf("admin.kubeconfig");
  clock.advance(240 * DAY_SECONDS);
  await leave();
  expect(userOf("admin.kubeconfig")).toEqual(first);
  clock.advance(10 * DAY_SECONDS);
  await leave();
  expect(userOf("admin.kubeconfig")).not.toEqual(first);
});

test("an administrator's certificate of another CA, or a damaged file, is replaced", async () => {
  await leave();
  const first = userOf("admin.kubeconfig");
  await leave({ administratorIssuerPem: buildIssuer("ecdsa-p256").certificatePem });
  expect(userOf("admin.kubeconfig")).not.toEqual(first);
  writeFileSync(join(directory, "admin.kubeconfig"), "garbage: [");
  await leave();
  expect(userOf("admin.kubeconfig")).toHaveProperty("client-key-data");
});

test("a bootstrap kubeconfig is made once: removing its token is not undone", async () => {
  await leave();
  const token = userOf("bootstrap.kubeconfig");
  await leave();
  expect(userOf("bootstrap.kubeconfig")).toEqual(token);
  rmSync(join(directory, "bootstrap.kubeconfig"));
  await leave();
  expect(existsSync(join(directory, "bootstrap.kubeconfig"))).toBe(true);
  expect(userOf("bootstrap.kubeconfig")).not.toEqual(token);
});
