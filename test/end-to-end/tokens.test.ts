import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { buildIssuer } from "../builders/issuer.ts";
import { openssl } from "../builders/openssl.ts";
import { NEEDS_SOFT_HSM, SOFT_HSM_MODULE, SoftHsm } from "../builders/soft-hsm.ts";
import { autoApproving, configurationWith } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";
import { makeAuthority } from "./support/openssl-authority.ts";

jest.setTimeout(120_000);

const ENTRY = join(import.meta.dirname, "../../dist/cli/gatehouse.js");
const describeWithTokens = SOFT_HSM_MODULE === undefined ? describe.skip : describe;

describeWithTokens(`issuers with their keys in tokens (${NEEDS_SOFT_HSM})`, () => {
  let home: string;
  let dataDirectory: string;
  let hsm: SoftHsm;
  let running: GatehouseProcess[];

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "gatehouse-tokens-"));
    dataDirectory = mkdtempSync(join(home, "data-"));
    hsm = new SoftHsm();
    hsm.addToken("ca");
    running = [];
  });
  afterEach(async () => {
    for (const gatehouse of running) await gatehouse.stop();
    hsm.remove();
    rmSync(home, { recursive: true });
  });

  const token = (changes: object = {}) => ({
    name: "hsm",
    module: SOFT_HSM_MODULE,
    tokenLabel: "ca",
    pinFile: hsm.pinFile,
    ...changes,
  });

  async function start(settings: object = {}): Promise<GatehouseProcess> {
    const configuration = autoApproving({ tokens: [token()], issuer: { token: "hsm" }, ...settings });
    const gatehouse = await startGatehouse({ dataDirectory, configuration, environment: hsm.environment });
    running.push(gatehouse);
    return gatehouse;
  }

  /** Starts a server that is to give up by itself. */
  function refusal(settings: object): string {
    const file = join(dataDirectory, "configuration.yaml");
    writeFileSync(file, configurationWith(settings));
    const serve = ["serve", "--data-dir", dataDirectory, "--listen", "127.0.0.1:0", "--config", file];
    const env = { ...process.env, ...hsm.environment };
    const outcome = spawnSync(process.execPath, [ENTRY, ...serve], { encoding: "utf8", timeout: 30_000, env });
    expect(outcome).toMatchObject({ status: 1, stdout: "" });
    return outcome.stderr;
  }

  function kubelet(gatehouse: GatehouseProcess, nodeName: string): KubeletClient {
    const bootstrap = readKubeconfig(join(dataDirectory, "bootstrap.kubeconfig"));
    return new KubeletClient({ ...bootstrap, url: gatehouse.url, nodeName, rotateCertificates: true });
  }

  async function joinNode(gatehouse: GatehouseProcess, nodeName: string): Promise<string> {
    const client = kubelet(gatehouse, nodeName);
    try {
      return (await client.bootstrap()).certificatePem;
    } finally {
      client.close();
    }
  }

  async function administratorGet({ adminKubeconfig }: GatehouseProcess, path: string) {
    const { url, credentials } = readKubeconfig(adminKubeconfig);
    const client = new HttpsClient(url, credentials);
    const { status, body } = await client.send("GET", path);
    client.close();
    return { status, text: body.toString() };
  }

  async function until(isTrue: () => Promise<boolean>): Promise<void> {
    while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 100));
  }

  test.each(["ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519"])(
    "%s: joins are signed by a key that is nowhere but in the token, before and after a restart",
    async (keyAlgorithm) => {
      const issuer = { token: "hsm", keyAlgorithm };
      const first = await start({ issuer });
      const leaf = await joinNode(first, "worker-1");
      const caPem = readFileSync(first.caFile, "utf8");
      expect(readdirSync(join(dataDirectory, "keys")).filter((name) => name.startsWith("issuer-"))).toEqual([]);
      await first.stop();
      const second = await start({ issuer });
      expect(readFileSync(second.caFile, "utf8")).toBe(caPem);
      const leaves = [leaf, await joinNode(second, "worker-2")];
      for (const [index, certificatePem] of leaves.entries()) {
        const file = join(home, `leaf-${index}.crt`);
        writeFileSync(file, certificatePem);
        expect(openssl("verify", "-purpose", "sslclient", "-CAfile", second.caFile, file)).toMatch(/: OK/);
      }
    },
  );

  test("pulled out while certificates are signed: nothing fails, requests wait and are signed when it is back", async () => {
    const gatehouse = await start();
    expect((await administratorGet(gatehouse, "/readyz?verbose")).text).toContain("[+]token-hsm ok");
    const joins = Array.from({ length: 12 }, (_, index) => joinNode(gatehouse, `worker-${index}`));
    hsm.pullOut();
    await until(async () => (await administratorGet(gatehouse, "/readyz")).status === 503);
    expect((await administratorGet(gatehouse, "/readyz")).text).toContain("[-]token-hsm failed");
    expect((await administratorGet(gatehouse, "/metrics")).text).toContain('gatehouse_token_ready{token="hsm"} 0');

    const late = kubelet(gatehouse, "worker-late");
    const submitted = await late.submit();
    const waiting = await awaitCondition(gatehouse, submitted.name);
    expect(waiting.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
      expect.stringMatching(/^Approved True/),
      "IssuerReady False AwaitingToken",
    ]);
    expect((await administratorGet(gatehouse, "/v1/configured-issuers")).text).toMatch(
      /"state":\s*"awaitingToken".*the token hsm is away/s,
    );

    hsm.putBack();
    const certificates = await Promise.all(joins);
    const { certificatePem } = await late.waitFor(submitted);
    late.close();
    const authority = new X509Certificate(readFileSync(gatehouse.caFile));
    for (const pem of [...certificates, certificatePem])
      expect(new X509Certificate(pem).verify(authority.publicKey)).toBe(true);
    expect(new Set([...certificates, certificatePem]).size).toBe(13);
    expect((await administratorGet(gatehouse, "/readyz")).status).toBe(200);
    expect((await administratorGet(gatehouse, "/metrics")).text).toContain('gatehouse_token_ready{token="hsm"} 1');
    expect(gatehouse.log()).not.toContain("marked a request as Failed");
    expect(gatehouse.log().match(/a token is away; what its keys are to sign waits/g)).toHaveLength(1);
    expect(gatehouse.log().match(/the token is back/g)).toHaveLength(1);
  });

  async function awaitCondition(gatehouse: GatehouseProcess, name: string) {
    type Conditions = readonly { readonly type: string; readonly status: string; readonly reason: string }[];
    let conditions: Conditions = [];
    await until(async () => {
      const path = `/apis/certificates.k8s.io/v1/certificatesigningrequests/${name}`;
      const { text } = await administratorGet(gatehouse, path);
      const { status } = JSON.parse(text) as { readonly status: { readonly conditions?: Conditions } };
      conditions = status.conditions ?? [];
      return conditions.some(({ type }) => type === "IssuerReady");
    });
    return conditions;
  }

  test("a root in the token signs an intermediate whose key is a file, and one in another token", async () => {
    hsm.addToken("lower");
    const gatehouse = await start({
      tokens: [token(), token({ name: "second", tokenLabel: "lower", pinFile: hsm.pinFile })],
      issuer: { parent: "root", commonName: "file below" },
      issuers: [
        { name: "root", commonName: "token root", token: "hsm", keyAlgorithm: "ecdsa-p384", pathLength: 1 },
        { name: "clients", commonName: "token below", token: "second", keyLabel: "clients", parent: "root" },
      ],
      signers: [{ signerName: "kubernetes.io/kube-apiserver-client-kubelet", issuer: "clients" }],
    });
    const file = join(home, "chain.crt");
    writeFileSync(file, await joinNode(gatehouse, "worker-1"));
    expect(openssl("verify", "-CAfile", gatehouse.caFile, "-untrusted", file, file)).toMatch(/: OK/);
    expect(openssl("x509", "-in", file, "-noout", "-issuer")).toContain("CN = token below");
  });

  test("refused at start, with the way out: a wrong PIN, an unknown token, another token's key, a certificate of another key", async () => {
    const tokenIssuer = { tokens: [token()], issuer: { token: "hsm" } };
    const wrongPin = join(home, "wrong-pin");
    writeFileSync(wrongPin, "8642-wrong", { mode: 0o600 });
    const saidOfPin = refusal({ ...tokenIssuer, tokens: [token({ pinFile: wrongPin })] });
    expect(saidOfPin).toMatch(/the token hsm refused the PIN in .*wrong-pin .*was tried once and is not tried again/);
    expect(saidOfPin).not.toContain("8642-wrong");
    expect(refusal({ ...tokenIssuer, tokens: [token({ tokenLabel: "nobody" })] })).toMatch(
      /the token hsm is away: there is no token with the label "nobody"; the module shows: "ca"/,
    );
    expect(refusal({ ...tokenIssuer, tokens: [token({ module: "/nowhere.so" })] })).toMatch(
      /module \/nowhere\.so cannot be loaded/,
    );

    await (await start()).stop();
    hsm.addToken("other");
    expect(refusal({ ...tokenIssuer, tokens: [token({ tokenLabel: "other" })] })).toMatch(
      /there is no private key "gatehouse-default" in the token hsm/,
    );
    dataDirectory = mkdtempSync(join(home, "data-"));
    const certificateFile = join(home, "stranger.crt");
    writeFileSync(certificateFile, buildIssuer().certificatePem);
    expect(refusal({ ...tokenIssuer, issuer: { token: "hsm", import: { certificateFile } } })).toMatch(
      /the private key is not the one of the certificate .*stranger\.crt .*"gatehouse-default" in the token hsm/,
    );
  });

  test("a key in the token is certified elsewhere, and taken over by another server with the certificate alone", async () => {
    const corporate = { name: "corporate", commonName: "Corporate nodes", token: "hsm", externallySigned: true };
    const gatehouse = await start({
      issuer: {},
      issuers: [corporate],
      signers: [{ signerName: "kubernetes.io/kube-apiserver-client-kubelet", issuer: "corporate" }],
    });
    const issuer = (...args: string[]) => runCommand(gatehouse.adminKubeconfig, ["issuer", ...args]);
    const waiting = joinNode(gatehouse, "worker-1");
    const { stdout: requestPem } = await issuer("request", "corporate");
    const { chainFile, certificateFile, rootFile } = signElsewhere(requestPem);
    expect(await issuer("install", "corporate", "--chain", gatehouse.caFile)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('holds no certificate for the key "gatehouse-corporate" in the token hsm'),
    });
    expect(await issuer("install", "corporate", "--chain", chainFile)).toMatchObject({ code: 0 });
    const leaf = join(home, "leaf.crt");
    writeFileSync(leaf, await waiting);
    expect(openssl("verify", "-CAfile", rootFile, "-untrusted", leaf, leaf)).toMatch(/: OK/);
    await gatehouse.stop();

    dataDirectory = mkdtempSync(join(home, "data-"));
    const taking = { token: "hsm", keyLabel: "gatehouse-corporate", import: { certificateFile, chainFile: rootFile } };
    writeFileSync(leaf, await joinNode(await start({ issuer: taking }), "worker-2"));
    expect(openssl("verify", "-CAfile", rootFile, "-untrusted", leaf, leaf)).toMatch(/: OK/);
  });

  /** Signs a CA request with openssl, as somebody else's CA would. */
  function signElsewhere(requestPem: string) {
    const root = makeAuthority(home, { commonName: "Corporate root", kind: "ecdsa-p384" });
    const request = join(home, "request.csr");
    const extensions = join(home, "extensions");
    const certificateFile = join(home, "corporate.crt");
    writeFileSync(request, requestPem);
    writeFileSync(
      extensions,
      "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n",
    );
    const ca = ["-CA", root.certificateFile, "-CAkey", root.keyFile, "-CAcreateserial"];
    openssl("x509", "-req", "-in", request, ...ca, "-days", "800", "-extfile", extensions, "-out", certificateFile);
    const chainFile = join(home, "corporate-chain.pem");
    writeFileSync(chainFile, readFileSync(certificateFile, "utf8") + readFileSync(root.certificateFile, "utf8"));
    return { chainFile, certificateFile, rootFile: root.certificateFile };
  }
});

