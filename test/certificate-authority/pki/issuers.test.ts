import { X509Certificate } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { acquireWriterLock } from "../../../services/certificate-authority/ledger/writer-lock.ts";
import { describeMlDsa } from "../../builders/ml-dsa.ts";
import { openssl } from "../../builders/openssl.ts";
import {
  currentRoot,
  DAY_SECONDS,
  everything,
  file,
  initialize,
  kubeconfigOf,
  read,
  refusal,
  takeMade,
  withDirectories,
} from "./fixture.ts";

withDirectories();

test("no certificate outlives its CA", async () => {
  const problems = await refusal({ lifetimeSeconds: 4000 * DAY_SECONDS });
  expect(problems[0]).toMatch(
    /^--lifetime \(controlPlane\.lifetimeSeconds\): .*"gatehouse-ca", which ends at .*; give at most 36(49|50)d$/,
  );
  expect(() => everything()).toThrow("ENOENT");
});

test.each([
  { option: "--key-algorithm", options: { keyAlgorithm: "ed25519" } },
  { option: "--node-name", options: { nodeName: "no_name" } },
])("$option that cannot be used is refused before anything is opened", async ({ option, options }) => {
  expect(await refusal(options)).toEqual([expect.stringContaining(option)]);
  expect(readdirSync(currentRoot())).toEqual([]);
});

function configure(configuration: object): { readonly configFile: string } {
  const configFile = join(currentRoot(), "gatehouse.yaml");
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

describeMlDsa("with a CA that Kubernetes cannot verify", () => {
  const keyPolicy = { mlDsa: ["ML-DSA-65"] };
  test.each([
    { name: "the issuer", configuration: { issuer: { keyAlgorithm: "ml-dsa-65" } } },
    {
      name: "its root",
      configuration: {
        issuer: { parent: "root" },
        issuers: [{ name: "root", commonName: "root", keyAlgorithm: "ml-dsa-65" }],
      },
    },
  ])("nothing is made: $name is of ML-DSA", async ({ configuration }) => {
    const options = { ...configure({ keyPolicy, ...configuration }), isExternal: true };
    expect(await refusal(options)).toEqual([
      expect.stringMatching(/a key of ml-dsa-65, which Kubernetes up to 1\.36 cannot/),
    ]);
    expect(() => everything()).toThrow("ENOENT");
  });
});

test("names outside the CA's name constraints are refused by name", async () => {
  const options = configure({ issuer: { nameConstraints: { permitted: { dnsNames: ["example"] }, excluded: {} } } });
  expect(await refusal(options)).toEqual([expect.stringMatching(/^apiserver: .*"cp-1".*outside the permitted/)]);
});

test("a server that has the data directory keeps us out", async () => {
  takeMade();
  const lock = acquireWriterLock(join(currentRoot(), "data", "gatehouse.db"));
  await expect(initialize()).rejects.toThrow(/gatehouse\.db is in use by another Gatehouse process/);
  lock.release();
});
