import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type CertificateSigningRequest,
  conditionOf,
} from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { AuditEntry } from "../../../services/certificate-authority/domain/ports.ts";
import { createCleaner } from "../../../services/certificate-authority/issuance/cleaner.ts";
import {
  createMirroredRequests,
  type MirroredRequests,
} from "../../../services/certificate-authority/kubernetes/mirrored-requests.ts";
import {
  remoteRequests,
  type SigningRequests,
} from "../../../services/certificate-authority/kubernetes/remote-requests.ts";
import { createRequestCache, requestOf } from "../../../services/certificate-authority/kubernetes/request-cache.ts";
import {
  followRequests,
  type Informer,
  REQUESTS_PATH,
} from "../../../services/certificate-authority/kubernetes/request-informer.ts";
import { buildIssuance, type IssuanceHarness, MAY_JOIN } from "../../builders/issuance.ts";
import { APPROVED, storedCsr } from "../../builders/stored-csr.ts";
import { createFakeCertificateRequests, type FakeCertificateRequests } from "../../fakes/certificate-requests.ts";
import { FakeCluster } from "../../fakes/cluster.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

/** A controller over a cluster in memory; its record is what a restart finds again. */
class Controller {
  readonly audited: AuditEntry[] = [];
  readonly mirrored: MirroredRequests;
  readonly remote: SigningRequests;
  readonly harness: IssuanceHarness;
  readonly #informer: Informer;
  isLeading = true;

  constructor(cluster: FakeCluster, record: FakeCertificateRequests, allowed: readonly string[]) {
    const cache = createRequestCache(requestOf);
    const { logger } = recordingLogger();
    this.remote = remoteRequests(cluster, cache);
    this.mirrored = createMirroredRequests({
      ...{ remote: this.remote, record, concurrency: 4, clock: new SettableClock(), logger },
      audit: { append: async (entry) => void this.audited.push(entry) },
      seen: async () => undefined,
      tell: () => undefined,
      isOurs: (signerName) => signerName.startsWith("kubernetes.io/"),
      isKnown: () => true,
      isLeading: () => this.isLeading,
    });
    this.harness = buildIssuance({ allowed, overrides: { requests: this.mirrored.requests } });
    this.mirrored.listen(this.harness.issuance);
    this.#informer = followRequests({
      ...{ cluster, cache, what: "requests", path: async () => REQUESTS_PATH, logger },
      onChange: (name) => this.mirrored.sync(name),
    });
  }

  async start(): Promise<void> {
    await this.#informer.synced;
    await this.mirrored.syncAll();
    this.harness.issuance.start();
  }

  async stop(): Promise<void> {
    await this.harness.issuance.stop();
    await this.mirrored.drain();
    await this.#informer.stop();
  }
}

