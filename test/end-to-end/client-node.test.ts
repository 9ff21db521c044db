import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import {
  ApiException,
  AuthenticationV1Api,
  AuthorizationV1Api,
  CertificatesV1Api,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1CertificateSigningRequest,
  VersionApi,
  Watch,
} from "@kubernetes/client-node";
import { buildCsr } from "../builders/csr.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";

jest.setTimeout(60_000);

const PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

let server: GatehouseProcess;
let config: KubeConfig;
let requests: CertificatesV1Api;

beforeAll(async () => {
  server = await startGatehouse();
  config = new KubeConfig();
  config.loadFromFile(server.adminKubeconfig);
  requests = config.makeApiClient(CertificatesV1Api);
});
afterAll(() => server.remove());

/** A request for a client certificate of a person, which waits for an approval. */
function wanted(name: string): V1CertificateSigningRequest {
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name, labels: { person: name } },
    spec: {
      request: buildCsr({ commonName: name, organizations: ["team-a"] }).requestBase64,
      signerName: "kubernetes.io/kube-apiserver-client",
      usages: ["digital signature", "client auth"],
      expirationSeconds: 3600,
    },
  };
}

/** As `kubectl certificate approve`: reads, adds the condition and replaces the subresource. */
async function approve(name: string): Promise<V1CertificateSigningRequest> {
  const body = await requests.readCertificateSigningRequest({ name });
  const condition = { type: "Approved", status: "True", reason: "Checked", message: "known in person" };
  body.status = { conditions: [...(body.status?.conditions ?? []), condition] };
  return requests.replaceCertificateSigningRequestApproval({ name, body });
}

const conditionsOf = ({ status }: V1CertificateSigningRequest) => (status?.conditions ?? []).map(({ type }) => type);

/** What one object went through, without repeating what did not change. */
function summary(phase: string, object: V1CertificateSigningRequest): string {
  const { metadata, status } = object;
  const facts = [
    metadata?.labels?.["patched"] && "patched",
    ...conditionsOf(object),
    status?.certificate && "certificate",
  ];
  return [phase, ...facts.filter(Boolean)].join(" ");
}

test("an informer follows a request from creation over patch and approval to its certificate and its end", async () => {
  const name = "ann";
  const informer = makeInformer<V1CertificateSigningRequest>(config, PATH, () =>
    requests.listCertificateSigningRequest(),
  );
  const seen: string[] = [];
  const waiting = new Map<string, () => void>();
  const until = (wantedSummary: string): Promise<void> =>
    new Promise((resolve) => {
      if (seen.includes(wantedSummary)) resolve();
      else waiting.set(wantedSummary, resolve);
    });
  for (const phase of ["add", "update", "delete"] as const) {
    informer.on(phase, (object) => {
      if (object.metadata?.name !== name) return;
      const text = summary(phase, object);
      seen.push(text);
      waiting.get(text)?.();
    });
  }
  const errors: unknown[] = [];
  informer.on("error", (error) => errors.push(error));
  await informer.start();

  const created = await requests.createCertificateSigningRequest({ body: wanted(name) });
  expect(created.metadata?.creationTimestamp).toBeInstanceOf(Date);
  expect(created.spec.username).toBe("gatehouse-admin");
  await until("add");
  await requests.patchCertificateSigningRequest(
    { name, body: { metadata: { labels: { patched: "yes" } } } },
    setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
  );
  await until("update patched");
  expect(conditionsOf(await approve(name))).toEqual(["Approved"]);
  await until("update patched Approved certificate");

  const { status, metadata } = informer.get(name) ?? {};
  const certificate = new X509Certificate(Buffer.from(status?.certificate ?? "", "base64"));
  expect(certificate.subject).toBe("O=team-a\nCN=ann");
  expect(certificate.verify(new X509Certificate(readFileSync(server.caFile)).publicKey)).toBe(true);
  expect(metadata).toMatchObject({ labels: { person: "ann", patched: "yes" } });

  await requests.deleteCertificateSigningRequest({ name });
  await until("delete patched Approved certificate");
  await informer.stop();
  expect(informer.get(name)).toBeUndefined();
  expect(errors).toEqual([]);
  // A person's approval is a revision of its own, so the certificate comes in the next one.
  expect(seen).toEqual([
    "add",
    "update patched",
    "update patched Approved",
    "update patched Approved certificate",
    "delete patched Approved certificate",
  ]);
});

