import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { chmodSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, test } from "@jest/globals";
import { parse, stringify } from "yaml";
import { PkiError } from "../../services/certificate-authority/control-plane/pki-error.ts";
import { openLedger } from "../../services/certificate-authority/ledger/ledger.ts";
import { acquireWriterLock } from "../../services/certificate-authority/ledger/writer-lock.ts";
import { checkPki, initializePki, type PkiOptions } from "../../services/certificate-authority/pki.ts";
import { systemClock } from "../../services/shared/clock.ts";
import { createLogger } from "../../services/shared/logging.ts";
import { controlPlaneSettings } from "../builders/control-plane.ts";
import { buildIssuer } from "../builders/issuer.ts";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { SettableClock } from "../fakes/settable-clock.ts";

const DAY_SECONDS = 86_400;
const YEAR_SECONDS = 365 * DAY_SECONDS;
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

const START = new Date();
let root: string;
let clock: SettableClock;
/** What one run on an empty directory leaves. */
let made: string;

beforeAll(async () => {
  begin();
  await initialize();
  made = root;
});
beforeEach(begin);

function begin(): void {
  root = temporaryDirectory();
  clock = new SettableClock(START);
}

/** Goes on from what a run on an empty directory left. */
function takeMade(): void {
  cpSync(made, root, { recursive: true });
}

const file = (name: string): string => join(root, "kubernetes", "pki", name);
const kubeconfig = (name: string): string => join(root, "kubernetes", name);
const read = (path: string): string => readFileSync(path, "utf8");

function initialize(options: Partial<PkiOptions> = {}) {
  const { nodeName, ...settings } = controlPlaneSettings();
  const wish = { keyAlgorithm: "ecdsa-p256", lifetimeSeconds: YEAR_SECONDS, renewBeforeSeconds: undefined };
  return initializePki(
    {
      ...{ ...settings, ...wish, nodeName, isExternal: false, isRenewing: false },
      directory: join(root, "kubernetes", "pki"),
      dataDirectory: join(root, "data"),
      ...options,
    },
    clock,
  );
}

async function refusal(options: Partial<PkiOptions> = {}): Promise<readonly string[]> {
  const error = await initialize(options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof PkiError) return error.problems;
  throw error ?? new Error("it was not refused");
}

/** Every file with its content: what must not change. */
function everything(): Readonly<Record<string, string>> {
  const names = readdirSync(join(root, "kubernetes"), { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => statSync(join(root, "kubernetes", name)).isFile());
  return Object.fromEntries(files.map((name) => [name, read(join(root, "kubernetes", name))]));
}

function kubeconfigOf(name: string) {
  const { clusters, users, contexts, "current-context": current } = parse(read(kubeconfig(name)));
  const { "client-certificate-data": certificate, "client-key-data": key } = users[0].user;
  const decode = (text: string): string => Buffer.from(text, "base64").toString();
  const { server, "certificate-authority-data": ca } = clusters[0].cluster;
  return { server, current, contexts, caPem: decode(ca), certificatePem: decode(certificate), keyPem: decode(key) };
}

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
    const mode = statSync(join(root, "kubernetes", name)).mode & 0o777;
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
  const now = Math.floor(clock.now().getTime() / 1000);
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
  const ledger = await openLedger({ file: join(root, "data", "gatehouse.db"), clock: systemClock, logger });
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
  const ledger = await openLedger({ file: join(root, "data", "gatehouse.db"), clock: systemClock, logger });
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
  const other = join(root, "other", "pki");
  await initialize({ directory: other, clusterName: "green" });
  const isSame = (name: string): boolean => read(join(other, name)) === read(file(name));
  expect([isSame("ca.crt"), isSame("etcd/ca.crt"), isSame("front-proxy-ca.crt")]).toEqual([true, false, false]);
});

test("etcd elsewhere needs nothing of ours", async () => {
  await initialize({ etcd: "external" });
  expect(Object.keys(everything()).filter((name) => name.includes("etcd"))).toEqual([]);
});