describe("requests of a cluster", () => {
  let cluster: FakeCluster;
  let record: FakeCertificateRequests;
  const running: Controller[] = [];

  beforeEach(() => {
    cluster = new FakeCluster();
    record = createFakeCertificateRequests();
  });
  afterEach(async () => {
    for (const controller of running.splice(0)) await controller.stop();
  });

  async function started(allowed: readonly string[] = [MAY_JOIN]): Promise<Controller> {
    const controller = new Controller(cluster, record, allowed);
    running.push(controller);
    await controller.start();
    return controller;
  }

  async function until<T>(read: () => T | undefined | false): Promise<T> {
    for (let tries = 0; tries < 2000; tries += 1) {
      const value = read();
      if (value !== undefined && value !== false) return value;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error(`waited in vain; the calls were ${cluster.calls.join(", ")}`);
  }

  const certificateOf = (name: string) => until(() => cluster.request(name)?.status.certificate);
  const writes = () => cluster.calls.filter((call) => call.startsWith("PUT"));
  const decidedAs = (type: "Approved" | "Denied"): CertificateSigningRequest["status"] => {
    const words = { reason: "KnownToMe", message: "seen her", lastUpdateTime: "2026-01-02T00:00:00Z" };
    return { conditions: [{ type, status: "True", ...words }] };
  };
  const condition = (csr: CertificateSigningRequest | undefined, type: string) => csr && conditionOf(csr, type);

  test("one that the chain approves gets its certificate, by two writes, and both are on record", async () => {
    await started();
    cluster.putRequest(storedCsr("csr-1"));
    await certificateOf("csr-1");
    expect(condition(cluster.request("csr-1"), "Approved")).toMatchObject({ reason: "AutoApproved", status: "True" });
    expect(writes().map((call) => call.split("/").at(-1))).toEqual(["approval", "status"]);
    expect(record.certificates.map(({ requestUid }) => requestUid)).toEqual(["uid-of-csr-1"]);
    expect(record.decisions.map(({ outcome }) => outcome)).toEqual(["approved"]);
  });

  test("one that others approved is signed, and their decision is on record with what they say of it", async () => {
    await started([]);
    cluster.putRequest(storedCsr("csr-1"));
    await until(() => record.decisions.length === 1);
    cluster.putRequest({ ...storedCsr("csr-1"), status: decidedAs("Approved") });
    const { resourceVersion } = cluster.request("csr-1")?.metadata ?? {};
    await certificateOf("csr-1");
    expect(writes().map((call) => call.split("/").at(-1))).toEqual(["status"]);
    const evidence = { seenAtResourceVersion: resourceVersion, lastUpdateTime: "2026-01-02T00:00:00Z" };
    expect(record.decisions.map(({ outcome }) => outcome)).toEqual(["pending", "approved"]);
    expect(record.decisions[1]).toMatchObject({
      ...{ requestUid: "uid-of-csr-1", hook: "manual", decidedBy: "others", reason: "KnownToMe", message: "seen her" },
      trace: [{ hook: "manual", kind: "approved", reason: "KnownToMe", message: "seen her", evidence }],
    });
  });

  test("what others had decided before we came is on record, and once, whatever is heard of it afterwards", async () => {
    cluster.putRequest({ ...storedCsr("denied"), status: decidedAs("Denied") });
    cluster.putRequest({ ...storedCsr("approved"), status: decidedAs("Approved") });
    const first = await started([]);
    await certificateOf("approved");
    await until(() => record.decisions.length === 2);
    await first.stop();
    running.splice(0);
    cluster.putRequest({
      ...storedCsr("denied", { metadata: { labels: { touched: "yes" } } }),
      status: decidedAs("Denied"),
    });
    const second = await started([]);
    await until(() => second.mirrored.depth === 0);
    const told = record.decisions.map(({ requestName, outcome, decidedBy }) => [requestName, outcome, decidedBy]);
    expect(told).toHaveLength(2);
    expect(told).toContainEqual(["approved", "approved", "others"]);
    expect(told).toContainEqual(["denied", "denied", "others"]);
  });

  test("those of other signers are left alone, and not on record", async () => {
    await started();
    const csr = storedCsr("foreign");
    cluster.putRequest({ ...csr, spec: { ...csr.spec, signerName: "example.com/theirs" } });
    cluster.putRequest(storedCsr("csr-1"));
    await certificateOf("csr-1");
    expect(await record.get("foreign")).toBeUndefined();
    expect(cluster.request("foreign")?.status).toEqual({});
  });

  test.each([
    { name: "the approval's answer is lost", matches: /approval$/, mishap: { kind: "unanswered" } },
    { name: "the certificate's answer is lost", matches: /status$/, mishap: { kind: "unanswered" } },
    { name: "the approval is refused with 500", matches: /approval$/, mishap: { kind: "refused", code: 500 } },
    { name: "the certificate is refused with 429", matches: /status$/, mishap: { kind: "refused", code: 429 } },
    { name: "the certificate is refused with 409", matches: /status$/, mishap: { kind: "refused", code: 409 } },
    { name: "the approval is refused with 404", matches: /approval$/, mishap: { kind: "refused", code: 404 } },
  ] as const)("$name: one certificate is signed all the same", async ({ matches, mishap }) => {
    await started();
    cluster.mishap(matches, mishap);
    cluster.putRequest(storedCsr("csr-1"));
    const certificate = await certificateOf("csr-1");
    expect(record.certificates).toHaveLength(1);
    expect((await record.get("csr-1"))?.status.certificate).toBe(certificate);
  });

  test("after a crash between the record and the cluster, the certificate on record is written", async () => {
    await started();
    cluster.mishap(/approval$/, { kind: "refused", code: 500 });
    cluster.putRequest(storedCsr("csr-1"));
    await until(() => record.certificates.length === 1);
    for (const controller of running) controller.isLeading = false;
    expect(cluster.request("csr-1")?.status).toEqual({});
    const onRecord = (await record.get("csr-1"))?.status.certificate;
    await started();
    expect(await certificateOf("csr-1")).toBe(onRecord);
    expect(record.certificates).toHaveLength(1);
  });

  test("a certificate that somebody else was faster with stands, and that ours went nowhere is on the audit trail", async () => {
    const controller = await started();
    cluster.mishap(/approval$/, { kind: "refused", code: 500 });
    cluster.putRequest(storedCsr("csr-1"));
    await until(() => record.certificates.length === 1);
    controller.isLeading = false;
    cluster.putRequest({ ...storedCsr("csr-1"), status: { ...APPROVED, certificate: "theirs" } });
    await until(() => controller.audited.length === 1);
    controller.isLeading = true;
    await controller.mirrored.syncAll();
    await until(() => controller.mirrored.depth === 0);
    expect(cluster.request("csr-1")?.status.certificate).toBe("theirs");
    expect((await record.get("csr-1"))?.status.certificate).toBe("theirs");
    expect(controller.audited).toMatchObject([{ kind: "certificate.undelivered", subject: "csr-1" }]);
    expect(writes()).toHaveLength(1);
  });

  test("what is deleted is archived, also when nobody was there to see it, and a new one of its name is another", async () => {
    const first = await started();
    cluster.putRequest(storedCsr("csr-1"));
    cluster.putRequest(storedCsr("csr-2"));
    await certificateOf("csr-1");
    await certificateOf("csr-2");
    await first.stop();
    running.splice(0);
    cluster.removeRequest("csr-1");
    cluster.removeRequest("csr-2");
    cluster.putRequest(storedCsr("csr-2", { metadata: { uid: "another" } }));
    await started();
    await until(() => record.removals.length === 2);
    await certificateOf("csr-2");
    expect(record.certificates.map(({ requestUid }) => requestUid)).toEqual([
      "uid-of-csr-1",
      "uid-of-csr-2",
      "another",
    ]);
  });

  test("a watch that is cut, or too old, loses nothing", async () => {
    await started();
    for (const [index, disturb] of [() => cluster.cutWatches(), () => cluster.compact()].entries()) {
      disturb();
      cluster.putRequest(storedCsr(`csr-${index}`));
      await certificateOf(`csr-${index}`);
    }
    expect(record.certificates).toHaveLength(2);
  });

  test("the cleaner deletes in the cluster, under the revision that was judged", async () => {
    const controller = await started([]);
    cluster.putRequest(storedCsr("old", { metadata: { finalizers: ["example.com/hold"] } }));
    await until(() => controller.remote.get("old"));
    const { logger } = recordingLogger();
    const clock = new SettableClock(new Date("2026-01-03T00:00:00Z"));
    const inspector = { inspectPem: () => ({ kind: "invalid", message: "" }) as const };
    const cleaner = createCleaner({ requests: controller.remote.cleanable, inspector, clock, logger });
    expect(await cleaner.run()).toMatchObject({ deleted: 1, reasons: { pendingTooLong: 1 } });
    await until(() => record.removals.length === 1);
    expect(cluster.request("old")).toBeUndefined();
  });

  test("while another replica leads, nothing is decided, signed or written", async () => {
    const controller = await started();
    controller.isLeading = false;
    cluster.putRequest(storedCsr("csr-1"));
    await until(() => controller.harness.observed.includes("sign"));
    await until(() => controller.mirrored.depth === 0);
    expect(record.certificates).toEqual([]);
    expect((await record.get("csr-1"))?.status).toEqual({});
    expect(writes()).toEqual([]);
  });

  test("requests are not made here", async () => {
    const { mirrored } = await started();
    await expect(mirrored.requests.create(storedCsr("x"))).rejects.toMatchObject({ reason: "MethodNotAllowed" });
  });
});
