import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { startBackground, waitUntil } from "../support/background-process.ts";
import { makeClient } from "../support/client-certificates.ts";
import { COMMAND_ENTRY, runCommand } from "../support/gatehouse-command.ts";
import { type Answer, HttpsClient, type Message } from "../support/https-client.ts";
import { makeAuthority } from "../support/openssl-authority.ts";
import {
  freePorts,
  type KubernetesPrograms,
  type RealApiserver,
  startRealApiserver,
} from "../support/real-apiserver.ts";
import { type ApiObject, CHANGES, CLUSTER } from "./cluster.ts";

/** Two kube-apiservers on one etcd: one with its own Node authorizer and NodeRestriction, one behind ours instead. */
export interface Setting {
  readonly theirs: HttpsClient;
  readonly ours: HttpsClient;
  readonly uids: Uids;
  /** The content of a kubeconfig for ours, with a certificate of this name as `openssl req -subj` takes it. */
  kubeconfig(subject: string): string;
  stop(): Promise<void>;
}

/** By kind and name, `node n3`. */
export type Uids = Readonly<Record<string, string>>;

/** @param featureGates - of kube-apiserver and ours; empty for the defaults. */
export async function startSetting(
  programs: KubernetesPrograms,
  directory: string,
  featureGates: string,
): Promise<Setting> {
  const running: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    for (const each of running.toReversed()) await each.stop();
  };
  try {
    return await start(programs, directory, featureGates, running, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  programs: KubernetesPrograms,
  directory: string,
  featureGates: string,
  running: { stop(): Promise<void> }[],
  stop: () => Promise<void>,
): Promise<Setting> {
  const authority = makeAuthority(directory, { commonName: "cluster", kind: "ecdsa-p384" });
  const [port] = await freePorts(1);
  const url = `https://127.0.0.1:${port}`;
  const files = join(directory, "manifests");
  const written = await runCommand("", [
    "node-authorizer",
    "manifests",
    "--output",
    files,
    "--url",
    url,
    "--mode",
    "full",
  ]);
  if (written.code !== 0) throw new Error(written.stderr);
  // What is switched on has an API that is not served by default.
  const served = "--runtime-config=certificates.k8s.io/v1beta1=true";
  const gates = featureGates === "" ? [] : [`--feature-gates=${featureGates}`, served];
  const common = { programs, authority, arguments: gates };
  const theirs = await startRealApiserver({
    ...common,
    directory: mkdtempSync(join(directory, "theirs-")),
    // The webhooks are for the other one, but are known to both: they share their objects.
    guards: [
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      "--disable-admission-plugins=ValidatingAdmissionWebhook,MutatingAdmissionWebhook",
    ],
  });
  running.push(theirs);
  const ours = await startRealApiserver({
    ...common,
    directory: mkdtempSync(join(directory, "ours-")),
    etcdUrl: theirs.etcdUrl,
    guards: [
      `--authorization-config=${join(files, "authorization-configuration.yaml")}`,
      `--admission-control-config-file=${join(files, "admission-configuration.yaml")}`,
    ],
  });
  running.push(ours);
  const clients = {
    theirs: new HttpsClient(theirs.url, theirs.masters),
    ours: new HttpsClient(ours.url, ours.masters),
  };
  running.push({
    stop: async () => {
      for (const client of Object.values(clients)) client.close();
    },
  });
  const clusterFile = join(directory, "cluster.kubeconfig");
  writeFileSync(
    clusterFile,
    kubeconfigFor(ours, makeClient(directory, authority, "us", "/CN=gatehouse-node-authorizer")),
  );
  const file = (name: string): string => join(files, name);
  const authorizer = startBackground(process.execPath, [
    ...[COMMAND_ENTRY, "node-authorizer", "--mode", "full", "--listen", new URL(url).host, "--kubeconfig", clusterFile],
    ...["--tls-certificate", file("serving.crt"), "--tls-key", file("serving.key"), "--client-ca", file("ca.crt")],
    ...["--feature-gates", featureGates, "--log-level", "error"],
  ]);
  running.push(authorizer);
  const uids = await fill(clients.theirs, files);
  await waitUntil("the end of the list", authorizer, async () => (await lastIsKnown(clients)).every(Boolean));
  let made = 0;
  const kubeconfig = (subject: string): string => {
    made += 1;
    return kubeconfigFor(ours, makeClient(directory, authority, `user-${made}`, subject));
  };
  return { ...clients, uids, kubeconfig, stop };
}

async function fill(masters: HttpsClient, files: string): Promise<Uids> {
  const names = ["rbac", "validating-webhook-configuration", "mutating-webhook-configuration"];
  const manifests = names.flatMap((name) =>
    parseAllDocuments(readFileSync(join(files, `${name}.yaml`), "utf8")).map(
      (document) => document.toJS() as ApiObject,
    ),
  );
  const uids: Record<string, string> = {};
  for (const object of [...manifests, ...CLUSTER]) {
    const { status, body } = await send(masters, "POST", collectionOf(object), object);
    if (status !== 201) throw new Error(`${object.kind} ${object.metadata.name}: ${status} ${body.toString()}`);
    uids[`${object.kind.toLowerCase()} ${object.metadata.name}`] = JSON.parse(body.toString()).metadata.uid;
  }
  for (const { path, patch } of CHANGES) {
    const headers = { "content-type": "application/strategic-merge-patch+json" };
    const { status, body } = await masters.send("PATCH", path, { headers, body: JSON.stringify(patch) });
    if (status !== 200) throw new Error(`${path}: ${status} ${body.toString()}`);
  }
  return uids;
}

/** The last change to the cluster is known to either authorizer, and what comes last of other kinds. */
async function lastIsKnown(clients: Readonly<Record<"theirs" | "ours", HttpsClient>>): Promise<readonly boolean[]> {
  const last = [
    { namespace: "shop", resource: "secrets", name: "of-debugger" },
    { namespace: "drivers", resource: "secrets", name: "csi-stage" },
    { group: "storage.k8s.io", resource: "volumeattachments", name: "va-n1" },
    { group: "resource.k8s.io", resource: "resourceslices", name: "slice-n1" },
    { group: "resource.k8s.io", resource: "resourceclaims", namespace: "shop", name: "claim-made" },
  ];
  const asked = last.flatMap((attributes) =>
    Object.values(clients).map((client) => isAllowed(client, "system:node:n1", { verb: "get", ...attributes })),
  );
  return Promise.all(asked);
}

async function isAllowed(client: HttpsClient, user: string, resourceAttributes: object): Promise<boolean> {
  const { body } = await review(client, { user, groups: ["system:nodes"], resourceAttributes });
  return JSON.parse(body.toString()).status.allowed === true;
}

/** Asks a kube-apiserver what its authorizers say. @param spec - of a SubjectAccessReview. */
export function review(client: HttpsClient, spec: object): Promise<Answer> {
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
  return send(client, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body);
}

export function send(
  client: HttpsClient,
  method: string,
  path: string,
  body: object | undefined,
  headers: NonNullable<Message["headers"]> = {},
): Promise<Answer> {
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  return client.send(method, path, { headers: { "content-type": "application/json", ...headers }, ...text });
}

/** Where objects like this one are posted. */
function collectionOf({ apiVersion, kind, metadata }: ApiObject): string {
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  return `${base}${scope}/${kind.toLowerCase()}s`;
}

function kubeconfigFor({ url, masters }: RealApiserver, pair: ReturnType<typeof makeClient>): string {
  const data = (pem: string): string => Buffer.from(pem).toString("base64");
  const { certificatePem, privateKeyPem } = pair;
  const user = { "client-certificate-data": data(certificatePem), "client-key-data": data(privateKeyPem) };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: url, "certificate-authority-data": data(masters.caPem) } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}