const stranger = buildIssuer("ecdsa-p256", { commonName: "stranger" });
const strangersKey = stranger.privateKey.export({ format: "pem", type: "sec1" }) as string;
const weakKey = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ format: "pem", type: "pkcs1" });
const encryptedKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
  ...{ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "secret" },
});

test.each([
  {
    name: "a certificate without its key",
    spoil: () => rmSync(file("apiserver.key")),
    problem: /apiserver\.crt is there without .*apiserver\.key/,
  },
  {
    name: "a certificate that is none",
    spoil: () => writeFileSync(file("apiserver.crt"), "nonsense"),
    problem: /apiserver\.crt holds no certificate/,
  },
  {
    name: "a certificate of another CA",
    spoil: () => {
      writeFileSync(file("apiserver.crt"), stranger.certificatePem);
      writeFileSync(file("apiserver.key"), strangersKey);
    },
    problem: /apiserver\.crt was not signed by "gatehouse-ca"/,
  },
  {
    name: "a key that is another's",
    spoil: () => writeFileSync(file("apiserver.key"), strangersKey),
    problem: /apiserver\.crt is not about the key beside it/,
  },
  {
    name: "a key under a passphrase",
    spoil: () => writeFileSync(file("apiserver.key"), encryptedKey),
    problem: /apiserver\.crt has a key that is under a passphrase/,
  },
  {
    name: "a weak key that waits for its certificate",
    spoil: () => {
      rmSync(file("etcd/peer.crt"));
      writeFileSync(file("etcd/peer.key"), weakKey);
    },
    problem: /peer\.key is an RSA key of 1024 bits/,
  },
  {
    name: "another certificate's pair",
    spoil: () => {
      for (const end of ["crt", "key"])
        writeFileSync(file(`etcd/peer.${end}`), read(file(`apiserver-etcd-client.${end}`)));
    },
    problem: /peer\.crt is for kube-apiserver-etcd-client of no group, not for cp-1 of no group/,
  },
  {
    name: "a CA's pair in a leaf's place",
    spoil: () => {
      for (const end of ["crt", "key"]) writeFileSync(file(`apiserver.${end}`), read(file(`ca.${end}`)));
    },
    problem: /apiserver\.crt is a CA's/,
  },
  {
    name: "another CA",
    spoil: () => writeFileSync(file("front-proxy-ca.crt"), stranger.certificatePem),
    problem: /front-proxy-ca\.crt is not the CA of this data directory/,
  },
  {
    name: "another CA's key",
    spoil: () => writeFileSync(file("ca.key"), strangersKey),
    problem: /ca\.key is not the key of .*ca\.crt/,
  },
  {
    name: "a public key of other tokens",
    spoil: () => writeFileSync(file("sa.pub"), createPublicKey(strangersKey).export({ format: "pem", type: "spki" })),
    problem: /sa\.pub is not the public half of .*sa\.key/,
  },
  {
    name: "a public key without the private one",
    spoil: () => rmSync(file("sa.key")),
    problem: /sa\.pub is there without .*sa\.key/,
  },
  {
    name: "a kubeconfig that is none",
    spoil: () => writeFileSync(kubeconfig("admin.conf"), "kind: [Config"),
    problem: /admin\.conf is not valid YAML/,
  },
  {
    name: "a kubeconfig of another cluster",
    spoil: () => change("admin.conf", (config) => setCa(config, stranger.certificatePem)),
    problem: /admin\.conf does not trust the CA of this control plane/,
  },
  {
    name: "a kubeconfig without a client certificate",
    spoil: () =>
      change("admin.conf", (config) => ({ ...config, users: [{ name: "kubernetes-admin", user: { token: "t" } }] })),
    problem: /admin\.conf has no client certificate/,
  },
  {
    name: "somebody else's kubeconfig",
    spoil: () => renameSync(kubeconfig("scheduler.conf"), kubeconfig("admin.conf")),
    problem: /admin\.conf is for system:kube-scheduler of no group, not for kubernetes-admin of kubeadm:cluster-admins/,
  },
])("$name is refused by name, and nothing is changed", async ({ spoil, problem }) => {
  takeMade();
  rmSync(file("apiserver-kubelet-client.crt"));
  spoil();
  const before = everything();
  expect(await refusal({ isRenewing: true })).toEqual([expect.stringMatching(problem)]);
  expect(everything()).toEqual(before);
});

