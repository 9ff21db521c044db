import { X509Certificate } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { parseAllDocuments, stringify } from "yaml";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { type BackgroundProcess, startBackground, waitUntil } from "./support/background-process.ts";
import { makeClient } from "./support/client-certificates.ts";
import { COMMAND_ENTRY, runCommand } from "./support/gatehouse-command.ts";
import { type Answer, type Credentials, HttpsClient } from "./support/https-client.ts";
import { makeAuthority } from "./support/openssl-authority.ts";
import { findControlPlane, freePorts, type RealApiserver, startRealApiserver } from "./support/real-apiserver.ts";

jest.setTimeout(180_000);

const programs = findControlPlane();
/** A machine without a control plane has nothing to show here; its run says so as skipped tests. */
const describeWhere = programs === undefined ? describe.skip : describe;

/** Until an event has come through the watch, or a file was read again. */
const PATIENCE_MILLISECONDS = 20_000;

describeWhere.each([{ mode: "veto" }, { mode: "full" }] as const)("a kube-apiserver behind mode $mode", ({ mode }) => {
  const directory = temporaryDirectory();
  const manifestDirectory = join(directory, "manifests");
  const revocations = join(directory, "revocations.txt");
  let apiserver: RealApiserver;
  let authorizer: BackgroundProcess;
  let masters: HttpsClient;
  const clients: HttpsClient[] = [];
  let nodes: Readonly<Record<"n1" | "n2", { readonly client: HttpsClient; readonly fingerprint: string }>>;

  beforeAll(async () => {
    const authority = makeAuthority(directory, { commonName: "cluster", kind: "ecdsa-p384" });
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const wanted = ["--output", manifestDirectory, "--url", `https://${address}`, "--mode", mode];
    const written = await runCommand("", ["node-authorizer", "manifests", ...wanted]);
    expect(written.code).toBe(0);
    const inManifests = (name: string) => join(manifestDirectory, name);
    apiserver = await startRealApiserver({
      programs: programs ?? { etcd: "", "kube-apiserver": "", "kube-controller-manager": "" },
      directory: mkdtempSync(join(directory, "control-plane-")),
      authority,
      guards: [
        `--authorization-config=${inManifests("authorization-configuration.yaml")}`,
        `--admission-control-config-file=${inManifests("admission-configuration.yaml")}`,
        ...(mode === "veto" ? ["--enable-admission-plugins=NodeRestriction"] : []),
      ],
    });
    const caPem = readFileSync(authority.certificateFile, "utf8");
    masters = new HttpsClient(apiserver.url, apiserver.masters);
    const clientOf = (name: string, subject: string) => {
      const credentials = { caPem, ...makeClient(directory, authority, name, subject) };
      const client = new HttpsClient(apiserver.url, credentials);
      clients.push(client);
      const fingerprint = new X509Certificate(credentials.certificatePem).fingerprint256;
      return { client, credentials, fingerprint };
    };
    const user = clientOf("authorizer", "/CN=gatehouse-node-authorizer");
    const kubeconfig = join(directory, "authorizer.kubeconfig");
    writeFileSync(kubeconfig, kubeconfigOf(apiserver.url, user.credentials));
    writeFileSync(revocations, "# nobody yet\n");
    authorizer = startBackground(process.execPath, [
      ...[COMMAND_ENTRY, "node-authorizer", "--mode", mode, "--listen", address, "--kubeconfig", kubeconfig],
      ...["--tls-certificate", inManifests("serving.crt"), "--tls-key", inManifests("serving.key")],
      ...["--client-ca", inManifests("ca.crt"), "--allowed-client", "kube-apiserver"],
      ...["--revocations", revocations],
    ]);
    for (const name of ["rbac", "validating-webhook-configuration", "mutating-webhook-configuration"]) {
      const documents = parseAllDocuments(readFileSync(inManifests(`${name}.yaml`), "utf8"));
      for (const document of documents) await create(document.toJS());
    }
    const [n1, n2] = ["n1", "n2"].map((name) => clientOf(name, `/O=system:nodes/CN=system:node:${name}`));
    if (n1 === undefined || n2 === undefined) throw new Error("no nodes");
    nodes = { n1, n2 };
    await fillCluster();
    const probe = new HttpsClient(`https://${address}`, { caPem: readFileSync(inManifests("ca.crt"), "utf8") });
    clients.push(probe);
    await waitUntil("readiness of the node-authorizer", authorizer, async () => {
      return (await probe.send("GET", "/readyz")).status === 200;
    });
  });
  afterAll(async () => {
    for (const client of [masters, ...clients]) client?.close();
    await authorizer?.stop();
    await apiserver?.stop();
  });

  async function create(object: ApiObject): Promise<void> {
    const { status, body } = await post(masters, object);
    if (status !== 201) throw new Error(`${object.kind}: ${status} ${body.toString()}`);
  }

  function post(client: HttpsClient, object: ApiObject) {
    const { apiVersion, kind, metadata } = object;
    const base = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
    const scope = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
    const headers = { "content-type": "application/json" };
    return client.send("POST", `${base}${scope}/${PLURALS[kind]}`, { headers, body: JSON.stringify(object) });
  }

  async function fillCluster(): Promise<void> {
    await create(core("Namespace", { name: "shop" }));
    await create(core("ServiceAccount", { name: "default", namespace: "shop" }));
    for (const name of ["database", "other"]) {
      await create({ ...core("Secret", { name, namespace: "shop" }), ...{ stringData: { password: "x" } } });
    }
    for (const name of ["n1", "n2"]) await create(core("Node", { name }));
    await create(podOn("n1", "reader", "database"));
  }

  async function until(what: () => Promise<Answer>, isSo: (answer: Answer) => boolean): Promise<Answer> {
    const deadline = Date.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      const answer = await what();
      if (isSo(answer) || Date.now() > deadline) return answer;
      await pause(100);
    }
  }

  const secret = (name: string) => `/api/v1/namespaces/shop/secrets/${name}`;
  const patchLabels = (client: HttpsClient, node: string, labels: object) =>
    client.send("PATCH", `/api/v1/nodes/${node}`, {
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ metadata: { labels } }),
    });

  test("a node reads the secret of its own pod, and no other", async () => {
    const { n1, n2 } = nodes;
    const own = await until(
      () => n1.client.send("GET", secret("database")),
      ({ status }) => status === 200,
    );
    expect(JSON.parse(own.body.toString())).toMatchObject({ metadata: { name: "database" } });
    expect((await n1.client.send("GET", secret("other"))).status).toBe(403);
    expect((await n2.client.send("GET", secret("database"))).status).toBe(403);
    expect((await n1.client.send("GET", "/api/v1/secrets")).status).toBe(403);
  });

  test("a pod that comes gives its node the secret, and one that goes takes it away", async () => {
    const { n2 } = nodes;
    await create(podOn("n2", "late", "other"));
    const given = await until(
      () => n2.client.send("GET", secret("other")),
      ({ status }) => status === 200,
    );
    expect(given.status).toBe(200);
    const body = JSON.stringify({ gracePeriodSeconds: 0 });
    const headers = { "content-type": "application/json" };
    await masters.send("DELETE", "/api/v1/namespaces/shop/pods/late", { headers, body });
    const taken = await until(
      () => n2.client.send("GET", secret("other")),
      ({ status }) => status === 403,
    );
    expect(taken.status).toBe(403);
  });

  test("a node labels itself as far as nodes may", async () => {
    const { n1 } = nodes;
    const free = await until(
      () => patchLabels(n1.client, "n1", { "example.com/rack": "4" }),
      ({ status }) => status === 200,
    );
    expect(free.status).toBe(200);
    const forbidden = await patchLabels(n1.client, "n1", { "node-restriction.kubernetes.io/tier": "gold" });
    expect(forbidden.status).toBe(403);
    expect(forbidden.body.toString()).toMatch(/node-restriction\.kubernetes\.io\/tier/);
    expect((await patchLabels(n1.client, "n2", { "example.com/rack": "4" })).status).toBe(403);
  });

  test("a node asks for a certificate of its own name only", async () => {
    const { n1 } = nodes;
    const request = (commonName: string) => ({
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { generateName: "csr-" },
      spec: {
        request: buildCsr({ commonName, organizations: ["system:nodes"] }).requestBase64,
        signerName: "kubernetes.io/kube-apiserver-client-kubelet",
        usages: ["digital signature", "client auth"],
      },
    });
    expect((await post(n1.client, request("system:node:n1"))).status).toBe(201);
    const other = await post(n1.client, request("system:node:n2"));
    expect(other.status).toBe(403);
    expect(other.body.toString()).toMatch(/system:node:/);
  });

  test("a kubelet gets the token that a pod's service account has by default, and no other", async () => {
    const { n1, n2 } = nodes;
    const { body } = await masters.send("GET", "/api/v1/namespaces/shop/pods/reader");
    const { uid } = JSON.parse(body.toString()).metadata;
    const request = (audiences: readonly string[]) => ({
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { audiences, boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "reader", uid } },
      }),
    });
    const path = "/api/v1/namespaces/shop/serviceaccounts/default/token";
    expect((await n1.client.send("POST", path, request([]))).status).toBe(201);
    const other = await n1.client.send("POST", path, request(["vault"]));
    expect(other.status).toBe(403);
    expect(other.body.toString()).toMatch(/vault/);
    expect((await n2.client.send("POST", path, request([]))).status).toBe(403);
  });

  test("a revoked certificate is refused everything, at once, and the other node nothing", async () => {
    const { n1, n2 } = nodes;
    expect((await n1.client.send("GET", "/api/v1/nodes/n1")).status).toBe(200);
    appendFileSync(revocations, `${n1.fingerprint}\n`);
    const refused = await until(
      () => n1.client.send("GET", "/api/v1/nodes/n1"),
      ({ status }) => status === 403,
    );
    expect(refused.body.toString()).toMatch(/revoked/);
    expect((await n1.client.send("GET", secret("database"))).status).toBe(403);
    expect((await patchLabels(n1.client, "n1", { "example.com/rack": "5" })).status).toBe(403);
    expect((await n2.client.send("GET", "/api/v1/nodes/n2")).status).toBe(200);
    expect(authorizer.output()).toMatch(/"audit":"denied".*"user":"system:node:n1"/);
  });

  test("a quarantined node is refused whatever it shows", async () => {
    const { n2 } = nodes;
    appendFileSync(revocations, "node/n2\n");
    const refused = await until(
      () => n2.client.send("GET", "/api/v1/nodes/n2"),
      ({ status }) => status === 403,
    );
    expect(refused.body.toString()).toMatch(/quarantined/);
  });
});

interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly generateName?: string; readonly namespace?: string };
}

const PLURALS: Readonly<Record<string, string>> = {
  Namespace: "namespaces",
  ServiceAccount: "serviceaccounts",
  Secret: "secrets",
  Node: "nodes",
  Pod: "pods",
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
  ValidatingWebhookConfiguration: "validatingwebhookconfigurations",
  MutatingWebhookConfiguration: "mutatingwebhookconfigurations",
  CertificateSigningRequest: "certificatesigningrequests",
};

function core(kind: string, metadata: { readonly name: string; readonly namespace?: string }) {
  return { apiVersion: "v1", kind, metadata };
}

function podOn(nodeName: string, name: string, secretName: string) {
  const containers = [{ name: "c", image: "example.com/c", envFrom: [{ secretRef: { name: secretName } }] }];
  return { ...core("Pod", { name, namespace: "shop" }), spec: { nodeName, containers } };
}

function kubeconfigOf(server: string, { caPem, certificatePem = "", privateKeyPem = "" }: Credentials): string {
  const data = (pem: string) => Buffer.from(pem).toString("base64");
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server, "certificate-authority-data": data(caPem) } }],
    users: [
      { name: "u", user: { "client-certificate-data": data(certificatePem), "client-key-data": data(privateKeyPem) } },
    ],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}
