import { expect, test } from "@jest/globals";
import type { CertificateRecord } from "../../../services/certificate-authority/domain/certificate.ts";
import type { DecisionRecord } from "../../../services/certificate-authority/domain/decision.ts";
import type { ClusterConnection } from "../../../services/certificate-authority/kubernetes/cluster-connection.ts";
import { createEvents } from "../../../services/certificate-authority/kubernetes/events.ts";
import { clusterPublishers } from "../../../services/certificate-authority/kubernetes/trust-bundle.ts";
import { storedCsr } from "../../builders/stored-csr.ts";
import { FakeCluster } from "../../fakes/cluster.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const CONFIG_MAP = { namespace: "kube-public", name: "bundle", key: "ca.crt" };
const PATH = "/api/v1/namespaces/kube-public/configmaps";

test("the bundle is created, left alone while it is right, and changed without touching what is beside it", async () => {
  const cluster = new FakeCluster();
  const [publisher] = clusterPublishers(cluster, { configMap: CONFIG_MAP }, () => true);
  await publisher?.publish("one");
  await publisher?.publish("one");
  expect(cluster.calls).toEqual([`GET ${PATH}/bundle`, `POST ${PATH}`, `GET ${PATH}/bundle`]);
  const made = cluster.object(`${PATH}/bundle`) as { metadata: { name: string }; data: Record<string, string> };
  cluster.put(`${PATH}/bundle`, { ...made, data: { ...made.data, other: "theirs" } } as typeof made);
  await publisher?.publish("two");
  expect(cluster.object(`${PATH}/bundle`)).toMatchObject({ data: { "ca.crt": "two", other: "theirs" } });
});

test("nothing is written while another replica leads", async () => {
  const cluster = new FakeCluster();
  const [publisher] = clusterPublishers(cluster, { configMap: CONFIG_MAP }, () => false);
  await publisher?.publish("one");
  expect(cluster.calls).toEqual([]);
});

test("a cluster without ClusterTrustBundles says so in words that name the setting", async () => {
  const cluster = new FakeCluster();
  for (const version of ["v1", "v1beta1", "v1alpha1"]) {
    cluster.mishap(new RegExp(`POST .*/${version}/`), { kind: "refused", code: 404 });
  }
  const [publisher] = clusterPublishers(cluster, { clusterTrustBundle: "gatehouse" }, () => true);
  await expect(publisher?.publish("one")).rejects.toThrow("cluster.trustBundle.clusterTrustBundle");
});

interface Sent {
  readonly reason: string;
  readonly regarding: { readonly kind: string; readonly name: string };
  readonly note: string;
  readonly metadata: { readonly name: string };
}

function eventsOf(wanted: "none" | "problems" | "all") {
  const sent: Sent[] = [];
  const send: ClusterConnection["send"] = async (_method, _path, body) => sent.push(body as Sent);
  const { logger } = recordingLogger();
  const events = createEvents({ cluster: { send }, wanted, instance: "me", clock: new SettableClock(), logger });
  return { events, sent };
}

const denied = { outcome: "denied", reason: "NotOurs", message: "x".repeat(5000) } as DecisionRecord;
const issued = {
  ...{ serial: "0a", nodeName: "worker", signerName: "kubernetes.io/kubelet-serving" },
  notAfter: new Date("2027-01-01T00:00:00Z"),
} as CertificateRecord;

test.each([
  { wanted: "none", told: [] },
  { wanted: "problems", told: ["CertificateSigningRequest NotOurs"] },
  {
    wanted: "all",
    told: [
      "CertificateSigningRequest NotOurs",
      "CertificateSigningRequest CertificateIssued",
      "Node CertificateIssued",
    ],
  },
] as const)("events are told as configured: $wanted", ({ wanted, told }) => {
  const { events, sent } = eventsOf(wanted);
  // A kubelet's name for a request is no name for an event.
  const csr = storedCsr("node-csr-A_b");
  events.tell(csr, { decision: denied });
  events.tell(csr, { certificate: issued });
  expect(sent.map(({ regarding, reason }) => `${regarding.kind} ${reason}`)).toEqual(told);
  for (const { note, metadata } of sent) {
    expect(note.length).toBeLessThanOrEqual(1024);
    expect(metadata.name).toMatch(/^[a-z0-9-]+$/);
  }
});

test("a flood of events is cut off, and one that cannot be told harms nobody", async () => {
  let calls = 0;
  const send: ClusterConnection["send"] = () => {
    calls += 1;
    return Promise.reject(new Error("no route"));
  };
  const { logger } = recordingLogger();
  const events = createEvents({
    cluster: { send },
    wanted: "problems",
    instance: "me",
    clock: new SettableClock(),
    logger,
  });
  for (let count = 0; count < 1000; count += 1) events.tell(storedCsr(`csr-${count}`), { decision: denied });
  expect(calls).toBe(64);
  await new Promise((resolve) => setImmediate(resolve));
  events.tell(storedCsr("later"), { decision: denied });
  expect(calls).toBe(65);
});
