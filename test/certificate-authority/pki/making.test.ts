import { createPrivateKey, X509Certificate } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { openssl } from "../../builders/openssl.ts";
import {
  currentClock,
  currentRoot,
  everything,
  file,
  initialize,
  kubeconfig,
  kubeconfigOf,
  read,
  takeMade,
  withDirectories,
  YEAR_SECONDS,
} from "./fixture.ts";

const KUBECONFIGS = ["admin", "controller-manager", "kubelet", "scheduler", "super-admin"].map(
  (name) => `${name}.conf`,
);
const ETCD = ["ca", "healthcheck-client", "peer", "server"].map((name) => `etcd/${name}`);
const PAIRS = [
  "apiserver",
  "apiserver-etcd-client",
  "apiserver-kubelet-client",
  "ca",
  "front-proxy-ca",
  "front-proxy-client",
  ...ETCD,
];

withDirectories();

test("everything that kubeadm lays out is there, private files closed", async () => {
  const { files } = await initialize();
  expect(Object.keys(everything())).toEqual(
    [
      ...KUBECONFIGS,
      ...PAIRS.flatMap((name) => [`pki/${name}.crt`, `pki/${name}.key`]),
      ...["pki/sa.key", "pki/sa.pub"],
    ].sort(),
  );
  expect(new Set(files.map(({ action }) => action))).toEqual(new Set(["made"]));
  for (const name of Object.keys(everything())) {
    const mode = statSync(join(currentRoot(), "kubernetes", name)).mode & 0o777;
    expect([name, mode]).toEqual([name, name.endsWith(".crt") ? 0o644 : 0o600]);
  }
});

test.each(PAIRS.filter((name) => !/(^|-|\/)ca$/.test(name)))("%s is a pair of its CA, for a year", async (name) => {
  takeMade();
  const certificate = new X509Certificate(read(file(`${name}.crt`)));
  const ca = name.includes("etcd") ? "etcd/ca" : name.startsWith("front-proxy") ? "front-proxy-ca" : "ca";
  expect(openssl("verify", "-x509_strict", "-CAfile", file(`${ca}.crt`), file(`${name}.crt`))).toMatch(/: OK\n$/);
  expect(certificate.checkPrivateKey(createPrivateKey(read(file(`${name}.key`))))).toBe(true);
  expect(read(file(`${name}.key`))).toMatch(/^-----BEGIN EC PRIVATE KEY-----/);
  const now = Math.floor(currentClock().now().getTime() / 1000);
  const seconds = (text: string): number => new Date(text).getTime() / 1000;
  expect([seconds(certificate.validFrom), seconds(certificate.validTo)]).toEqual([now - 300, now + YEAR_SECONDS]);
  expect(openssl("x509", "-in", file(`${name}.crt`), "-noout", "-ext", "keyUsage")).toMatch(
    /critical\n +Digital Signature, Key Encipherment\n/,
  );
});

