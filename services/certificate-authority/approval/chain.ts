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
export function createChain({ keyPolicy, hooks, monotonicNow = () => performance.now() }: ChainOptions): ApprovalChain {
  const guards = [bootstrapTokenHook(), keyPolicyHook(keyPolicy)].map((hook) => ({ hook, required: false }));
  const links: readonly ChainLink[] = [...guards, ...hooks];
  const names = links.map(({ hook }) => hook.name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new Error(`the approval chain has hook ${JSON.stringify(repeated)} twice`);

  return {
    async review(input: ReviewInput): Promise<Decision> {
      const trace: TraceEntry[] = [];
      for (const { hook, required } of links) {
        const startedAt = monotonicNow();
        const verdict = await hook.review(input);
        const durationMicroseconds = Math.round((monotonicNow() - startedAt) * 1000);
        trace.push({ hook: hook.name, required, ...verdict, durationMicroseconds });
        if (verdict.kind === "denied") break;
      }
      return arbitrate(trace);
    },
  };
}
