import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { makeLeaf } from "./support/client-certificates.ts";
import { autoApproving } from "./support/configuration.ts";
import {
  type ControlPlaneFiles,
  fingerprintOf,
  initializeControlPlane,
  killInitialization,
} from "./support/control-plane-files.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";
import { type TlsEnd, talkOverTls, verifyChain } from "./support/openssl-certificate.ts";

jest.setTimeout(180_000);

const ALGORITHMS = ["rsa-2048", "ecdsa-p384"] as const;

describe.each(ALGORITHMS)("a control plane with %s keys", (algorithm) => {
  let root: string;
  let files: ControlPlaneFiles;
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;
  /** Pairs that are not of `pki init`, by name. */
  const others = new Map<string, TlsEnd>();
  const end = (name: string): TlsEnd => others.get(name) ?? files.end(name);

  beforeAll(async () => {
    root = temporaryDirectory();
    const outcome = await initializeControlPlane(root, ["--key-algorithm", algorithm]);
    expect([outcome.code, outcome.stderr]).toEqual([0, expect.stringContaining("keys of the CAs lie unencrypted")]);
    files = outcome;
    gatehouse = await startGatehouse({ configuration: autoApproving({}), dataDirectory: join(root, "data") });
    administrator = new Administrator(gatehouse.adminKubeconfig);
    await joinWorker();
    const frontProxyCa = {
      certificateFile: files.file("front-proxy-ca.crt"),
      keyFile: files.file("front-proxy-ca.key"),
    };
    const extensions = ["subjectAltName=IP:127.0.0.1", "extendedKeyUsage=serverAuth"];
    others.set("extension", makeLeaf(root, frontProxyCa, { name: "extension", subject: "/CN=extension", extensions }));
  });
  afterAll(async () => {
    administrator.close();
    await gatehouse.remove();
  });

  /** A node joins at a Gatehouse that runs on the same data directory. */
  async function joinWorker(): Promise<void> {
    const bootstrap = readKubeconfig(gatehouse.bootstrapKubeconfig);
    const kubelet = new KubeletClient({ ...bootstrap, nodeName: "worker-1", rotateCertificates: true });
    const node = await kubelet.bootstrap();
    save("worker-client", node.certificatePem, node.privateKeyPem);
    const renewing = kubelet.withCertificate(node);
    const submitted = await renewing.submitServing({ dnsNames: ["worker-1"], ipAddresses: ["127.0.0.1"] });
    await administrator.approve(submitted.name);
    const serving = await renewing.waitFor(submitted);
    save("worker-serving", serving.certificatePem, serving.privateKeyPem);
    renewing.close();
    kubelet.close();
  }

  function save(name: string, certificatePem: string, privateKeyPem: string): void {
    const [certificateFile, keyFile] = [join(root, `${name}.crt`), join(root, `${name}.key`)];
    writeFileSync(certificateFile, certificatePem);
    writeFileSync(keyFile, privateKeyPem, { mode: 0o600 });
    others.set(name, { certificateFile, keyFile });
  }

  /** Everybody who talks to somebody, both ends' certificates being of one CA. */
  const PAIRS = [
    { server: "etcd/server", client: "apiserver-etcd-client", ca: "etcd/ca" },
    { server: "etcd/server", client: "etcd/healthcheck-client", ca: "etcd/ca" },
    { server: "etcd/peer", client: "etcd/peer", ca: "etcd/ca" },
    { server: "apiserver", client: "admin.conf", ca: "ca" },
    { server: "apiserver", client: "super-admin.conf", ca: "ca" },
    { server: "apiserver", client: "controller-manager.conf", ca: "ca" },
    { server: "apiserver", client: "scheduler.conf", ca: "ca" },
    { server: "apiserver", client: "kubelet.conf", ca: "ca" },
    { server: "apiserver", client: "worker-client", ca: "ca" },
    { server: "worker-serving", client: "apiserver-kubelet-client", ca: "ca" },
    { server: "extension", client: "front-proxy-client", ca: "front-proxy-ca" },
  ];

  test.each(PAIRS)("$server and $client verify each other", async ({ server, client, ca }) => {
    const caFile = files.file(`${ca}.crt`);
    expect(verifyChain(caFile, end(server).certificateFile, "sslserver")).toBe("OK");
    expect(verifyChain(caFile, end(client).certificateFile, "sslclient")).toBe("OK");
    expect(await talkOverTls(caFile, end(server), end(client))).toBe("olleh");
  });

  test.each([
    { server: "etcd/server", client: "admin.conf", ca: "etcd/ca", why: "is of the cluster's CA" },
    { server: "etcd/server", client: "front-proxy-client", ca: "etcd/ca", why: "is of the front proxy's CA" },
    { server: "apiserver", client: "apiserver-etcd-client", ca: "ca", why: "is of etcd's CA" },
    { server: "extension", client: "admin.conf", ca: "front-proxy-ca", why: "is of the cluster's CA" },
    { server: "apiserver", client: "apiserver", ca: "ca", why: "is no client's" },
    { server: "admin.conf", client: "kubelet.conf", ca: "ca", why: "has a server that is none" },
  ])("$server and $client do not understand each other: it $why", async ({ server, client, ca }) => {
    expect(await talkOverTls(files.file(`${ca}.crt`), end(server), end(client))).toBe("");
  });

  test("the names and addresses of the API server are in its certificate", () => {
    const { certificateFile } = end("apiserver");
    for (const name of ["cp-1", "kubernetes", "kubernetes.default.svc.cluster.local"])
      expect(openssl("x509", "-in", certificateFile, "-noout", "-checkhost", name)).toContain("does match");
    for (const address of ["127.0.0.1", "10.96.0.1"])
      expect(openssl("x509", "-in", certificateFile, "-noout", "-checkip", address)).toContain("does match");
  });

  test("every certificate is on record, and Gatehouse trusts neither etcd's nor the front proxy's CA", async () => {
    const onRecord = new Map(
      (await administrator.certificates()).map((record) => [record.fingerprint, record.signerName]),
    );
    for (const name of ["apiserver", "apiserver-kubelet-client", "apiserver-etcd-client", "front-proxy-client"])
      expect(onRecord.get(fingerprintOf(end(name).certificateFile))).toBe(`gatehouse.dev/pki-${name}`);
    expect(onRecord.get(fingerprintOf(end("admin.conf").certificateFile))).toBe("gatehouse.dev/pki-admin");
    expect(readFileSync(gatehouse.caFile, "utf8")).toBe(readFileSync(files.file("ca.crt"), "utf8"));
    expect(await administrator.verifyLedger()).toMatchObject({ sound: true });
  });

  test.each([
    { name: "front-proxy-client", status: 401, what: "nobody" },
    { name: "etcd/healthcheck-client", status: 401, what: "nobody" },
    { name: "scheduler.conf", status: 403, what: "a user without rights" },
  ])("at Gatehouse, $name is $what", async ({ name, status }) => {
    const { certificateFile, keyFile } = end(name);
    const client = new HttpsClient(gatehouse.url, {
      caPem: readFileSync(gatehouse.caFile, "utf8"),
      certificatePem: readFileSync(certificateFile, "utf8"),
      privateKeyPem: readFileSync(keyFile, "utf8"),
    });
    const answer = await client.send("GET", "/v1/certificates");
    client.close();
    expect(answer.status).toBe(status);
  });

  test("while the server runs, the data directory is refused with the way out", async () => {
    const { code, stderr } = await initializeControlPlane(root);
    expect(code).toBe(1);
    expect(stderr).toMatch(/gatehouse\.db is in use by another Gatehouse process[\s\S]*stop the server/);
  });

  test("pki check tells when they expire, without a server", async () => {
    const args = ["pki", "check", "--directory", files.file(""), "-o", "json"];
    const { code, stdout } = await runCommand("/nowhere/kubeconfig", args);
    const { certificates, certificateAuthorities } = JSON.parse(stdout);
    expect([code, certificates.length, certificateAuthorities.length]).toEqual([0, 11, 3]);
    const late = await runCommand("/nowhere/kubeconfig", [...args, "--expires-within", "366d"]);
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining("apiserver")]);
  });
});

test.each(["front-proxy-ca.crt", "apiserver.key", "etcd/server.crt", "sa.key"])(
  "killed when %s is there, the next run finishes, and what was made before stays",
  async (name) => {
    const root = temporaryDirectory();
    await killInitialization(root, name);
    const pki = join(root, "kubernetes", "pki");
    const before = readFileSync(join(pki, name), "utf8");
    const { code, file, stderr } = await initializeControlPlane(root);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("error")]);
    expect(readFileSync(file(name), "utf8")).toBe(before);
    for (const leaf of ["etcd/server", "etcd/peer"])
      expect(verifyChain(file("etcd/ca.crt"), file(`${leaf}.crt`), "sslserver")).toBe("OK");
    expect(verifyChain(file("ca.crt"), file("apiserver.crt"), "sslserver")).toBe("OK");
    expect(openssl("pkey", "-in", file("sa.key"), "-pubout")).toBe(readFileSync(file("sa.pub"), "utf8"));
    const again = await initializeControlPlane(root);
    expect([again.code, again.stdout]).toEqual([0, expect.not.stringContaining(" made ")]);
  },
);
