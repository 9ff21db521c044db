import { X509Certificate } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type BuiltCsr, buildCsr, type CsrArguments } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { makeClient } from "./support/client-certificates.ts";
import { ControlledCluster, grantedCalls } from "./support/controlled-cluster.ts";
import { auditArguments, controllerCalls } from "./support/controller-calls.ts";
import type { GatehouseProcess } from "./support/gatehouse-process.ts";
import { HttpsClient } from "./support/https-client.ts";
import { findControlPlane } from "./support/real-apiserver.ts";

jest.setTimeout(120_000);

const programs = findControlPlane();
/** A machine without one has nothing to show here; its run says so as skipped tests. */
const describeIfFound = programs === undefined ? describe.skip : describe;

const COMPONENT = "components/pod-certificates";
const SIGNER = "example.com/workload";
const NAMESPACE = "shop";
const REQUESTS = `/apis/certificates.k8s.io/v1beta1/namespaces/${NAMESPACE}/podcertificaterequests`;
const WAIT_LIMIT_MILLISECONDS = 30_000;
const USAGES = ["digital signature", "client auth", "server auth"];
const EMPTY_SUBJECT = Buffer.from([0x30, 0x00]);

/** What the controller is made with: pods of one service account get certificates, all others wait for a person. */
const SETTINGS = {
  issuers: [{ name: "workloads", commonName: "workloads", lifetimeDays: 30 }],
  signers: [
    {
      signerName: SIGNER,
      issuer: "workloads",
      profile: {
        pods: {
          dnsNames: ["{pod}.{namespace}.pods.example.com"],
          uris: ["spiffe://example.com/ns/{namespace}/sa/{serviceAccount}"],
          usages: USAGES,
        },
        subjectAltNames: { dnsNames: ["*.shop.pods.example.com"] },
        spiffe: { trustDomain: "example.com", paths: ["/ns/*/sa/*"] },
        keys: { algorithms: ["ECDSA", "Ed25519"] },
        lifetime: { maximumSeconds: 7200 },
      },
    },
  ],
  approval: {
    hooks: [
      {
        policy: {
          signers: [SIGNER],
          rules: [
            { name: "web", require: "requester.username == 'system:serviceaccount:shop:web'", otherwise: "hold" },
            { name: "known", approve: "requester.username == 'system:serviceaccount:shop:web'" },
          ],
        },
      },
    ],
  },
  cluster: { events: "all", leaderElection: { retryPeriodSeconds: 0.3 } },
};

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: object;
}

interface PodRequest {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly maxExpirationSeconds: number };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly reason: string; readonly message: string }[];
    readonly certificateChain?: string;
    readonly notBefore?: string;
    readonly notAfter?: string;
    readonly beginRefreshAt?: string;
  };
}

