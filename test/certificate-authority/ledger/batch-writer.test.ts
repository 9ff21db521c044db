import { afterEach, expect, test } from "@jest/globals";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { APPROVED, storedCsr } from "../../builders/stored-csr.ts";

let opened: TestLedger | undefined;

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `csr-${index}`);
}

test("many writes at once are stored in the order in which they were given", async () => {
  opened = await openTestLedger({ limits: { maximumBatch: 7 } });
  const { requests } = opened.ledger;
  const created = await Promise.all(numbered(100).map((name) => requests.create(storedCsr(name))));
  expect(created.map(({ metadata }) => Number(metadata.resourceVersion))).toEqual(
    Array.from({ length: 100 }, (_, index) => index + 2),
  );
});

test("writers that conflict lose alone", async () => {
  opened = await openTestLedger();
  const { requests } = opened.ledger;
  const created = await requests.create(storedCsr("a"));
  const attempts = await Promise.allSettled(numbered(20).map(() => requests.update({ ...created, status: APPROVED })));
  expect(attempts.map(({ status }) => status)).toEqual(["fulfilled", ...Array.from({ length: 19 }, () => "rejected")]);
  expect(requests.revision()).toBe(3);
});

test("a full queue refuses with a moment to wait, and serves again when it has drained", async () => {
  opened = await openTestLedger({ limits: { maximumQueuedOperations: 3 } });
  const { requests } = opened.ledger;
  const attempts = await Promise.allSettled(numbered(5).map((name) => requests.create(storedCsr(name))));
  expect(attempts.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected", "rejected"]);
  expect(attempts[3]).toMatchObject({ reason: { reason: "TooManyRequests", details: { retryAfterSeconds: 1 } } });
  await expect(requests.create(storedCsr("later"))).resolves.toBeDefined();
});

test("a queue of large objects is full by its octets", async () => {
  opened = await openTestLedger({ limits: { maximumQueuedBytes: 10_000 } });
  const { requests } = opened.ledger;
  const large = (name: string) => requests.create(storedCsr(name, { request: "A".repeat(9_000) }));
  const attempts = await Promise.allSettled([large("a"), large("b"), large("c")]);
  expect(attempts.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  await expect(large("d")).resolves.toBeDefined();
});

test("a promise resolves after its commit and not before", async () => {
  opened = await openTestLedger({ commitDelayMilliseconds: 200 });
  const { requests } = opened.ledger;
  let isStored = false;
  const writing = requests.create(storedCsr("a")).then(() => {
    isStored = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const early = await requests.get("a");
  expect({ isStored, early }).toEqual({ isStored: false, early: undefined });
  await writing;
  expect(await requests.get("a")).toBeDefined();
});

test("closing finishes what was accepted and refuses the rest", async () => {
  opened = await openTestLedger({ limits: { maximumBatch: 10 } });
  const { requests } = opened.ledger;
  const accepted = Promise.all(numbered(50).map((name) => requests.create(storedCsr(name))));
  const reopening = opened.reopen();
  await expect(requests.create(storedCsr("late"))).rejects.toMatchObject({ reason: "ServiceUnavailable" });
  await accepted;
  await reopening;
  expect((await opened.ledger.requests.list()).items).toHaveLength(50);
});

test("a ledger at its size limit refuses writes, serves reads, and recovers by compaction", async () => {
  opened = await openTestLedger({ limits: { maximumBytes: 2 * 1024 * 1024 } });
  const { requests, maintenance } = opened.ledger;
  const fill = async (): Promise<unknown> => {
    for (let index = 0; ; index += 1) {
      const request = "A".repeat(50_000);
      const made = requests.create(storedCsr(`csr-${index}`, { request }));
      const outcome = await made.then((csr) => requests.update({ ...csr, status: APPROVED })).catch((error) => error);
      if (outcome instanceof Error) return outcome;
    }
  };
  expect(await fill()).toMatchObject({ reason: "ServiceUnavailable", code: 503 });
  const { items } = await requests.list();
  expect(items.length).toBeGreaterThan(10);
  await maintenance.compact(new Date(Date.now() + 1_000));
  await expect(requests.create(storedCsr("after", { request: "A".repeat(50_000) }))).resolves.toBeDefined();
  expect((await maintenance.verify()).problems).toEqual([]);
});
