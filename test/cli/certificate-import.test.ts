import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { buildIssuer } from "../builders/issuer.ts";
import { certificateUser, kubeconfigText } from "../builders/kubeconfig.ts";
import { buildLeafCertificate } from "../builders/leaf-certificate.ts";
import { certificateRecord } from "../builders/records.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity } from "../builders/tls-identity.ts";
import { startAdminServer } from "./admin-server.ts";
import { startListener } from "./fixture.ts";

const ISSUER = buildIssuer();
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const KEY_PEM = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.importing.calls.length = 0;
});

const leaf = (commonName: string, day = 1) =>
  buildLeafCertificate({
    ...{ issuer: ISSUER, commonName, organization: "system:nodes", key: privateKey },
    notBefore: new Date(Date.UTC(2026, 0, day)),
    notAfter: new Date("2026-12-31T00:00:00Z"),
  });
const handedIn = () => server.importing.calls.flatMap(({ items }) => items);
const block = (pem: string) => /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n/.exec(pem)?.[0];

/** As kubeadm and a kubelet leave them. */
function kubernetesTree() {
  const root = temporaryDirectory();
  for (const directory of ["pki/etcd", "kubelet"]) mkdirSync(join(root, directory), { recursive: true });
  const files = {
    apiserver: leaf("kube-apiserver", 3),
    kubelet: leaf("system:node:node-1", 2),
    admin: leaf("admin", 1),
  };
  writeFileSync(join(root, "pki/ca.crt"), ISSUER.certificatePem);
  writeFileSync(join(root, "pki/ca.key"), KEY_PEM);
  writeFileSync(join(root, "pki/sa.pub"), "public");
  writeFileSync(join(root, "pki/apiserver.crt"), files.apiserver);
  writeFileSync(join(root, "pki/etcd/broken.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  writeFileSync(join(root, "kubelet/kubelet-client-1.pem"), files.kubelet + KEY_PEM);
  symlinkSync("kubelet-client-1.pem", join(root, "kubelet/kubelet-client-current.pem"));
  symlinkSync("nowhere", join(root, "kubelet/dangling.pem"));
  const embedded = (pem: string) => Buffer.from(pem).toString("base64");
  const user = `    client-certificate-data: ${embedded(files.admin)}\n    client-key-data: ${embedded(KEY_PEM)}\n`;
  writeFileSync(join(root, "admin.conf"), `users:\n- name: admin\n  user:\n${user}`);
  return { root, ...files };
}

test("a tree of Kubernetes is read: each certificate once, the oldest first, and no key leaves it", async () => {
  const { root, apiserver, kubelet, admin } = kubernetesTree();
  server.importing.outcomeOf = () => ({ kind: "imported", record: certificateRecord() });
  const { code, stdout, stderr } = await server.command(["certificate", "import", root]);
  expect(code).toBe(0);
  expect(handedIn().map(({ certificatePem }) => certificatePem)).toEqual([admin, kubelet, apiserver].map(block));
  expect(JSON.stringify(handedIn())).not.toContain("PRIVATE");
  expect(stderr.split("\n")).toEqual([
    expect.stringContaining(`skipped ${join(root, "kubelet/dangling.pem")}: ENOENT`),
    `skipped ${join(root, "pki/etcd/broken.crt")}: holds a block CERTIFICATE that is no certificate`,
    "3 certificates found, 1 of CAs left out, 2 files without any, 2 problems.",
    "3 imported, 0 known already, 0 refused.",
    "",
  ]);
  expect(stdout.split("\n")[1]).toMatch(/admin\.conf +imported +0a1b2c +system:node:node-1 +kubernetes\.io\//);
});

test("what is refused is told with the reason, and the server's counts", async () => {
  const { root } = kubernetesTree();
  server.importing.outcomeOf = () => ({ kind: "refused", reason: "unknownIssuer", message: "nobody signed it" });
  const { code, stdout, stderr } = await server.command(["certificate", "import", join(root, "admin.conf")]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr:
      "1 certificates found, 0 of CAs left out, 0 files without any, 0 problems.\n" +
      "0 imported, 0 known already, 1 refused.\n",
  });
  expect(stdout).toContain("nobody signed it");
});

test("a kubeconfig in JSON, on one line with its key, gives its certificate and nothing else", async () => {
  const pem = leaf("someone");
  const user = certificateUser({ certificatePem: pem, privateKeyPem: KEY_PEM });
  const file = join(temporaryDirectory(), "kubeconfig");
  writeFileSync(file, kubeconfigText("https://127.0.0.1", ISSUER.certificatePem, user));
  await server.command(["certificate", "import", file]);
  expect(handedIn().map(({ certificatePem }) => certificatePem)).toEqual([block(pem)]);
});

test("a dry run and a signer are passed on, and JSON has everything", async () => {
  const { root } = kubernetesTree();
  server.importing.outcomeOf = () => ({ kind: "known", record: certificateRecord() });
  const args = ["--dry-run", "--signer", "example.org/a", "-o", "json"];
  const { stdout } = await server.command(["certificate", "import", join(root, "admin.conf"), ...args]);
  expect(server.importing.calls).toMatchObject([{ dryRun: true, items: [{ signerName: "example.org/a" }] }]);
  expect(JSON.parse(stdout)).toMatchObject({ kind: "CertificateImportOutcome", dryRun: true, known: 1 });
});

test("certificates of an API server's requests come with their signers, over all pages", async () => {
  const request = (name: string, certificate?: string) => ({
    metadata: { name },
    spec: { signerName: "kubernetes.io/kubelet-serving" },
    status: certificate === undefined ? {} : { certificate: Buffer.from(certificate).toString("base64") },
  });
  const pages = [
    { metadata: { continue: "more" }, items: [request("pending"), request("one", leaf("system:node:a", 2))] },
    { metadata: { continue: "" }, items: [request("two", leaf("system:node:b", 1))] },
  ];
  const cluster = await startListener(await buildTlsIdentity(), ({ url }, response) => {
    const page = url?.includes("continue=more") ? pages[1] : pages[0];
    response.end(JSON.stringify({ apiVersion: "certificates.k8s.io/v1", kind: "List", ...page }));
  });
  const { code, stderr } = await server.command(["certificate", "import", "--from-kubeconfig", cluster.kubeconfig]);
  await cluster.close();
  expect(code).toBe(0);
  expect(stderr).toContain("2 certificates found");
  expect(handedIn()).toMatchObject([
    { signerName: "kubernetes.io/kubelet-serving" },
    { signerName: "kubernetes.io/kubelet-serving" },
  ]);
});

test("many are sent a few hundred at a time", async () => {
  const directory = temporaryDirectory();
  const pems = Array.from({ length: 201 }, (_, index) => leaf(`system:node:n${index}`));
  writeFileSync(join(directory, "all.pem"), pems.join(""));
  server.importing.outcomeOf = () => ({ kind: "imported", record: certificateRecord() });
  const { stderr } = await server.command(["certificate", "import", directory]);
  expect(server.importing.calls.map(({ items }) => items.length)).toEqual([200, 1]);
  expect(stderr).toContain("201 imported, 0 known already, 0 refused.\n");
});

test.each([
  { name: "nothing", args: () => [], code: 2, stderr: "error: nothing to import\nGive paths, or --from-kubeconfig.\n" },
  {
    name: "a path that is not there",
    args: () => ["/nowhere/at/all"],
    code: 0,
    stderr: expect.stringContaining("skipped /nowhere/at/all: ENOENT"),
  },
  {
    name: "a file that is too large",
    args: () => {
      const file = join(temporaryDirectory(), "large.crt");
      writeFileSync(file, Buffer.alloc(1024 * 1024 + 1));
      return [file];
    },
    code: 0,
    stderr: expect.stringContaining("has 1048577 octets, more than 1048576"),
  },
])("import of $name", async ({ args, code, stderr }) => {
  expect(await server.command(["certificate", "import", ...args()])).toEqual({ code, stdout: "", stderr });
  expect(server.importing.calls).toEqual([]);
});
