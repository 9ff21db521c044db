import { arbitrate } from "./approval/arbitration.ts";
import type { GuardSettings } from "./approval/guards/settings.ts";
import { isAfterChain, PROFILE_HOOK } from "./domain/after-chain.ts";
import type { ConfiguredSigners } from "./domain/configured-signer.ts";
import type { Decision, TraceEntry } from "./domain/decision.ts";
import { GUARDS } from "./domain/guards.ts";
import { judgeSigning } from "./domain/intent.ts";
import { recogniseKubeletClient } from "./domain/kubelet-client.ts";
import type { RecordedReview, Settlement } from "./domain/recorded-request.ts";
import { requestOfDocument } from "./domain/request-of-document.ts";
import type { ReviewDocument } from "./domain/review-document.ts";
import type { LocalChain, StatedVerdict } from "./local-chain.ts";

/** A recorded request as it comes out of a ledger, or over REST. */
export interface ReplayItem extends Pick<RecordedReview, "request"> {
  readonly document?: ReviewDocument | undefined;
  readonly decision?: Decision | undefined;
  readonly settlement?: Pick<Settlement, "outcome"> | undefined;
}

/** An item that can be decided again. */
export interface ReplayableItem extends ReplayItem {
  readonly document: ReviewDocument;
  readonly decision: Decision;
}

export interface ReplayDecision {
  readonly decision: Decision;
  /** Hooks whose verdict nobody knows, and that decide the outcome. */
  readonly unknown: readonly string[];
}

/** What a recorded request is decided by. */
export interface ReplayJudges {
  readonly chain: LocalChain;
  readonly signers: ConfiguredSigners;
  readonly guards: Pick<GuardSettings, "supersede" | "firstJoin">;
}

/** Reasons of entries that hold no verdict. */
const NOT_SELECTED = "NotSelected";
const NOT_STATED = "NotStated";

const WAITS: StatedVerdict = { kind: "noOpinion", reason: "WaitsForPerson", message: "waits for a person" };
const UNRECOGNISED: StatedVerdict = {
  kind: "noOpinion",
  reason: "NotRecognised",
  message: "this is no request for a kubelet's client certificate",
};

/**
 * Decides a recorded request by another chain, with the facts of its time. Hooks that are not asked here say what they
 * said then; one that was not asked then, or is new, is not known.
 */
export async function decideAgain(
  { chain, signers, guards }: ReplayJudges,
  item: ReplayableItem,
): Promise<ReplayDecision> {
  const { document, decision: recorded } = item;
  const verdicts = verdictsFor(chain, item);
  const { trace } = await chain.review({ document, verdicts });
  const decision = arbitrate([...guardEntries(recorded.trace, trace, guards), ...trace]);
  if (decision.outcome === "denied") return { decision, unknown: [] };
  const unknown = trace.filter((entry) => isUnknown(entry, verdicts)).map(({ hook }) => hook);
  if (unknown.length > 0 || decision.outcome === "pending") return { decision, unknown };
  const refusal = refusalOf(item, signers);
  return { decision: refusal === undefined ? decision : refused(refusal, decision.trace), unknown };
}

/** What is known of the hooks of the new chain, by their names. */
function verdictsFor(chain: LocalChain, { document, decision }: ReplayableItem): ReadonlyMap<string, StatedVerdict> {
  const said = decision.trace.filter(
    (entry) => entry.reason !== NOT_SELECTED && !isAfterChain(entry) && !isLookedUp(entry),
  );
  const verdicts = new Map<string, StatedVerdict>(said.map((entry) => [entry.hook, entry]));
  for (const { name, kind } of chain.hooks) {
    if (verdicts.has(name)) continue;
    // People decide beside the chain, and what is no kubelet's request is so whoever looks.
    if (kind === "manual") verdicts.set(name, WAITS);
    if (kind === "kubelet-client" && !isKubeletClient(document)) verdicts.set(name, UNRECOGNISED);
  }
  return verdicts;
}

/** Whether a key is strong enough is looked up in the new configuration; whose key it is, only the record of then knows. */
function isLookedUp({ hook, reason }: TraceEntry): boolean {
  return hook === "key-policy" && reason !== "KeyOfAnotherNode";
}

function isKubeletClient(document: ReviewDocument): boolean {
  const { csr, facts } = requestOfDocument(document);
  return recogniseKubeletClient(csr.spec, facts).length > 0;
}

/** What guards said of all that was asked for then, as far as they are still configured, unless the new chain has asked them itself. */
function guardEntries(
  recorded: readonly TraceEntry[],
  trace: readonly TraceEntry[],
  { supersede, firstJoin }: ReplayJudges["guards"],
): readonly TraceEntry[] {
  return recorded
    .filter(({ hook }) => GUARDS.has(hook) && !trace.some((entry) => entry.hook === hook))
    .flatMap((entry): readonly TraceEntry[] => {
      if (entry.hook === "supersede") return supersede ? [entry] : [];
      if (entry.hook !== "first-join" || entry.kind === "skipped") return [entry];
      if (firstJoin === "allow") return [];
      return [{ ...entry, required: true, kind: firstJoin === "deny" ? "denied" : "noOpinion" }];
    });
}

/** Nobody said what the hook would say, or it failed here and now, which says nothing of then. */
function isUnknown({ hook, kind, reason }: TraceEntry, verdicts: ReadonlyMap<string, StatedVerdict>): boolean {
  return reason === NOT_STATED || (kind === "failed" && verdicts.get(hook)?.kind !== "failed");
}

/** The last look before a signature: by the profiles of now; what an issuer may certify is taken from the record. */
function refusalOf({ document, decision }: ReplayableItem, signers: ConfiguredSigners): TraceEntry | undefined {
  const { csr, facts } = requestOfDocument(document);
  const judgement = judgeSigning(csr.spec, facts, signers);
  if (judgement.kind !== "violates") {
    return decision.trace.find(
      (entry) => isAfterChain(entry) && entry.hook !== PROFILE_HOOK && entry.kind === "denied",
    );
  }
  const { message } = judgement;
  return {
    ...{ hook: PROFILE_HOOK, required: true, kind: "denied", reason: "SignerValidationFailure", message },
    ...{ evidence: {}, durationMicroseconds: 0 },
  };
}

function refused(refusal: TraceEntry, trace: readonly TraceEntry[]): Decision {
  const { hook, reason, message } = refusal;
  return { outcome: "denied", hook, reason, message, trace: [...trace, refusal] };
}
