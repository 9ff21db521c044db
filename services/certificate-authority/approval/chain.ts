import { goOn } from "../../shared/go-on.ts";
import { StatusError } from "../../shared/status-error.ts";
import { type ConfiguredSigners, NO_CONFIGURED_SIGNERS } from "../domain/configured-signer.ts";
import type { Decision, TraceEntry, Verdict } from "../domain/decision.ts";
import type {
  ApprovalChain,
  ApprovalHook,
  HookLoad,
  KeyPolicy,
  ReviewHistory,
  ReviewInput,
  ReviewRequest,
} from "../domain/ports.ts";
import { requestedNodeName } from "../domain/requested-node.ts";
import { type ReviewDocument, reviewDocument } from "../domain/review-document.ts";
import { arbitrate, isIncomplete } from "./arbitration.ts";
import { bootstrapTokenHook } from "./hooks/bootstrap-token.ts";
import { keyPolicyHook } from "./hooks/key-policy.ts";
import { podRequestHook } from "./hooks/pod-request.ts";
import { type HookSelector, selects } from "./selector.ts";

export interface ChainLink {
  readonly hook: ApprovalHook;
  /** Without this hook's approval there is none. */
  readonly required: boolean;
  /** Which requests it is asked about; all when undefined. */
  readonly selector?: HookSelector | undefined;
  /** How many people have to approve where it is asked; only of hooks that ask people. */
  readonly quorum?: number | undefined;
}

export interface ChainOptions {
  /** What the guard for keys asks. */
  readonly keyPolicy: KeyPolicy;
  /** The signers whose keys it judges besides Kubernetes'. */
  readonly configuredSigners?: ConfiguredSigners;
  /** Guards besides those that are always there; asked after them and before the hooks. */
  readonly guards?: readonly ChainLink[];
  /** Asked about requests that are to wait: they deny, or skip. */
  readonly limits?: readonly ApprovalHook[];
  /** In the order they are asked. */
  readonly hooks: readonly ChainLink[];
  readonly history: ReviewHistory;
  readonly observe?: HookObserver | undefined;
  /** Milliseconds of a clock that never goes back, for the durations in the trace. */
  readonly monotonicNow?: () => number;
}

/** A chain with what it holds. */
export interface BuiltChain extends ApprovalChain {
  /** The files that hooks were made from. */
  files(): readonly string[];
  /** How busy the hooks are that tell, by name. */
  loads(): ReadonlyMap<string, HookLoad>;
  /** Frees what the hooks hold. @param isUrgent - as for `ApprovalHook.close`. */
  close(isUrgent: boolean): Promise<void>;
}

/** Told of every answer of a hook; synchronous and quick. */
export type HookObserver = (hook: string, kind: TraceEntry["kind"], seconds: number) => void;

/**
 * Makes the chain of hooks. Whatever is configured, guards come first: for bootstrap tokens that are bound to a node, for
 * pods' requests, and for keys. Hooks are asked one after the other; a denial ends the questions, since nothing can
 * outvote it. A hook that throws leaves a `failed` entry, and the others are asked all the same: one of them may deny.
 * Guards that skip a request, which is nearly always, leave no entry.
 *
 * @throws {Error} when two hooks share a name, or one takes a guard's.
 */
