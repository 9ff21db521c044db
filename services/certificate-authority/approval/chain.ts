import { goOn } from "../../shared/go-on.ts";
import { type ConfiguredSigners, NO_CONFIGURED_SIGNERS } from "../domain/configured-signer.ts";
import type { Decision, TraceEntry } from "../domain/decision.ts";
import type { ApprovalChain, ApprovalHook, KeyPolicy, ReviewInput } from "../domain/ports.ts";
import { arbitrate } from "./arbitration.ts";
import { bootstrapTokenHook } from "./hooks/bootstrap-token.ts";
import { keyPolicyHook } from "./hooks/key-policy.ts";

export interface ChainLink {
  readonly hook: ApprovalHook;
  /** Without this hook's approval there is none. */
  readonly required: boolean;
}

export interface ChainOptions {
  /** What the guard for keys asks. */
  readonly keyPolicy: KeyPolicy;
  /** The signers whose keys it judges besides Kubernetes'. */
  readonly configuredSigners?: ConfiguredSigners;
  /** In the order they are asked. */
  readonly hooks: readonly ChainLink[];
  /** Milliseconds of a clock that never goes back, for the durations in the trace. */
  readonly monotonicNow?: () => number;
}

/**
 * Makes the chain of hooks. Whatever is configured, two guards come first: for bootstrap tokens that are bound to a node,
 * and for keys. Hooks are asked one after the other; a denial ends the questions, since nothing can outvote it.
 *
 * @throws {Error} when two hooks share a name, or one takes a guard's.
 */
export function createChain({
  keyPolicy,
  configuredSigners = NO_CONFIGURED_SIGNERS,
  hooks,
  monotonicNow = () => performance.now(),
}: ChainOptions): ApprovalChain {
  const guards = [bootstrapTokenHook(), keyPolicyHook(keyPolicy, configuredSigners)].map((hook) => ({
    hook,
    required: false,
  }));
  const links: readonly ChainLink[] = [...guards, ...hooks];
  const names = links.map(({ hook }) => hook.name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new Error(`the approval chain has hook ${JSON.stringify(repeated)} twice`);

  return {
    review(input: ReviewInput): Decision | Promise<Decision> {
      const trace: TraceEntry[] = [];
      const askFrom = (index: number): Decision | Promise<Decision> => {
        const link = links[index];
        if (link === undefined) return arbitrate(trace);
        const startedAt = monotonicNow();
        return goOn(link.hook.review(input), (verdict) => {
          const durationMicroseconds = Math.round((monotonicNow() - startedAt) * 1000);
          trace.push({ hook: link.hook.name, required: link.required, ...verdict, durationMicroseconds });
          return verdict.kind === "denied" ? arbitrate(trace) : askFrom(index + 1);
        });
      };
      return askFrom(0);
    },
  };
}