test("without the optional package only a configuration that names a token is refused, with the way out", async () => {
  const place = mkdtempSync(join(tmpdir(), "gatehouse-no-package-"));
  const hooks = join(place, "hooks.mjs");
  writeFileSync(
    hooks,
    `import { registerHooks } from "node:module";
    const resolve = (name, context, next) => {
      if (name === "pkcs11js") throw new Error("Cannot find package 'pkcs11js'");
      return next(name, context);
    };
    registerHooks({ resolve });`,
  );
  const file = join(place, "configuration.yaml");
  writeFileSync(join(place, "pin"), "1234", { mode: 0o600 });
  const token = {
    name: "hsm",
    module: "/usr/lib/softhsm/libsofthsm2.so",
    tokenLabel: "ca",
    pinFile: join(place, "pin"),
  };
  const environment = { NODE_OPTIONS: `--import=${hooks}` };
  const env = { ...process.env, ...environment };
  const serve = ["serve", "--data-dir", place, "--listen", "127.0.0.1:0", "--config", file];
  writeFileSync(file, configurationWith({ tokens: [token], issuer: { token: "hsm" } }));
  const refused = spawnSync(process.execPath, [ENTRY, ...serve], { encoding: "utf8", timeout: 30_000, env });
  expect(refused).toMatchObject({ status: 1, stdout: "" });
  expect(refused.stderr).toMatch(/keys in tokens need the optional package pkcs11js.*npm rebuild pkcs11js/);
  const gatehouse = await startGatehouse({ dataDirectory: place, configuration: configurationWith({}), environment });
  await gatehouse.remove();
});
