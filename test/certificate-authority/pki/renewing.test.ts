import { chmodSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { checkPki } from "../../../services/certificate-authority/pki.ts";
import {
  change,
  currentClock,
  currentRoot,
  DAY_SECONDS,
  everything,
  file,
  initialize,
  kubeconfig,
  kubeconfigOf,
  read,
  refusal,
  takeMade,
  withDirectories,
  YEAR_SECONDS,
} from "./fixture.ts";

withDirectories();

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
  for (const path of [kubeconfig("admin.conf"), file("ca.key"), file("sa.key")]) chmodSync(path, 0o640);
  const { notices } = await initialize();
  expect(notices).toEqual([
    expect.stringContaining("admin.conf names the server https://vip:6443, not https://192.0.2.10:6443"),
    expect.stringContaining(`chmod 600 ${kubeconfig("admin.conf")}`),
    expect.stringContaining(`chmod 600 ${file("ca.key")}`),
    expect.stringContaining(`chmod 600 ${file("sa.key")}`),
  ]);
  await initialize({ isRenewing: true, renewBeforeSeconds: 400 * DAY_SECONDS });
  expect(kubeconfigOf("admin.conf").server).toBe("https://vip:6443");
  expect(parse(read(kubeconfig("admin.conf"))).extensions).toHaveLength(1);
});

test("a kubelet that has taken its kubeconfig over keeps it", async () => {
  takeMade();
  const pem = join(currentRoot(), "kubelet-client-current.pem");
  const { certificatePem, keyPem } = kubeconfigOf("kubelet.conf");
  writeFileSync(pem, certificatePem + keyPem, { mode: 0o600 });
  const user = { "client-certificate": pem, "client-key": pem };
  change("kubelet.conf", (config) => ({ ...config, users: [{ name: config.users[0]?.name, user }] }));
  const before = read(kubeconfig("kubelet.conf"));
  currentClock().set(new Date(currentClock().now().getTime() + 2 * YEAR_SECONDS * 1000));
  await initialize({ isRenewing: true });
  expect(read(kubeconfig("kubelet.conf"))).toBe(before);
});

test("renewing replaces what has a third of its life left, with new keys, and nothing else", async () => {
  takeMade();
  rmSync(file("front-proxy-client.crt"));
  rmSync(file("front-proxy-client.key"));
  const before = everything();
  currentClock().set(new Date(currentClock().now().getTime() + 250 * DAY_SECONDS * 1000));
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
  currentClock().set(new Date(currentClock().now().getTime() + 366 * DAY_SECONDS * 1000));
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

test("expiry is told as kubeadm tells it", async () => {
  await initialize({ isExternal: true });
  rmSync(kubeconfig("super-admin.conf"));
  const now = Math.floor(currentClock().now().getTime() / 1000);
  currentClock().set(new Date(now * 1000));
  const found = await checkPki(file(""), "local", currentClock());
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
  await expect(checkPki(file(""), "local", currentClock())).rejects.toThrow(/apiserver\.crt holds no certificate/);
});
