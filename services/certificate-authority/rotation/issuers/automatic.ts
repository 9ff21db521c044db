import { isStatusError } from "../../../shared/status-error.ts";
import { hasLived, isPublishedSince, slotsOf } from "../../domain/rotation-policy.ts";
import type { AutomaticRotation, IssuerRotation, RotationDependencies } from "./contract.ts";

const OURSELVES = "gatehouse";

type Dependencies = Pick<RotationDependencies, "issuers" | "keys" | "clock" | "logger"> & {
  readonly rotation: IssuerRotation;
  readonly policy: AutomaticRotation;
};

/**
 * Takes every step that is due, and none by force: prepares when so much of the active issuer's life has passed, activates
 * when the new one was published for long enough and is shown to be trusted, retires what has no live certificate. One
 * issuer that cannot go on keeps no other from it.
 *
 * @returns what was done, a line each.
 */
export async function rotateWhatIsDue(deps: Dependencies, isDryRun = false): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of deps.keys.names) {
    try {
      const step = await dueStep(deps, name);
      if (step === undefined) continue;
      if (!isDryRun) await step.take();
      lines.push(`${isDryRun ? "would " : ""}${step.what} ${name}`);
    } catch (error) {
      if (!isStatusError(error)) throw error;
      deps.logger.warn({ name, reason: error.message }, "an issuer's rotation waits");
    }
  }
  return lines;
}

interface DueStep {
  readonly what: string;
  take(): Promise<unknown>;
}

async function dueStep(deps: Dependencies, name: string): Promise<DueStep | undefined> {
  const { rotation, issuers, keys, policy, clock } = deps;
  const { prepared, active } = slotsOf(await issuers.list(), name);
  const now = clock.now();
  if (active === undefined) return undefined;
  if (prepared !== undefined) return dueActivation(deps, name, prepared);
  const status = await rotation.status(name);
  const spent = status.slots.find(({ slot, inTheWay }) => slot === "old" && inTheWay === 0);
  if (spent !== undefined) return { what: "retire", take: () => rotation.retire(name, spent.id, [], OURSELVES) };
  const mayPrepare = keys.refusal(name) === undefined && !keys.isSignedElsewhere(name);
  if (!mayPrepare || !hasLived(active, policy.prepareAtPercentOfLife, now)) return undefined;
  const wanted = { bridge: policy.bridge, chainPem: undefined };
  return { what: "prepare", take: () => rotation.prepare(name, wanted, OURSELVES) };
}

async function dueActivation(
  { rotation, policy, clock }: Dependencies,
  name: string,
  prepared: { readonly createdAt: Date },
): Promise<DueStep | undefined> {
  if (!isPublishedSince(prepared, policy.overlapSeconds, clock.now())) return undefined;
  const { trust } = await rotation.status(name);
  const isShown = trust !== undefined && (trust.isGiven !== undefined || trust.shown === trust.total);
  return isShown ? { what: "activate", take: () => rotation.activate(name, [], OURSELVES) } : undefined;
}
