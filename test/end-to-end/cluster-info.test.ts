import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { flattenedVerify } from "jose";
import { parse } from "yaml";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { findKubectls, kubectlWith } from "./support/kubectl.ts";

jest.setTimeout(120_000);

const CLUSTER_INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info";
const SECRETS = "/api/v1/namespaces/kube-system/secrets";
const published = { keepSigningSecrets: true, publishClusterInfo: true };
let gatehouse: GatehouseProcess;
let administrator: HttpsClient;
let anonymous: HttpsClient;
beforeAll(async () => {
  gatehouse = await startGatehouse({ configuration: configurationWith({ bootstrapTokens: published }) });
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  administrator = new HttpsClient(url, credentials);
  anonymous = new HttpsClient(url, { caPem: credentials.caPem });
});
afterAll(async () => {
  administrator.close();
  anonymous.close();
  await gatehouse.remove();
});

async function addToken(id: string, secret: string, usage: string): Promise<void> {
  const stringData = { "token-id": id, "token-secret": secret, [usage]: "true" };
  const metadata = { name: `bootstrap-token-${id}` };
  const body = JSON.stringify({ metadata, type: "bootstrap.kubernetes.io/token", stringData });
  const headers = { "content-type": "application/json" };
  expect((await administrator.send("POST", SECRETS, { headers, body })).status).toBe(201);
}

async function read(): Promise<Readonly<Record<string, string>>> {
  const { status, body } = await anonymous.send("GET", CLUSTER_INFO);
  expect(status).toBe(200);
  return JSON.parse(body.toString("utf8")).data;
}

/** With another implementation than ours. */
async function verify(jws: string, kubeconfig: string, secret: string) {
  const [header = "", , signature = ""] = jws.split(".");
  const payload = Buffer.from(kubeconfig).toString("base64url");
  return flattenedVerify({ protected: header, payload, signature }, Buffer.from(secret));
}

test("anybody reads the address and the CA; each token that signs vouches for them, while it exists", async () => {
  await addToken("signer", "0123456789abcdef", "usage-bootstrap-signing");
  await addToken("logsin", "0123456789abcdef", "usage-bootstrap-authentication");
  const data = await read();
  expect(Object.keys(data).sort()).toEqual(["jws-kubeconfig-signer", "kubeconfig"]);
  const { kubeconfig = "", "jws-kubeconfig-signer": jws = "" } = data;
  expect(parse(kubeconfig).clusters).toEqual([
    {
      name: "",
      cluster: { server: gatehouse.url, "certificate-authority-data": expect.stringMatching(/^LS0tLS1CRUdJTi/) },
    },
  ]);
  const [header = ""] = jws.split(".");
  expect(Buffer.from(header, "base64url").toString()).toBe('{"alg":"HS256","kid":"signer"}');
  expect((await verify(jws, kubeconfig, "0123456789abcdef")).protectedHeader).toEqual({ alg: "HS256", kid: "signer" });
  await expect(verify(jws, `${kubeconfig} `, "0123456789abcdef")).rejects.toThrow("signature verification failed");
  await expect(verify(jws, kubeconfig, "0123456789abcdeg")).rejects.toThrow("signature verification failed");
  expect((await administrator.send("DELETE", `${SECRETS}/bootstrap-token-signer`)).status).toBe(200);
  expect(Object.keys(await read())).toEqual(["kubeconfig"]);
});

test.each([
  ["GET", "/api/v1/namespaces/kube-public/configmaps"],
  ["GET", "/api/v1/configmaps"],
  ["GET", "/api/v1/namespaces/kube-public/configmaps/other"],
  ["GET", "/api/v1/namespaces/kube-system/configmaps/cluster-info"],
  ["DELETE", CLUSTER_INFO],
  ["PUT", CLUSTER_INFO],
  ["GET", SECRETS],
  ["GET", "/api/v1/namespaces/kube-public/secrets/cluster-info"],
])("anybody may not %s %s", async (method, path) => {
  expect((await anonymous.send(method, path)).status).toBe(401);
});

test("administrators read it with kubectl and cannot change it", async () => {
  expect((await administrator.send("DELETE", CLUSTER_INFO)).status).toBe(405);
  const [binary] = findKubectls();
  if (binary === undefined) return;
  const kubectl = kubectlWith(binary, gatehouse.adminKubeconfig);
  expect(kubectl.must(["get", "configmaps", "-A"])).toMatch(/^kube-public +cluster-info +1 +/m);
  kubectl.remove();
});

test("nothing is published unless it is configured", async () => {
  const silent = await startGatehouse();
  const { url, credentials } = readKubeconfig(silent.adminKubeconfig);
  const [nobody, somebody] = [new HttpsClient(url, { caPem: credentials.caPem }), new HttpsClient(url, credentials)];
  expect((await nobody.send("GET", CLUSTER_INFO)).status).toBe(401);
  expect((await somebody.send("GET", CLUSTER_INFO)).status).toBe(404);
  nobody.close();
  somebody.close();
  await silent.remove();
});