interface KubeconfigText {
  clusters: { name: string; cluster: Record<string, string> }[];
  users: { name: string; user: Record<string, string> }[];
}

function change(name: string, edit: (config: KubeconfigText) => object): void {
  writeFileSync(kubeconfig(name), stringify(edit(parse(read(kubeconfig(name))))));
}

function setCa(config: KubeconfigText, pem: string): object {
  const data = Buffer.from(pem).toString("base64");
  const clusters = config.clusters.map(({ name, cluster }) => {
    return { name, cluster: { ...cluster, "certificate-authority-data": data } };
  });
  return { ...config, clusters };
}

test("all problems are told at once", async () => {
  takeMade();
  rmSync(file("apiserver.key"));
  rmSync(file("sa.key"));
  expect(await refusal({ isExternal: true })).toEqual([
    ...["ca.key", "front-proxy-ca.key", "etcd/ca.key"].map((name) => expect.stringContaining(`remove ${file(name)}`)),
    expect.stringContaining("apiserver.crt is there without"),
    expect.stringContaining("sa.pub is there without"),
  ]);
});

test("what an administrator changed in a kubeconfig is kept and told", async () => {
  takeMade();
  change("admin.conf", (config) => ({
    ...config,
    clusters: config.clusters.map(({ name, cluster }) => ({
      name,
      cluster: { ...cluster, server: "https://vip:6443" },
    })),
    extensions: [{ name: "mine", extension: {} }],
  }));
  chmodSync(kubeconfig("admin.conf"), 0o640);
  const { notices } = await initialize();
  expect(notices).toEqual([
    expect.stringContaining("admin.conf names the server https://vip:6443, not https://192.0.2.10:6443"),
    expect.stringContaining(`chmod 600 ${kubeconfig("admin.conf")}`),
  ]);
  await initialize({ isRenewing: true, renewBeforeSeconds: 400 * DAY_SECONDS });
  expect(kubeconfigOf("admin.conf").server).toBe("https://vip:6443");
  expect(parse(read(kubeconfig("admin.conf"))).extensions).toHaveLength(1);
});

test("a kubelet that has taken its kubeconfig over keeps it", async () => {
  takeMade();
  const pem = join(root, "kubelet-client-current.pem");
  const { certificatePem, keyPem } = kubeconfigOf("kubelet.conf");
  writeFileSync(pem, certificatePem + keyPem, { mode: 0o600 });
  const user = { "client-certificate": pem, "client-key": pem };
  change("kubelet.conf", (config) => ({ ...config, users: [{ name: config.users[0]?.name, user }] }));
  const before = read(kubeconfig("kubelet.conf"));
  clock.set(new Date(clock.now().getTime() + 2 * YEAR_SECONDS * 1000));
  await initialize({ isRenewing: true });
  expect(read(kubeconfig("kubelet.conf"))).toBe(before);
});

