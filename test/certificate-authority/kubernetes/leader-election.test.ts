import { afterEach, expect, test } from "@jest/globals";
import { type Election, runElection } from "../../../services/certificate-authority/kubernetes/leader-election.ts";
import { FakeCluster } from "../../fakes/cluster.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const PATH = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const settings = {
  ...{ enabled: true, namespace: "kube-system", name: "gatehouse" },
  ...{ leaseDurationSeconds: 0.6, renewDeadlineSeconds: 0.4, retryPeriodSeconds: 0.05 },
};

const running: Election[] = [];
afterEach(async () => {
  for (const election of running.splice(0)) await election.stop();
});

interface Candidate {
  readonly election: Election;
  readonly events: string[];
}

/** @param clockAheadSeconds - how wrong this machine's clock is. */
function candidate(cluster: Pick<FakeCluster, "send">, identity: string, clockAheadSeconds = 0): Candidate {
  const events: string[] = [];
  const election = runElection({
    ...{ cluster, settings, identity, logger: recordingLogger().logger },
    onElected: () => events.push("elected"),
    onLost: () => events.push("lost"),
    now: () => new Date(Date.now() + clockAheadSeconds * 1000),
  });
  running.push(election);
  return { election, events };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const holder = (cluster: FakeCluster) =>
  (cluster.object(`${PATH}/gatehouse`) as { spec: { holderIdentity: string; leaseTransitions: number } }).spec;

test("one of two leads; the other when the first has stopped, at once", async () => {
  const cluster = new FakeCluster();
  const first = candidate(cluster, "first");
  await until(() => first.election.isLeading());
  const second = candidate(cluster, "second");
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(second.election.isLeading()).toBe(false);
  await first.election.stop();
  expect(first.election.isLeading()).toBe(false);
  await until(() => second.election.isLeading());
  expect(holder(cluster)).toMatchObject({ holderIdentity: "second", leaseTransitions: 1 });
  expect(first.events).toEqual(["elected"]);
});

test("a leader that can renew no more stops by itself before another begins, however wrong clocks are", async () => {
  const cluster = new FakeCluster();
  let isCutOff = false;
  const reached: Pick<FakeCluster, "send"> = {
    send: (...call) => (isCutOff ? Promise.reject(new Error("no route")) : cluster.send(...call)),
  };
  const first = candidate(reached, "first", -600);
  await until(() => first.election.isLeading());
  const second = candidate(cluster, "second", 600);
  isCutOff = true;
  let bothLed = false;
  await until(() => {
    bothLed ||= first.election.isLeading() && second.election.isLeading();
    return second.election.isLeading();
  });
  expect(bothLed).toBe(false);
  await until(() => first.events.length === 2);
  expect(first.events).toEqual(["elected", "lost"]);
});

test("a term that has run out is over, even when the lease can be renewed again", async () => {
  const cluster = new FakeCluster();
  const { election, events } = candidate(cluster, "only");
  await until(() => election.isLeading());
  // Nothing else of this process can run meanwhile either.
  const end = performance.now() + 500;
  while (performance.now() < end);
  expect(election.isLeading()).toBe(false);
  await until(() => events.length === 2);
  expect(election.isLeading()).toBe(false);
  expect(events).toEqual(["elected", "lost"]);
});

test("answers that fail now and then end no term", async () => {
  const cluster = new FakeCluster();
  const { election, events } = candidate(cluster, "only");
  await until(() => election.isLeading());
  for (const code of [500, 429, 409]) cluster.mishap(/^PUT .*leases/, { kind: "refused", code });
  cluster.mishap(/^PUT .*leases/, { kind: "unanswered" });
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(election.isLeading()).toBe(true);
  expect(events).toEqual(["elected"]);
});
