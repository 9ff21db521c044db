import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { buildCsr } from "../builders/csr.ts";
import { certificateUser, kubeconfigText } from "../builders/kubeconfig.ts";
import { CLIENT_EXTENSIONS, makeOpensslLeaf } from "../builders/openssl-leaf.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient } from "./support/https-client.ts";
import { type AuthorityFiles, makeAuthority } from "./support/openssl-authority.ts";
import { findControlPlane, type KubernetesPrograms, startRealApiserver } from "./support/real-apiserver.ts";
import { startSigningController } from "./support/real-signing-controller.ts";

jest.setTimeout(180_000);

const PROGRAMS = findControlPlane();
const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const SERVER_EXTENSIONS = [
  "extendedKeyUsage=serverAuth",
  "subjectAltName=DNS:kubernetes,DNS:Master.example,IP:10.96.0.1",
];

let directory: string;
let clusterCa: AuthorityFiles;
let gatehouse: GatehouseProcess;
let administrator: Administrator;

beforeAll(async () => {
  directory = temporaryDirectory();
  clusterCa = makeAuthority(directory, { commonName: "kubernetes", kind: "rsa-2048" });
  gatehouse = await startGatehouse({
    configuration: configurationWith({ issuer: { import: clusterCa } }),
  });
  administrator = new Administrator(gatehouse.adminKubeconfig);
});
afterAll(async () => {
  administrator.close();
  await gatehouse.remove();
});