test("renewing replaces what has a third of its life left, with new keys, and nothing else", async () => {
  takeMade();
  rmSync(file("front-proxy-client.crt"));
  rmSync(file("front-proxy-client.key"));
  const before = everything();
  clock.set(new Date(clock.now().getTime() + 250 * DAY_SECONDS * 1000));
  const later = await initialize({ isRenewing: true });
  const actions = Object.fromEntries(later.files.map(({ name, action }) => [name, action]));
  expect(actions).toEqual({
    ...{ ca: "kept", "front-proxy-ca": "kept", "etcd-ca": "kept", sa: "kept", "kubelet.conf": "kept" },
    "front-proxy-client": "made",
    ...Object.fromEntries(
      ["apiserver", "apiserver-kubelet-client", "apiserver-etcd-client", "etcd-server", "etcd-peer"]
        .concat([
          "etcd-healthcheck-client",
          "admin.conf",
          "super-admin.conf",
          "controller-manager.conf",
          "scheduler.conf",
        ])
        .map((name) => [name, "renewed"]),
    ),
  });
  expect(everything()["pki/apiserver.key"]).not.toBe(before["pki/apiserver.key"]);
  expect(everything()["pki/apiserver.crt"]).not.toBe(before["pki/apiserver.crt"]);
  expect(Object.keys(everything()).filter((name) => name.includes("renewed"))).toEqual([]);
  const again = await initialize({ isRenewing: true });
  expect(new Set(again.files.map(({ action }) => action))).toEqual(new Set(["kept"]));
});

test("expired certificates are refused with the way out, and renewed when that is asked for", async () => {
  takeMade();
  clock.set(new Date(clock.now().getTime() + 366 * DAY_SECONDS * 1000));
  const problems = await refusal();
  expect(problems).toHaveLength(12);
  expect(problems[0]).toMatch(/apiserver\.crt expired at .*; replace it with --renew/);
  await initialize({ isRenewing: true });
  expect((await initialize()).files.every(({ action }) => action === "kept")).toBe(true);
});

test("a name that is asked for later is refused with the way out, and added by a renewal", async () => {
  takeMade();
  const extraNames = ["api.example", "203.0.113.7"];
  expect(await refusal({ extraNames })).toEqual([
    expect.stringMatching(/apiserver\.crt does not name api\.example, 203\.0\.113\.7; replace it with --renew/),
  ]);
  const { files } = await initialize({ extraNames, isRenewing: true });
  expect(files.filter(({ action }) => action === "renewed").map(({ name }) => name)).toEqual(["apiserver"]);
});

test.each([
  { crash: "before the key was replaced", withKey: false },
  { crash: "after the key was replaced", withKey: true },
])("a renewal that stopped $crash is undone or finished", async ({ withKey }) => {
  takeMade();
  const old = read(file("apiserver.crt"));
  await initialize({ isRenewing: true, renewBeforeSeconds: 400 * DAY_SECONDS });
  const renewed = read(file("apiserver.crt"));
  const oldKeyFits = !withKey;
  if (oldKeyFits) writeFileSync(file("apiserver.crt.renewed"), old);
  else {
    writeFileSync(file("apiserver.crt.renewed"), renewed);
    writeFileSync(file("apiserver.crt"), old);
  }
  const { files } = await initialize();
  expect(files.every(({ action }) => action === "kept")).toBe(true);
  expect(read(file("apiserver.crt"))).toBe(renewed);
  expect(readdirSync(file("")).filter((name) => name.includes("renewed"))).toEqual([]);
});

test("no certificate outlives its CA", async () => {
  const problems = await refusal({ lifetimeSeconds: 4000 * DAY_SECONDS });
  expect(problems[0]).toMatch(/^--lifetime: .*"gatehouse-ca", which ends at .*; give at most 36(49|50)d$/);
  expect(() => everything()).toThrow("ENOENT");
});

test.each([
  { option: "--key-algorithm", options: { keyAlgorithm: "ed25519" } },
  { option: "--node-name", options: { nodeName: "no_name" } },
])("$option that cannot be used is refused before anything is opened", async ({ option, options }) => {
  expect(await refusal(options)).toEqual([expect.stringContaining(option)]);
  expect(readdirSync(root)).toEqual([]);
});

function configure(configuration: object): { readonly configFile: string } {
  const configFile = join(root, "gatehouse.yaml");
  const head = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
  writeFileSync(configFile, stringify({ ...head, ...configuration }));
  return { configFile };
}

const UNDER_ROOT = { issuers: [{ name: "root", commonName: "root" }], issuer: { parent: "root" } };