test("a watch picks up where a list ended and sees what its selector chooses", async () => {
  const { metadata } = await requests.listCertificateSigningRequest();
  const query = { resourceVersion: metadata?.resourceVersion, labelSelector: "person=bea" };
  const seen: string[] = [];
  let sawTheEnd = (): void => {};
  const isDeleted = new Promise<void>((resolve) => {
    sawTheEnd = resolve;
  });
  const onEvent = (phase: string, object: V1CertificateSigningRequest): void => {
    seen.push(`${phase} ${object.metadata?.name}`);
    if (phase === "DELETED") sawTheEnd();
  };
  const watch = await new Watch(config).watch(PATH, query, onEvent, () => {});
  await requests.createCertificateSigningRequest({ body: wanted("cleo") });
  await requests.createCertificateSigningRequest({ body: wanted("bea") });
  await requests.deleteCertificateSigningRequest({ name: "bea" });
  await isDeleted;
  watch.abort();
  expect(seen).toEqual(["ADDED bea", "DELETED bea"]);
});

test.each([
  { strategy: PatchStrategy.JsonPatch, patch: [{ op: "add", path: "/metadata/labels/patched", value: "yes" }] },
  { strategy: PatchStrategy.MergePatch, patch: { metadata: { labels: { patched: "yes" } } } },
  { strategy: PatchStrategy.StrategicMergePatch, patch: { metadata: { labels: { patched: "yes" } } } },
])("the client's $strategy is understood", async ({ strategy, patch }) => {
  const body = wanted("dora");
  body.metadata = { generateName: "dora-", labels: { batch: "patched" } };
  const { metadata } = await requests.createCertificateSigningRequest({ body });
  const name = metadata?.name ?? "";
  const patched = await requests.patchCertificateSigningRequest(
    { name, body: patch },
    setHeaderOptions("Content-Type", strategy),
  );
  expect(patched.metadata?.labels).toEqual({ batch: "patched", patched: "yes" });
});

test("what a selector chooses is deleted at once", async () => {
  await requests.createCertificateSigningRequest({ body: wanted("eve") });
  await requests.deleteCollectionCertificateSigningRequest({ labelSelector: "person=eve" });
  expect((await requests.listCertificateSigningRequest({ labelSelector: "person=eve" })).items).toEqual([]);
});

test("a refusal reaches the caller as code and Status", async () => {
  const refused = await requests.readCertificateSigningRequest({ name: "nobody" }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ApiException);
  const { code, body } = refused as ApiException<string>;
  expect({ code, reason: JSON.parse(body).reason }).toEqual({ code: 404, reason: "NotFound" });
});

test("the client that knows no types finds the resource by discovery", async () => {
  const objects = KubernetesObjectApi.makeApiClient(config);
  const created = await objects.create<V1CertificateSigningRequest>(wanted("fay"));
  expect(created.spec.username).toBe("gatehouse-admin");
  const { apiVersion = "", kind = "" } = wanted("fay");
  const found = await objects.read<V1CertificateSigningRequest>({ apiVersion, kind, metadata: { name: "fay" } });
  expect(found.metadata?.uid).toBe(created.metadata?.uid);
  await objects.delete({ apiVersion, kind, metadata: { name: "fay" } });
});

test("the client learns the version, who it is and what it may do", async () => {
  const { major, minor } = await config.makeApiClient(VersionApi).getCode();
  expect(`${major}.${minor}`).toMatch(/^1\.\d+$/);
  const self = await config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
  expect(self.status?.userInfo).toMatchObject({ username: "gatehouse-admin" });
  const resourceAttributes = { group: "certificates.k8s.io", resource: "certificatesigningrequests", verb: "approve" };
  const review = await config
    .makeApiClient(AuthorizationV1Api)
    .createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } });
  expect(review.status?.allowed).toBe(true);
});