describeIfFound("PodCertificateRequests of a real kube-apiserver", () => {
  const directory = temporaryDirectory();
  const uids = new Map<string, string>();
  let cluster: ControlledCluster;
  let controller: GatehouseProcess;
  let administrator: Administrator;
  let node: HttpsClient;

  beforeAll(async () => {
    if (programs === undefined) throw new Error("no control plane");
    cluster = await ControlledCluster.start(directory, programs, [
      ...auditArguments(directory),
      ...["--feature-gates=PodCertificateRequest=true", "--runtime-config=certificates.k8s.io/v1beta1=true"],
    ]);
    await cluster.grant(COMPONENT);
    await cluster.grantSigner(SIGNER);
    const subject = "/O=system:nodes/CN=system:node:worker";
    const credentials = makeClient(directory, cluster.authority, "worker", subject);
    node = new HttpsClient(cluster.apiserver.url, { caPem: cluster.caPem, ...credentials });
    await createPods();
    controller = await cluster.startController(SETTINGS);
    administrator = new Administrator(controller.adminKubeconfig);
  });
  afterAll(async () => {
    administrator?.close();
    node?.close();
    await cluster?.stop();
  });

  async function create(path: string, object: KubernetesObject): Promise<void> {
    const made = await cluster.send<{ metadata: { uid: string } }>("POST", path, object);
    uids.set(`${object.kind} ${object.metadata.name}`, made.metadata.uid);
  }

  /** A node with a pod of each service account. */
  async function createPods(): Promise<void> {
    const v1 = { apiVersion: "v1" };
    await create("/api/v1/nodes", { ...v1, kind: "Node", metadata: { name: "worker" } });
    await create("/api/v1/namespaces", { ...v1, kind: "Namespace", metadata: { name: NAMESPACE } });
    for (const account of ["web", "stranger"]) {
      const metadata = { name: account };
      await create(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, { ...v1, kind: "ServiceAccount", metadata });
      await create(`/api/v1/namespaces/${NAMESPACE}/pods`, {
        ...{ ...v1, kind: "Pod", metadata: { name: `${account}-0` } },
        spec: {
          ...{ nodeName: "worker", serviceAccountName: account, automountServiceAccountToken: false },
          containers: [{ name: "main", image: "example.com/none" }],
        },
      });
    }
  }

  /** Asks as the node's kubelet does, for a pod of that service account. */
  async function request(
    account: string,
    csr: CsrArguments = {},
    more: object = {},
  ): Promise<{ readonly name: string; readonly built: BuiltCsr }> {
    const built = buildCsr({ subjectDer: EMPTY_SUBJECT, ...csr });
    const body = {
      ...{ apiVersion: "certificates.k8s.io/v1beta1", kind: "PodCertificateRequest" },
      metadata: { generateName: "req-", namespace: NAMESPACE },
      spec: {
        ...{ signerName: SIGNER, podName: `${account}-0`, podUID: uids.get(`Pod ${account}-0`) },
        ...{ serviceAccountName: account, serviceAccountUID: uids.get(`ServiceAccount ${account}`) },
        ...{ nodeName: "worker", nodeUID: uids.get("Node worker"), stubPKCS10Request: built.der.toString("base64") },
        ...more,
      },
    };
    const answer = await node.send("POST", REQUESTS, {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.status !== 201) throw new Error(`answered ${answer.status}: ${answer.body.toString()}`);
    return { name: (JSON.parse(answer.body.toString()) as PodRequest).metadata.name, built };
  }

  async function ended(name: string): Promise<PodRequest["status"]> {
    for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(50)) {
      const { status } = await cluster.send<PodRequest>("GET", `${REQUESTS}/${name}`);
      if (status.conditions !== undefined) return status;
    }
    throw new Error(`nothing became of ${name}${controller.log()}`);
  }

  const recordOf = (name: string): string => encodeURIComponent(`${NAMESPACE}%${name}`);

  test("a pod gets the certificate that its signer's profile says, and it is on record with its decision", async () => {
    const { name, built } = await request("web");
    const { conditions, certificateChain = "", ...times } = await ended(name);
    expect(conditions).toMatchObject([{ type: "Issued", status: "True", reason: "PolicyApproved" }]);
    const leaf = new X509Certificate(certificateChain);
    expect(leaf.publicKey.equals(built.publicKey)).toBe(true);
    expect(leaf.subjectAltName).toBe("DNS:web-0.shop.pods.example.com, URI:spiffe://example.com/ns/shop/sa/web");
    expect(Date.parse(times.notAfter ?? "") - Date.parse(times.notBefore ?? "")).toBe(7_200_000);
    expect(Date.parse(times.beginRefreshAt ?? "") - Date.parse(times.notBefore ?? "")).toBe(4_800_000);
    const { items } = await administrator.decisions(recordOf(name));
    expect(items.at(-1)).toMatchObject({
      outcome: "approved",
      decidedBy: "gatehouse",
      reason: conditions?.[0]?.reason,
    });
    const [recorded] = await administrator.certificates({ signer: SIGNER });
    expect(recorded?.serial).toBe(leaf.serialNumber.toLowerCase());
  });

  test("what nobody approves waits, and a person can approve it", async () => {
    const { name } = await request("stranger");
    let decided: Awaited<ReturnType<Administrator["decisions"]>>["items"] = [];
    for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(50)) {
      decided = (await administrator.decisions(recordOf(name)).catch(() => ({ items: [] }))).items;
      if (decided.length > 0) break;
    }
    expect(decided).toMatchObject([{ outcome: "pending" }]);
    expect((await cluster.send<PodRequest>("GET", `${REQUESTS}/${name}`)).status).toEqual({});
    await administrator.approve(recordOf(name));
    const { conditions } = await ended(name);
    expect(conditions).toMatchObject([{ type: "Issued", reason: "KubectlApprove" }]);
  });

  test.each([
    {
      name: "a key that the signer does not serve",
      csr: { key: "rsa-3072" } as const,
      more: {},
      expected: { type: "Denied", reason: "UnsupportedKeyType", message: expect.stringContaining("RSA") },
    },
    {
      name: "annotations that nobody knows",
      csr: {},
      more: { unverifiedUserAnnotations: { "example.com/wish": "more" } },
      expected: {
        type: "Denied",
        reason: "InvalidUnverifiedUserAnnotations",
        message: expect.stringContaining("wish"),
      },
    },
  ])("$name: denied, with the reason that kubelets know", async ({ csr, more, expected }) => {
    const { name } = await request("web", csr, more);
    expect((await ended(name)).conditions).toMatchObject([expected]);
  });

  test("a node cannot ask for another account's pod, and a request that is none of ours is left alone", async () => {
    await expect(request("web", {}, { serviceAccountName: "stranger" })).rejects.toThrow("403");
    const { name } = await request("web", {}, { signerName: "example.com/another" });
    const { name: later } = await request("web");
    await ended(later);
    expect((await cluster.send<PodRequest>("GET", `${REQUESTS}/${name}`)).status).toEqual({});
    await expect(administrator.decisions(recordOf(name))).rejects.toThrow("404");
  });

  test("what was issued stays as it is over a restart, the ledger is sound, and events told of it", async () => {
    const { name } = await request("web");
    const before = await ended(name);
    await controller.stop();
    controller = await cluster.startController(SETTINGS, controller.dataDirectory);
    administrator.close();
    administrator = new Administrator(controller.adminKubeconfig);
    const { name: later } = await request("web");
    await ended(later);
    expect(await ended(name)).toEqual(before);
    expect((await administrator.verifyLedger()).problems).toEqual([]);
    interface Events {
      readonly items: readonly {
        readonly reason: string;
        readonly regarding: { readonly kind: string; readonly name: string };
      }[];
    }
    const events = await cluster.send<Events>("GET", `/apis/events.k8s.io/v1/namespaces/${NAMESPACE}/events`);
    const told = events.items.filter(({ regarding }) => regarding.name === name);
    expect(told).toMatchObject([{ reason: "CertificateIssued", regarding: { kind: "PodCertificateRequest" } }]);
  });

  test("every call is one that the manifests allow, and everything that the component allows is used", () => {
    const { allowed, refused } = controllerCalls(directory);
    expect(refused).toEqual([]);
    // They are read one by one after a conflict.
    const unused = grantedCalls([COMPONENT]).filter((call) => !allowed.has(call));
    expect(unused).toEqual(["get podcertificaterequests"]);
  });
});
