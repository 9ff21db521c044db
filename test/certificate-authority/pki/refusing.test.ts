import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { buildIssuer } from "../../builders/issuer.ts";
import {
  change,
  everything,
  file,
  type KubeconfigText,
  kubeconfig,
  read,
  refusal,
  takeMade,
  withDirectories,
} from "./fixture.ts";

withDirectories();

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