test("an intermediate stays in custody: ca.crt is the root, and certificates bring what is between", async () => {
  const options = configure(UNDER_ROOT);
  expect(await refusal(options)).toEqual([expect.stringMatching(/"gatehouse-ca" is an intermediate.*--external-ca/)]);
  await initialize({ ...options, isExternal: true });
  expect(new X509Certificate(read(file("ca.crt"))).subject).toBe("CN=root");
  const apiserver = read(file("apiserver.crt"));
  expect(apiserver.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect(kubeconfigOf("admin.conf").certificatePem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect(
    openssl("verify", "-CAfile", file("ca.crt"), "-untrusted", file("apiserver.crt"), file("apiserver.crt")),
  ).toMatch(/: OK\n$/);
  expect((await initialize({ ...options, isExternal: true })).files.every(({ action }) => action === "kept")).toBe(
    true,
  );
  writeFileSync(file("apiserver.crt"), apiserver.slice(0, apiserver.indexOf("-----BEGIN", 10)));
  expect(await refusal({ ...options, isExternal: true })).toEqual([expect.stringContaining("lacks the CAs above it")]);
});

test("a control plane cannot trust kubelets of two roots", async () => {
  const signers = [{ signerName: "kubernetes.io/kubelet-serving", issuer: "other" }];
  const options = configure({ issuers: [{ name: "other", commonName: "other" }], signers });
  expect(await refusal(options)).toEqual([expect.stringContaining("have different roots")]);
});

test("a CA of a kind that kubeadm does not take stays in custody", async () => {
  const options = configure({ issuer: { keyAlgorithm: "ed25519" } });
  expect(await refusal(options)).toEqual([expect.stringMatching(/\(ed25519\).*--external-ca/)]);
  expect(() => everything()).toThrow("ENOENT");
  await initialize({ ...options, isExternal: true });
  expect(openssl("verify", "-CAfile", file("ca.crt"), file("apiserver.crt"))).toMatch(/: OK\n$/);
});

test("names outside the CA's name constraints are refused by name", async () => {
  const options = configure({ issuer: { nameConstraints: { permitted: { dnsNames: ["example"] }, excluded: {} } } });
  expect(await refusal(options)).toEqual([expect.stringMatching(/^apiserver: .*"cp-1".*outside the permitted/)]);
});

test("a server that has the data directory keeps us out", async () => {
  takeMade();
  const lock = acquireWriterLock(join(root, "data", "gatehouse.db"));
  await expect(initialize()).rejects.toThrow(/gatehouse\.db is in use by another Gatehouse process/);
  lock.release();
});

test("expiry is told as kubeadm tells it", async () => {
  await initialize({ isExternal: true });
  rmSync(kubeconfig("super-admin.conf"));
  const now = Math.floor(clock.now().getTime() / 1000);
  clock.set(new Date(now * 1000));
  const found = await checkPki(file(""), "local", clock);
  expect(found.certificates.map(({ name }) => name)).toEqual([
    ...["admin.conf", "apiserver", "apiserver-etcd-client", "apiserver-kubelet-client", "controller-manager.conf"],
    ...[
      "etcd-healthcheck-client",
      "etcd-peer",
      "etcd-server",
      "front-proxy-client",
      "scheduler.conf",
      "super-admin.conf",
    ],
  ]);
  expect(found.certificates.find(({ name }) => name === "etcd-peer")).toEqual({
    ...{ name: "etcd-peer", authority: "etcd-ca", isExternallyManaged: true, isMissing: false },
    notAfter: new Date((now + YEAR_SECONDS) * 1000),
    residualSeconds: YEAR_SECONDS,
  });
  expect(found.certificates.filter(({ isMissing }) => isMissing).map(({ name }) => name)).toEqual(["super-admin.conf"]);
  expect(found.authorities.map(({ name }) => name)).toEqual(["ca", "etcd-ca", "front-proxy-ca"]);
  writeFileSync(file("apiserver.crt"), "nonsense");
  await expect(checkPki(file(""), "local", clock)).rejects.toThrow(/apiserver\.crt holds no certificate/);
});