/** The files that kubeadm and a kubelet leave on a control plane node, by openssl. */
function kubernetesTree(): string {
  const root = join(directory, "etc-kubernetes");
  const [pki, kubelet] = [join(root, "pki"), join(root, "kubelet/pki")];
  for (const each of [pki, kubelet]) mkdirSync(each, { recursive: true });
  const frontProxy = makeAuthority(pki, { commonName: "front-proxy-ca", kind: "ecdsa-p384" });
  const leaf = (name: string, subject: string, extensions = CLIENT_EXTENSIONS, ca = clusterCa) =>
    makeOpensslLeaf(pki, ca, { name, subject, extensions });
  leaf("apiserver", "/CN=kube-apiserver", SERVER_EXTENSIONS);
  leaf("apiserver-kubelet-client", "/O=kubeadm:cluster-admins/CN=kube-apiserver-kubelet-client");
  leaf("front-proxy-client", "/CN=front-proxy-client", CLIENT_EXTENSIONS, frontProxy);
  const node = leaf("node", "/O=system:nodes/CN=system:node:old-1");
  const both = readFileSync(node.certificateFile, "utf8") + readFileSync(node.keyFile, "utf8");
  writeFileSync(join(kubelet, "kubelet-client-2026.pem"), both);
  symlinkSync("kubelet-client-2026.pem", join(kubelet, "kubelet-client-current.pem"));
  const admin = leaf("admin", "/O=system:masters/CN=kubernetes-admin");
  const user = certificateUser({
    certificatePem: readFileSync(admin.certificateFile, "utf8"),
    privateKeyPem: readFileSync(admin.keyFile, "utf8"),
  });
  const caPem = readFileSync(clusterCa.certificateFile, "utf8");
  writeFileSync(join(root, "admin.conf"), kubeconfigText("https://127.0.0.1:6443", caPem, user));
  writeFileSync(join(pki, "ca.crt"), caPem);
  writeFileSync(join(pki, "cut.crt"), caPem.slice(0, 300));
  writeFileSync(join(pki, "broken.crt"), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
  return root;
}

const command = (...args: readonly string[]) => runCommand(gatehouse.adminKubeconfig, args);
const json = async (...args: readonly string[]) => JSON.parse((await command(...args, "-o", "json")).stdout);
const names = (list: { readonly items: readonly { readonly commonName: string }[] }) =>
  list.items.map(({ commonName }) => commonName).toSorted();

test("the certificates of a cluster that kubeadm made are on record once they are imported", async () => {
  const root = kubernetesTree();
  const rehearsed = await json("certificate", "import", root, "--dry-run");
  expect(rehearsed).toMatchObject({ dryRun: true, imported: 4, known: 0, refused: 1 });
  expect(names(await json("certificate", "list", "--imported"))).toEqual([]);

  const { code, stderr } = await command("certificate", "import", root);
  expect(code).toBe(0);
  expect(stderr).toContain(
    `skipped ${join(root, "pki/broken.crt")}: holds a block CERTIFICATE that is no certificate\n`,
  );
  expect(stderr).toContain("5 certificates found, 2 of CAs left out, ");
  expect(stderr).toContain("4 imported, 0 known already, 1 refused.\n");
  expect(await json("certificate", "import", root)).toMatchObject({ imported: 0, known: 4, refused: 1 });

  const all = ["kube-apiserver", "kube-apiserver-kubelet-client", "kubernetes-admin", "system:node:old-1"];
  expect(names(await json("certificate", "list", "--imported"))).toEqual(all);
  expect(names(await json("certificate", "list", "--san", "MASTER.example"))).toEqual(["kube-apiserver"]);
  expect(names(await json("certificate", "list", "--san", "10.96.0.1"))).toEqual(["kube-apiserver"]);
  expect(await administrator.verifyLedger()).toMatchObject({ sound: true, problems: [] });
  expect(await administrator.auditEntries({ resource: "certificate", verb: "imported" })).toHaveLength(4);
  expect(gatehouse.log()).not.toContain("PRIVATE KEY");
});

test("what is risky, what is left to live, and who holds a key is known of them", async () => {
  const [admin] = (await json("certificate", "list", "--imported")).items.filter(
    ({ commonName }: { commonName: string }) => commonName === "kubernetes-admin",
  );
  const shown = await json("certificate", "show", admin.fingerprint);
  expect(shown).toMatchObject({
    details: { keyAlgorithm: "ECDSA P-256" },
    risks: [{ kind: "mightyGroup", severity: "high" }],
  });
  expect(names(await json("certificate", "list", "--key", admin.publicKeySha256))).toEqual(["kubernetes-admin"]);
  const before = new Date(Date.parse(admin.notAfter) + 1000).toISOString();
  expect(names(await json("certificate", "list", "--imported", "--expires-before", before))).toContain(
    "kubernetes-admin",
  );
  const issued = await json("certificate", "list", "--issuer", admin.issuerId);
  expect(issued.items.length).toBeGreaterThanOrEqual(4);
});

test("a node that was there before is shown with what it has", async () => {
  expect(await json("node", "show", "old-1")).toMatchObject({
    ...{ name: "old-1", state: "fresh", quarantined: false },
    holdings: [{ signerName: CLIENT, renewsItself: true }],
    certificates: [{ commonName: "system:node:old-1", importedAt: expect.any(String), renewedLate: false }],
  });
  const { stdout } = await command("node", "list", "--state", "fresh");
  expect(stdout).toMatch(/^old-1 +kubernetes\.io\/kube-apiserver-client-kubelet +fresh /m);
});

const withControlPlane = PROGRAMS === undefined ? test.skip : test;

withControlPlane("the certificates that a real control plane signed come from its requests", async () => {
  const files = join(directory, "cluster");
  mkdirSync(files);
  const programs = PROGRAMS as KubernetesPrograms;
  const apiserver = await startRealApiserver({ programs, directory: files, authority: clusterCa });
  const authorities = { kubelets: clusterCa, clients: clusterCa };
  const controller = startSigningController({ programs, directory: files, apiserver, ...authorities });
  const client = new HttpsClient(apiserver.url, apiserver.masters);
  try {
    await signedByCluster(client);
    const imported = await json(
      "certificate",
      "import",
      "--from-kubeconfig",
      join(files, "controller-manager.kubeconfig"),
    );
    expect(imported).toMatchObject({ imported: 1, refused: 0 });
    expect(imported.items[0]).toMatchObject({ source: "request live-1", nodeName: "live-1", signerName: CLIENT });
  } finally {
    client.close();
    await controller.stop();
    await apiserver.stop();
  }
  expect(await json("node", "show", "live-1")).toMatchObject({ name: "live-1", state: "fresh" });
});

/** Has the real signing controller sign a kubelet's request. */
async function signedByCluster(client: HttpsClient): Promise<void> {
  const subject = { commonName: "system:node:live-1", organizations: ["system:nodes"] };
  const spec = {
    request: buildCsr(subject).requestBase64,
    signerName: CLIENT,
    usages: ["digital signature", "client auth"],
  };
  const kind = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" };
  const created = await send(client, "POST", REQUESTS, { ...kind, metadata: { name: "live-1" }, spec });
  const condition = { type: "Approved", status: "True", reason: "Test", message: "" };
  const approved = { ...created, status: { conditions: [condition] } };
  await send(client, "PUT", `${REQUESTS}/live-1/approval`, approved);
  for (;;) {
    const { status } = await send(client, "GET", `${REQUESTS}/live-1`);
    if (status?.certificate !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function send(client: HttpsClient, method: string, path: string, body?: object) {
  const headers = { "content-type": "application/json" };
  const answer = await client.send(method, path, body === undefined ? {} : { headers, body: JSON.stringify(body) });
  return JSON.parse(answer.body.toString("utf8")) as { readonly status?: { readonly certificate?: string } };
}