test("kubeconfigs embed everything and name cluster and user as kubeadm does", async () => {
  await initialize({ clusterName: "blue", controlPlaneEndpoint: "api.example" });
  const admin = kubeconfigOf("admin.conf");
  expect(admin).toMatchObject({ server: "https://api.example:6443", current: "kubernetes-admin@blue" });
  expect(admin.contexts[0].context).toEqual({ cluster: "blue", user: "kubernetes-admin" });
  expect(admin.caPem).toBe(read(file("ca.crt")));
  expect(kubeconfigOf("scheduler.conf").server).toBe("https://192.0.2.10:6443");
  for (const name of KUBECONFIGS) {
    const { certificatePem, keyPem } = kubeconfigOf(name);
    expect(new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
  }
});

test("a second run keeps everything, octet by octet, and signs nothing", async () => {
  takeMade();
  const before = everything();
  const { files } = await initialize();
  expect(everything()).toEqual(before);
  expect(new Set(files.map(({ action }) => action))).toEqual(new Set(["kept"]));
  expect(await recordedSigners()).toHaveLength(12);
});

test("what is missing is made again under the same CAs", async () => {
  takeMade();
  const before = everything();
  for (const name of ["apiserver.crt", "apiserver.key", "sa.pub", "etcd/ca.key"]) rmSync(file(name));
  rmSync(kubeconfig("admin.conf"));
  const { files } = await initialize();
  const made = files.filter(({ action }) => action === "made").map(({ name }) => name);
  expect(made.sort()).toEqual(["admin.conf", "apiserver", "etcd-ca", "sa"]);
  expect(Object.keys(everything())).toEqual(Object.keys(before));
  expect(everything()["pki/sa.pub"]).toBe(before["pki/sa.pub"]);
  expect(everything()["pki/etcd/ca.key"]).toBe(before["pki/etcd/ca.key"]);
});

test("a key that a crash left without its certificate is certified", async () => {
  takeMade();
  const key = read(file("apiserver.key"));
  rmSync(file("apiserver.crt"));
  await initialize();
  expect(read(file("apiserver.key"))).toBe(key);
  expect(new X509Certificate(read(file("apiserver.crt"))).checkPrivateKey(createPrivateKey(key))).toBe(true);
});

async function recordedSigners(): Promise<readonly string[]> {
  const logger = createLogger({ level: "silent" });
  const ledger = await openLedger({ file: join(currentRoot(), "data", "gatehouse.db"), clock: systemClock, logger });
  const { items } = await ledger.certificates.find({ limit: 1000 });
  const { problems } = await ledger.maintenance.verify();
  await ledger.close();
  expect(problems).toEqual([]);
  return items.map(({ signerName }) => signerName).sort();
}

test("every certificate is on record with its signer, and that keys of CAs left custody", async () => {
  takeMade();
  expect(await recordedSigners()).toEqual([
    "gatehouse.dev/pki-admin",
    "gatehouse.dev/pki-apiserver",
    "gatehouse.dev/pki-apiserver-etcd-client",
    "gatehouse.dev/pki-apiserver-kubelet-client",
    "gatehouse.dev/pki-controller-manager",
    "gatehouse.dev/pki-etcd-healthcheck-client",
    "gatehouse.dev/pki-etcd-peer",
    "gatehouse.dev/pki-etcd-server",
    "gatehouse.dev/pki-front-proxy-client",
    "gatehouse.dev/pki-scheduler",
    "gatehouse.dev/pki-super-admin",
    "kubernetes.io/kube-apiserver-client-kubelet",
  ]);
  expect(await exportedKeys()).toBe(3);
});

async function exportedKeys(): Promise<number> {
  const logger = createLogger({ level: "silent" });
  const ledger = await openLedger({ file: join(currentRoot(), "data", "gatehouse.db"), clock: systemClock, logger });
  const { items } = await ledger.audit.find({ noun: "issuer", verb: "keyExported", limit: 100 });
  await ledger.close();
  return items.length;
}

test("with an external CA no CA's key is written, and everything else is there", async () => {
  await initialize({ isExternal: true });
  const names = Object.keys(everything());
  expect(names.filter((name) => /(^|\/|-)ca\.key$/.test(name))).toEqual([]);
  expect(names).toHaveLength(KUBECONFIGS.length + 2 * PAIRS.length - 3 + 2);
  expect(await exportedKeys()).toBe(0);
  rmSync(file("etcd/server.crt"));
  rmSync(file("etcd/server.key"));
  await initialize({ isExternal: true });
  expect(openssl("verify", "-CAfile", file("etcd/ca.crt"), file("etcd/server.crt"))).toMatch(/: OK\n$/);
});

test("two clusters of one data directory share the cluster CA but neither etcd's nor the front proxy's", async () => {
  takeMade();
  const other = join(currentRoot(), "other", "pki");
  await initialize({ directory: other, clusterName: "green" });
  const isSame = (name: string): boolean => read(join(other, name)) === read(file(name));
  expect([isSame("ca.crt"), isSame("etcd/ca.crt"), isSame("front-proxy-ca.crt")]).toEqual([true, false, false]);
});

test("etcd elsewhere needs nothing of ours", async () => {
  await initialize({ etcd: "external" });
  expect(Object.keys(everything()).filter((name) => name.includes("etcd"))).toEqual([]);
});
