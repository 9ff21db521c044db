import { expect, test } from "@jest/globals";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { kubeletClientHook } from "../../../services/certificate-authority/approval/hooks/kubelet-client.ts";
import { createSpread } from "../../../services/certificate-authority/domain/spread.ts";
import { buildIssuance } from "../../builders/issuance.ts";
import { draft } from "../../builders/request.ts";
import { bootstrapper } from "../../builders/users.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

const JOINS = 20;

/** The lifetimes, in seconds, that kubelets which join get. */
async function lifetimesOf({ isSpread, asked }: { readonly isSpread: boolean; readonly asked?: number }) {
  const spread = isSpread ? createSpread({ fraction: 0.5, minimumSeconds: 3600 }) : undefined;
  const hook = kubeletClientHook({ authorize: () => ({ allowed: true, reason: "" }) });
  const hooks = [{ hook, required: false }];
  const chain = createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), hooks });
  const { issuance, signer, settled } = buildIssuance({ settings: { spread }, overrides: { chain } });
  issuance.start();
  const metadata = { name: "", generateName: "csr-" };
  for (let join = 0; join < JOINS; join += 1) {
    const wish = draft({ metadata, ...(asked !== undefined && { spec: { expirationSeconds: asked } }) });
    await issuance.create(bootstrapper(), wish, { dryRun: false });
  }
  await settled();
  await issuance.stop();
  return signer.intents.map(({ notBefore, notAfter }) => (notAfter.getTime() - notBefore.getTime()) / 1000);
}

test("kubelets get lifetimes of their own, the same for the same request, none longer than the maximum", async () => {
  const lifetimes = await lifetimesOf({ isSpread: true });
  expect(lifetimes).toHaveLength(JOINS);
  expect(new Set(lifetimes).size).toBeGreaterThan(JOINS / 2);
  expect(Math.max(...lifetimes)).toBeLessThanOrEqual(86_400);
  expect(Math.min(...lifetimes)).toBeGreaterThanOrEqual(43_200);
  expect(await lifetimesOf({ isSpread: true })).toEqual(lifetimes);
});

test("without it, and where a lifetime is asked for, nothing changes", async () => {
  expect(await lifetimesOf({ isSpread: false })).toEqual(new Array(JOINS).fill(86_400));
  expect(await lifetimesOf({ isSpread: true, asked: 50_000 })).toEqual(new Array(JOINS).fill(50_000));
});
