import { X509Certificate } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { CertificateSigningRequest } from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { REQUESTS_PATH } from "./support/certificate-requests-client.ts";
import { ControlledCluster } from "./support/controlled-cluster.ts";
import type { GatehouseProcess } from "./support/gatehouse-process.ts";
import { findControlPlane } from "./support/real-apiserver.ts";

jest.setTimeout(600_000);

const programs = findControlPlane();
/** A machine without a control plane has nothing to show here; its run says so as skipped tests. */
const describeIfFound = programs === undefined ? describe.skip : describe;

const KILLS = 20;
const NODES = 400;
const LEASE_PATH = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/gatehouse";
const SETTINGS = {
  cluster: { leaderElection: { leaseDurationSeconds: 5, renewDeadlineSeconds: 4, retryPeriodSeconds: 0.3 } },
  approval: { guards: { firstJoin: "allow" }, hooks: [{ "kubelet-client": {} }] },
};

interface Replica {
  readonly dataDirectory: string;
  process: GatehouseProcess;
}

describeIfFound("two replicas of gatehouse controller", () => {
  const directory = temporaryDirectory();
  const replicas: Replica[] = [];
  let cluster: ControlledCluster;

  beforeAll(async () => {
    if (programs === undefined) throw new Error("no control plane");
    cluster = await ControlledCluster.start(directory, programs);
    for (let count = 0; count < 2; count += 1) {
      const dataDirectory = mkdtempSync(join(directory, "replica-"));
      replicas.push({ dataDirectory, process: await cluster.startController(SETTINGS, dataDirectory) });
    }
  });
  afterAll(() => cluster?.stop());

  const isLeader = ({ process }: Replica, term: string): boolean => process.log().includes(`"identity":"${term}"`);

  /** The replica that holds the lease, and who that is in its own words. */
  async function leader(after: string): Promise<{ readonly replica: Replica; readonly term: string }> {
    for (;;) {
      const lease = await cluster
        .send<{ spec: { holderIdentity?: string } }>("GET", LEASE_PATH)
        .catch(() => ({ spec: { holderIdentity: "" } }));
      const term = lease.spec.holderIdentity ?? "";
      await restartEnded();
      const replica = term === "" || term === after ? undefined : replicas.find((each) => isLeader(each, term));
      if (replica !== undefined) return { replica, term };
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** As a kubelet does: a replica that lost its term has ended, and begins anew. */
  async function restartEnded(): Promise<void> {
    for (const replica of replicas.filter(({ process }) => process.hasEnded())) {
      replica.process = await cluster.startController(SETTINGS, replica.dataDirectory);
    }
  }

  async function submit(index: number): Promise<void> {
    const request = buildCsr({
      commonName: `system:node:load-${index}`,
      organizations: ["system:nodes"],
    }).requestBase64;
    const usages = ["digital signature", "client auth"];
    const signerName = "kubernetes.io/kube-apiserver-client-kubelet";
    await cluster.create(`load-${index}`, { request, signerName, usages });
  }

  test(`the leader is killed ${KILLS} times under load: no request is lost, and none has two certificates`, async () => {
    const seen = new Map<string, string>();
    let made = 0;
    let isOver = false;
    const load = (async () => {
      while (made < NODES || !isOver) {
        await submit(made);
        made += 1;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    let term = "";
    for (let kills = 0; kills < KILLS; kills += 1) {
      const led = await leader(term);
      term = led.term;
      // In the middle of its work: it has something to do all the time.
      await new Promise((resolve) => setTimeout(resolve, 50 + ((kills * 37) % 300)));
      await led.replica.process.stop("SIGKILL");
      led.replica.process = await cluster.startController(SETTINGS, led.replica.dataDirectory);
    }
    isOver = true;
    await load;
    for (let index = 0; index < made; index += 1) {
      const csr = await issued(`load-${index}`);
      seen.set(csr.metadata.uid, csr.status.certificate ?? "");
    }
    expect(seen.size).toBe(made);
    await settled();
    const { items } = await cluster.send<{ items: CertificateSigningRequest[] }>("GET", REQUESTS_PATH);
    for (const { metadata, status } of items) expect(status.certificate).toBe(seen.get(metadata.uid));
    await expectOneRecordEach(items);
  });

  /** Replicas may have ended by themselves meanwhile, since others take the machine from them. */
  async function issued(name: string): Promise<CertificateSigningRequest> {
    for (let tries = 0; ; tries += 1) {
      await restartEnded();
      try {
        return await cluster.until(name, ({ status }) => status.certificate !== undefined, 10_000);
      } catch (error) {
        if (tries === 20) throw error;
      }
    }
  }

  /** Until both records are what the cluster says. */
  async function settled(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }

  /** What is on record beyond what was released is only what a replica signed right when it died, and it says so. */
  async function expectOneRecordEach(items: readonly CertificateSigningRequest[]): Promise<void> {
    const released = new Set(
      items.map(({ status }) =>
        new X509Certificate(Buffer.from(status.certificate ?? "", "base64")).serialNumber.toLowerCase(),
      ),
    );
    expect(released.size).toBe(items.length);
    for (const { process } of replicas) {
      const administrator = new Administrator(process.adminKubeconfig);
      const certificates = await administrator.certificates({ signer: "kubernetes.io/kube-apiserver-client-kubelet" });
      const undelivered = certificates.filter(({ serial }) => !released.has(serial));
      const told = await administrator.auditEntries({ resource: "certificate", verb: "undelivered" });
      expect(new Set(told.map(({ name }) => name))).toEqual(new Set(undelivered.map(({ request }) => request?.name)));
      expect(told).toHaveLength(undelivered.length);
      // Every certificate that was released is on record, whichever replica made it.
      expect(certificates.length - undelivered.length).toBe(items.length);
      expect(await administrator.verifyLedger()).toMatchObject({ sound: true });
      administrator.close();
    }
  }
});
