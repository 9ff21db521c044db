import { expect, jest, test } from "@jest/globals";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { limited } from "../../../services/certificate-authority/approval/limited.ts";
import { hookSelector } from "../../../services/certificate-authority/approval/selector.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import type { ApprovalHook } from "../../../services/certificate-authority/domain/ports.ts";
import { buildIssuance } from "../../builders/issuance.ts";
import { CLIENT, CLIENT_KUBELET, draft } from "../../builders/request.ts";
import { bootstrapper } from "../../builders/users.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

jest.setTimeout(120_000);

const STORM = 10_000;
const AT_A_TIME = 8;
const GOOD_NODES = 200;
const REAL = { dryRun: false };
const FINE: Verdict = { kind: "approved", reason: "Fine", message: "fine", evidence: {} };

/** Answers nobody until it is told to. */
function stubbornHook() {
  let most = 0;
  let asking = 0;
  const hook: ApprovalHook = {
    name: "outside",
    review: (_, signal) => {
      asking += 1;
      most = Math.max(most, asking);
      return new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => {
          asking -= 1;
          reject(new Error("broken off"));
        });
      });
    },
  };
  return { hook, most: () => most };
}

test("10,000 requests that wait for a hook outside, 8 at a time, hold up neither good nodes nor people", async () => {
  const { hook, most } = stubbornHook();
  const outside = limited(hook, { timeoutSeconds: 300, concurrency: AT_A_TIME });
  const hooks = [
    { hook: outside, required: false, selector: hookSelector({ signers: [CLIENT] }) },
    {
      hook: { name: "prompt", review: () => FINE },
      required: false,
      selector: hookSelector({ signers: [CLIENT_KUBELET] }),
    },
  ];
  const chain = createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), hooks });
  const alice = { username: "alice", uid: "", groups: [], extra: {} };
  const { issuance, stored } = buildIssuance({
    allowed: ["alice approve signers kubernetes.io/kube-apiserver-client"],
    overrides: { chain },
    settings: { concurrency: 256, queueLimit: STORM },
  });
  issuance.start();
  const create = (name: string, signerName: string) =>
    issuance.create(bootstrapper(), draft({ metadata: { name }, spec: { signerName } }), REAL);
  const isIssued = async (name: string) => (await stored(name))?.status.certificate !== undefined;
  try {
    for (let start = 0; start < STORM; start += 500) {
      await Promise.all(Array.from({ length: 500 }, (_, index) => create(`waits-${start + index}`, CLIENT)));
    }
    expect(outside.load?.()).toEqual({ asking: AT_A_TIME, waiting: STORM - AT_A_TIME });
    for (let index = 0; index < GOOD_NODES; index += 1) {
      await create(`good-${index}`, CLIENT_KUBELET);
      expect(await isIssued(`good-${index}`)).toBe(true);
    }
    await issuance.decide(alice, "waits-9999", { type: "Approved", reason: "Known", message: "" });
    while (!(await isIssued("waits-9999"))) await new Promise((resolve) => setImmediate(resolve));
    expect(outside.load?.()).toEqual({ asking: AT_A_TIME, waiting: STORM - AT_A_TIME - 1 });
    expect(most()).toBe(AT_A_TIME);
    await issuance.stop();
    expect(outside.load?.()).toEqual({ asking: 0, waiting: 0 });
  } finally {
    await issuance.stop();
  }
});