export function createChain({
  keyPolicy,
  configuredSigners = NO_CONFIGURED_SIGNERS,
  guards = [],
  limits = [],
  hooks,
  history,
  observe,
  monotonicNow = () => performance.now(),
}: ChainOptions): BuiltChain {
  const fixed = [bootstrapTokenHook(), podRequestHook(configuredSigners), keyPolicyHook(keyPolicy, configuredSigners)];
  const links: readonly ChainLink[] = [...fixed.map((hook) => ({ hook, required: false })), ...guards, ...hooks];
  const firstHook = fixed.length + guards.length;
  const names = [...links.map(({ hook }) => hook.name), ...limits.map(({ name }) => name)];
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new Error(`the approval chain has hook ${JSON.stringify(repeated)} twice`);

  return {
    approvalsNeeded: (csr) => quorumOf(links, csr),
    files: () => links.flatMap(({ hook }) => hook.files?.() ?? []),
    loads: () => new Map(links.flatMap(({ hook }) => (hook.load === undefined ? [] : [[hook.name, hook.load()]]))),
    async close(isUrgent) {
      await Promise.all(links.flatMap(({ hook }) => (hook.close === undefined ? [] : [hook.close(isUrgent)])));
    },
    review(request: ReviewRequest): Decision | Promise<Decision> {
      const input = reviewInput(request, history);
      const trace: TraceEntry[] = [];
      const askOne = (link: ChainLink, isGuard: boolean): boolean | Promise<boolean> => {
        const startedAt = monotonicNow();
        return goOn(ask(link, input), (answer) => {
          const milliseconds = monotonicNow() - startedAt;
          const isSkipped = answer.kind === "skipped";
          if (!isSkipped) observe?.(link.hook.name, answer.kind, milliseconds / 1000);
          const durationMicroseconds = Math.round(milliseconds * 1000);
          const entry = { hook: link.hook.name, required: link.required, ...answer, durationMicroseconds };
          if (!isGuard || !isSkipped) trace.push(entry);
          return answer.kind === "denied";
        });
      };
      const askFrom = (index: number): Decision | Promise<Decision> => {
        const link = links[index];
        if (link === undefined) return concludeWith(0);
        if (request.interest?.isLost) throw new StatusError("Conflict", "the request was settled otherwise");
        return goOn(askOne(link, index < firstHook), (isDenied) => (isDenied ? arbitrate(trace) : askFrom(index + 1)));
      };
      const concludeWith = (index: number): Decision | Promise<Decision> => {
        const decision = arbitrate(trace);
        const limit = limits[index];
        if (limit === undefined || decision.outcome !== "pending" || isIncomplete(decision)) return decision;
        return goOn(askOne({ hook: limit, required: false }, true), () => concludeWith(index + 1));
      };
      return askFrom(0);
    },
  };
}

function quorumOf(links: readonly ChainLink[], { spec }: ReviewRequest["csr"]): number {
  const asked = links.filter(({ selector }) => selector === undefined || selects(selector, spec));
  return Math.max(1, ...asked.map(({ quorum = 1 }) => quorum));
}

function reviewInput(request: ReviewRequest, history: ReviewHistory): ReviewInput {
  let document: Promise<ReviewDocument> | undefined;
  const { csr, facts } = request;
  const putTogether = async () => {
    const nodeName = requestedNodeName(facts);
    const { signerName } = csr.spec;
    const previous = nodeName === undefined ? [] : await history.previousCertificates(nodeName, signerName);
    const binding = nodeName === undefined ? null : history.bindingOf(nodeName, csr.spec.username ?? "");
    return reviewDocument(request, previous, binding);
  };
  return {
    ...request,
    document: () => {
      document ??= putTogether();
      return document;
    },
  };
}

type Answer = Pick<TraceEntry, "kind" | "reason" | "message" | "evidence">;

function ask({ hook, selector }: ChainLink, input: ReviewInput): Answer | Promise<Answer> {
  if (selector !== undefined && !selects(selector, input.csr.spec)) return NOT_SELECTED;
  try {
    const verdict: Verdict | Promise<Verdict> = hook.review(input);
    return verdict instanceof Promise ? verdict.catch(failure) : verdict;
  } catch (error) {
    return failure(error);
  }
}

const NOT_SELECTED: Answer = {
  kind: "skipped",
  reason: "NotSelected",
  message: "the hook is configured for other signers or requesters",
  evidence: {},
};

function failure(error: unknown): Answer {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "failed", reason: "CouldNotEvaluate", message, evidence: {} };
}
