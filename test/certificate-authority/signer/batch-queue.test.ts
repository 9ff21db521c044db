import { expect, test } from "@jest/globals";
import { createBatchQueue } from "../../../services/certificate-authority/signer/batch-queue.ts";

interface Batch {
  readonly jobs: readonly number[];
  readonly answer: (results?: readonly string[]) => void;
  readonly fail: (error: Error) => void;
}

function queueOf(options: { lanes?: number; maxBatch?: number; maxWaiting?: number }) {
  const batches: Batch[] = [];
  const queue = createBatchQueue<number, string>({
    lanes: 1,
    maxBatch: 100,
    maxWaiting: 100,
    ...options,
    run: (jobs) =>
      new Promise((resolve, reject) => {
        batches.push({ jobs, answer: (results = jobs.map((job) => `r${job}`)) => resolve(results), fail: reject });
      }),
  });
  return { queue, batches, sent: () => batches.map(({ jobs }) => jobs) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** More turns of the event loop than a batch collects for. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await turn();
}

test("a job goes at once while a lane is idle; the rest collect and go together", async () => {
  const { queue, batches, sent } = queueOf({});
  const first = queue.submit(1);
  await settled();
  const rest = [queue.submit(2), queue.submit(3)];
  await settled();
  expect(sent()).toEqual([[1]]);
  batches[0]?.answer();
  expect(await first).toBe("r1");
  await settled();
  expect(sent()).toEqual([[1], [2, 3]]);
  batches[1]?.answer();
  expect(await Promise.all(rest)).toEqual(["r2", "r3"]);
});

test("the jobs of a few turns go together, once some have come together", async () => {
  const { queue, batches, sent } = queueOf({});
  for (const job of [1, 2]) void queue.submit(job);
  await settled();
  batches[0]?.answer();
  for (const job of [3, 4, 5]) {
    void queue.submit(job);
    await turn();
  }
  expect(sent()).toEqual([[1, 2]]);
  await settled();
  expect(sent()).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
});

test("a whole batch waits for nobody", async () => {
  const { queue, sent } = queueOf({ maxBatch: 2 });
  for (const job of [1, 2]) void queue.submit(job);
  await turn();
  expect(sent()).toEqual([[1, 2]]);
});

test("what one event submits is shared between the idle lanes, at most a batch each", async () => {
  const even = queueOf({ lanes: 2 });
  for (const job of [1, 2, 3, 4, 5]) void even.queue.submit(job);
  await settled();
  expect(even.sent()).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
  const small = queueOf({ lanes: 2, maxBatch: 2 });
  for (const job of [1, 2, 3, 4, 5]) void small.queue.submit(job);
  await settled();
  expect(small.sent()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  small.batches[1]?.answer();
  await settled();
  expect(small.sent()).toEqual([[1, 2], [3, 4], [5]]);
});

test("a full queue refuses with TooManyRequests and when to come back", async () => {
  const { queue, batches } = queueOf({ maxWaiting: 2 });
  const accepted = [queue.submit(1), queue.submit(2)];
  await expect(queue.submit(3)).rejects.toMatchObject({ reason: "TooManyRequests", details: { retryAfterSeconds: 1 } });
  await settled();
  const later = queue.submit(4);
  batches[0]?.answer();
  await settled();
  batches[1]?.answer();
  expect(await Promise.all([...accepted, later])).toEqual(["r1", "r2", "r4"]);
});

test("a failing batch fails its jobs and no others", async () => {
  const { queue, batches } = queueOf({});
  const failing = [queue.submit(1), queue.submit(2)];
  const outcome = Promise.allSettled(failing);
  await settled();
  const next = queue.submit(3);
  batches[0]?.fail(new Error("worker gone"));
  expect((await outcome).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await settled();
  batches[1]?.answer();
  expect(await next).toBe("r3");
});

test("a job without an answer is an error, not silence", async () => {
  const { queue, batches } = queueOf({});
  const jobs = Promise.allSettled([queue.submit(1), queue.submit(2)]);
  await settled();
  batches[0]?.answer(["r1"]);
  expect(await jobs).toMatchObject([{ value: "r1" }, { reason: { reason: "InternalError" } }]);
});

test("drain resolves when everything was answered, at once when nothing is under way", async () => {
  const { queue, batches } = queueOf({ maxBatch: 1 });
  await queue.drain();
  const jobs = [queue.submit(1), queue.submit(2)];
  let isDrained = false;
  const drained = queue.drain().then(() => {
    isDrained = true;
  });
  await settled();
  batches[0]?.answer();
  await settled();
  expect(isDrained).toBe(false);
  batches[1]?.answer();
  await Promise.all([drained, ...jobs]);
  expect(isDrained).toBe(true);
});
