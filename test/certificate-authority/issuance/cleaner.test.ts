import { expect, test } from "@jest/globals";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { createCleaner } from "../../../services/certificate-authority/issuance/cleaner.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { condition, type RequestArguments, request } from "../../builders/request.ts";
import { createFakeCertificateRequests } from "../../fakes/certificate-requests.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const OLD = "2026-01-01T00:00:00Z";
const clock = new SettableClock("2026-01-10T00:00:00Z");

function named(name: string, args: RequestArguments): CertificateSigningRequest {
  const created = { creationTimestamp: "2026-01-09T23:59:00Z" };
  return request({ ...args, metadata: { ...created, ...args.metadata, name, uid: name } });
}

const denied = (name: string) =>
  named(name, { status: { conditions: [condition("Denied", { lastUpdateTime: OLD })] } });

function harness(initial: readonly CertificateSigningRequest[]) {
  const requests = createFakeCertificateRequests(initial);
  const inspector = {
    inspectPem: (text: string) => {
      if (text === "bad") return { kind: "invalid" as const, message: "no block" };
      return { kind: "ok" as const, certificates: [{ notBefore: new Date(0), notAfter: new Date(text) }] };
    },
  };
  const cleaner = createCleaner({ requests, inspector, clock, logger: recordingLogger().logger });
  const names = async () => (await requests.list()).items.map(({ metadata }) => metadata.name);
  return { requests, cleaner, names };
}

test("deletes what has outlived its use, counts it by reason, leaves the rest", async () => {
  const young = { conditions: [condition("Approved", { lastUpdateTime: "2026-01-09T23:59:00Z" })] };
  const { cleaner, names } = harness([
    named("fresh", {}),
    named("old", { metadata: { creationTimestamp: OLD } }),
    denied("denied-1"),
    denied("denied-2"),
    named("expired", { status: { ...young, certificate: "2026-01-09T00:00:00Z" } }),
    named("valid", { status: { ...young, certificate: "2027-01-01T00:00:00Z" } }),
    named("unreadable", { status: { ...young, certificate: "bad" } }),
  ]);
  await expect(cleaner.run()).resolves.toEqual({
    examined: 7,
    deleted: 4,
    reasons: { pendingTooLong: 1, deniedLongAgo: 2, certificateExpired: 1 },
  });
  expect(await names()).toEqual(["fresh", "unreadable", "valid"]);
});

test("works through more than one batch", async () => {
  const { cleaner, names } = harness(Array.from({ length: 200 }, (_, index) => denied(`csr-${index}`)));
  await expect(cleaner.run()).resolves.toMatchObject({ examined: 200, deleted: 200 });
  expect(await names()).toEqual([]);
});

test("finalizers hold a request back; it is marked, not counted", async () => {
  const held = denied("held");
  const { cleaner, requests } = harness([{ ...held, metadata: { ...held.metadata, finalizers: ["a.b/c"] } }]);
  await expect(cleaner.run()).resolves.toMatchObject({ deleted: 0 });
  expect((await requests.get("held"))?.metadata.deletionTimestamp).toBe("2026-01-10T00:00:00Z");
});

test("what was changed or deleted meanwhile is left to the next pass", async () => {
  const { cleaner, requests, names } = harness([denied("a"), denied("b")]);
  const list = requests.list.bind(requests);
  requests.list = async () => {
    const found = await list();
    const [first] = found.items;
    if (first) await requests.update({ ...first, metadata: { ...first.metadata, labels: { a: "b" } } });
    await requests.remove("b", {});
    return found;
  };
  await expect(cleaner.run()).resolves.toMatchObject({ deleted: 0 });
  requests.list = list;
  expect(await names()).toEqual(["a"]);
});

test("trouble with the store ends the pass", async () => {
  const { cleaner, requests } = harness([denied("a")]);
  requests.failNext("remove", new StatusError("InternalError", "disk trouble"));
  await expect(cleaner.run()).rejects.toThrow("disk trouble");
});
