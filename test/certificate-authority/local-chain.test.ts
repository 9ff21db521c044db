import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { openLocalChain, type StatedVerdict } from "../../services/certificate-authority/local-chain.ts";
import { facts } from "../builders/facts.ts";
import { document } from "../builders/review-document.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";

const { logger } = recordingLogger();

function open(settings: object = {}) {
  const configFile = join(temporaryDirectory(), "gatehouse.yaml");
  const head = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
  writeFileSync(configFile, JSON.stringify({ ...head, ...settings }));
  return openLocalChain(loadConfiguration({ configFile }), { logger });
}

function verdicts(stated: Readonly<Record<string, StatedVerdict>>): ReadonlyMap<string, StatedVerdict> {
  return new Map(Object.entries(stated));
}

test("hooks that need somebody outside say what is stated for them", async () => {
  const chain = open();
  expect(chain.hooks).toEqual([
    { name: "manual", kind: "manual", required: false, isStated: true },
    { name: "kubelet-client", kind: "kubelet-client", required: false, isStated: true },
  ]);
  const approved = { kind: "approved", reason: "AutoApproved", message: "as then", evidence: { a: 1 } } as const;
  expect(
    await chain.review({ document: document(), verdicts: verdicts({ "kubelet-client": approved }) }),
  ).toMatchObject({ outcome: "approved", hook: "kubelet-client", reason: "AutoApproved", message: "as then" });
  const decision = await chain.review({ document: document(), verdicts: verdicts({ nobody: approved }) });
  expect(decision).toMatchObject({ outcome: "pending" });
  expect(decision.trace.at(-1)).toMatchObject({ hook: "kubelet-client", kind: "noOpinion", reason: "NotStated" });
});

test("a hook that is stated to fail fails", async () => {
  const stated = verdicts({ "kubelet-client": { kind: "failed", message: "was away" }, manual: { kind: "approved" } });
  const decision = await open().review({ document: document(), verdicts: stated });
  expect(decision).toMatchObject({ outcome: "pending", reason: "HookFailed" });
  expect(decision.trace.at(-1)).toMatchObject({ kind: "failed", message: "was away" });
});

test("guards judge by the document, the one for keys as far as it can unless its verdict is stated", async () => {
  const chain = open();
  const bound = document({
    requester: { extra: { "gatehouse.dev/bound-node-name": ["other"] } },
    boundNodeName: "other",
  });
  expect(await chain.review({ document: bound })).toMatchObject({ outcome: "denied", hook: "bootstrap-token" });
  const weak = document({ key: { algorithm: "RSA", bits: 1024, curve: "" } });
  expect(await chain.review({ document: weak })).toMatchObject({ outcome: "denied", hook: "key-policy" });
  const said = (verdict: StatedVerdict) => verdicts({ "key-policy": verdict, manual: { kind: "approved" } });
  expect(await chain.review({ document: weak, verdicts: said({ kind: "noOpinion" }) })).toMatchObject({
    outcome: "approved",
  });
  const reused = { kind: "denied", reason: "KeyOfAnotherNode", message: "was another's" } as const;
  expect(await chain.review({ document: document(), verdicts: said(reused) })).toMatchObject({
    outcome: "denied",
    hook: "key-policy",
    reason: "KeyOfAnotherNode",
  });
  expect(await chain.review({ document: document(), verdicts: said({ kind: "failed" }) })).toMatchObject({
    reason: "HookFailed",
  });
});

test("serving certificates are judged anew by what is written down, and stated where a cluster or DNS would be asked", async () => {
  const asking = document({
    request: { signerName: "kubernetes.io/kubelet-serving", usages: ["digital signature", "server auth"] },
    requester: { username: "system:node:worker-1", groups: ["system:nodes"] },
    sans: { dnsNames: ["worker-1"], emailAddresses: [], ipAddresses: [], uris: [] },
  });
  const chainOf = (...sources: readonly object[]) =>
    open({ approval: { hooks: [{ "kubelet-serving": { name: "serving", sources } }] } });
  const byName = chainOf({ nameSuffixes: {} });
  expect(byName.hooks).toMatchObject([{ name: "serving", isStated: false }]);
  expect(await byName.review({ document: asking })).toMatchObject({ outcome: "approved", reason: "NamesShown" });
  for (const outside of [{ nodeObject: { kubeconfigFile: "none" } }, { dns: { ranges: ["10.0.0.0/8"] } }]) {
    const chain = chainOf({ nameSuffixes: {} }, outside);
    expect(chain.hooks).toMatchObject([{ name: "serving", isStated: true }]);
    const then = verdicts({ serving: { kind: "denied", message: "as then" } });
    expect(await chain.review({ document: asking, verdicts: then })).toMatchObject({ outcome: "denied" });
    await chain.close();
  }
  await byName.close();
});

test("questions that are asked side by side are not mixed up, even about one CSR", async () => {
  const chain = open();
  const shared = facts();
  const ask = async (kind: StatedVerdict["kind"]) =>
    chain.review({
      document: document(),
      facts: shared,
      verdicts: verdicts({ "key-policy": { kind }, manual: { kind } }),
    });
  const outcomes = await Promise.all((["denied", "approved", "noOpinion"] as const).map(ask));
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(["denied", "approved", "pending"]);
});
