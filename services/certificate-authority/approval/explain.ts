import { isAfterChain, KEY_POLICY_HOOK, NAMES_HOOK, PROFILE_HOOK } from "../domain/after-chain.ts";
import type { Decision, Outcome, TraceEntry, Verdict } from "../domain/decision.ts";
import type { ChainMember, Explanation, Flip, VerdictChange } from "../domain/explanation.ts";
import { GUARDS } from "../domain/guards.ts";

/** Of alternatives that are equally small; a chain has a hundred hooks at most. */
const MAXIMUM_ALTERNATIVES = 16;
const MAXIMUM_HINT = 1_024;

/** What refuses where it stands in a trace, and never approves. */
const NEVER_APPROVE: ReadonlySet<string> = new Set([
  ...["bootstrap-token", KEY_POLICY_HOOK, PROFILE_HOOK, NAMES_HOOK],
  ...GUARDS,
]);

type Kind = Verdict["kind"];

/**
 * The smallest changes of verdicts by which a decision would be another, by the rules of `arbitrate`: what would get a
 * request approved that is not, and what would have kept one from it. Changes that a person or a hook can do something
 * about carry the hook's hint (`evidence.hint`), or what it said.
 *
 * @param chain - the hooks that decide now, in their order, without guards; to name those that a denial kept from
 *   being asked.
 */
export function explainDecision(
  { outcome, trace }: Pick<Decision, "outcome" | "trace">,
  chain: readonly ChainMember[] = [],
): Explanation {
  switch (outcome) {
    case "approved":
      return { outcome, flips: [...towardsPending(trace), ...towardsDenied(trace)] };
    case "denied":
      return { outcome, flips: towardsApproved(trace, chain) };
    case "pending":
      return { outcome, flips: [...towardsApproved(trace, chain), ...towardsDenied(trace)] };
    default:
      return outcome satisfies never;
  }
}

function towardsApproved(trace: readonly TraceEntry[], chain: readonly ChainMember[]): readonly Flip[] {
  const hindering = trace.filter(hinders);
  const isApproved = trace.some(({ kind }) => kind === "approved");
  const asksOn = endsInDenial(trace);
  const couldApprove = hindering.some(mayApprove);
  if (isApproved || asksOn || couldApprove) {
    if (hindering.length === 0) return [];
    const needsApproval = !isApproved;
    const isAlone = needsApproval && !asksOn && hindering.length === 1;
    const changes = hindering.map((entry) => hinted(entry, isAlone ? ["approved"] : harmless(entry)));
    return [
      flip("approved", changes, {
        ...{ needsApproval: needsApproval && !isAlone, asksOn },
        asks: asksOn ? behind(trace, chain) : [],
      }),
    ];
  }
  const changes = hindering.map((entry) => hinted(entry, harmless(entry)));
  // Who has no opinion may come to one; who was not concerned is the last to be asked.
  const silent = ["noOpinion", "skipped"].flatMap((kind) => trace.filter((entry) => entry.kind === kind));
  return silent
    .filter((entry) => mayApprove(entry) && !hinders(entry))
    .slice(0, MAXIMUM_ALTERNATIVES)
    .map((entry) => flip("approved", [...changes, hinted(entry, ["approved"])]));
}

function towardsPending(trace: readonly TraceEntry[]): readonly Flip[] {
  const approvals = trace.filter(({ kind }) => kind === "approved");
  const isOnly = approvals.length === 1;
  const required = trace.filter((entry) => entry.required && (entry.kind === "approved" || entry.kind === "skipped"));
  const [first] = approvals;
  const alone = isOnly && first !== undefined && !first.required ? [first] : [];
  const single = [...alone, ...required].map((entry) => {
    const isOnlyApproval = isOnly && entry.kind === "approved";
    return flip("pending", [plain(entry, isOnlyApproval ? ["noOpinion", "skipped"] : ["noOpinion"])]);
  });
  if (single.length > 0) return single.slice(0, MAXIMUM_ALTERNATIVES);
  const changes = approvals.map((entry) => plain(entry, ["noOpinion", "skipped"]));
  return [flip("pending", changes)];
}

function towardsDenied(trace: readonly TraceEntry[]): readonly Flip[] {
  return trace.slice(0, MAXIMUM_ALTERNATIVES).map((entry) => flip("denied", [plain(entry, ["denied"])]));
}

/** No approval comes past a verdict like this. */
function hinders({ kind, required }: TraceEntry): boolean {
  return kind === "denied" || kind === "failed" || (required && kind === "noOpinion");
}

function mayApprove({ hook }: TraceEntry): boolean {
  return !NEVER_APPROVE.has(hook);
}

/** What a hindering hook may answer that hinders no more. */
function harmless(entry: TraceEntry): readonly Kind[] {
  return [
    ...(mayApprove(entry) ? (["approved"] as const) : []),
    ...(entry.required ? [] : (["noOpinion"] as const)),
    "skipped",
  ];
}

function endsInDenial(trace: readonly TraceEntry[]): boolean {
  const last = trace.at(-1);
  return last?.kind === "denied" && !isAfterChain(last);
}

/** Nobody knows what is behind a hook that the chain has no more. */
function behind(trace: readonly TraceEntry[], chain: readonly ChainMember[]): readonly ChainMember[] {
  const last = trace.at(-1)?.hook ?? "";
  if (NEVER_APPROVE.has(last)) return chain;
  const index = chain.findIndex(({ name }) => name === last);
  return index === -1 ? [] : chain.slice(index + 1);
}

function plain({ hook, kind }: TraceEntry, to: readonly Kind[]): VerdictChange {
  return { hook, from: kind, to, hint: undefined };
}

function hinted(entry: TraceEntry, to: readonly Kind[]): VerdictChange {
  const { hint } = entry.evidence;
  const text = typeof hint === "string" && hint !== "" ? hint : entry.message;
  return { ...plain(entry, to), hint: text === "" ? undefined : text.slice(0, MAXIMUM_HINT) };
}

interface Condition extends Pick<Flip, "needsApproval" | "asksOn"> {
  readonly asks: readonly ChainMember[];
}

const UNCONDITIONAL: Condition = { needsApproval: false, asksOn: false, asks: [] };

function flip(
  outcome: Outcome,
  changes: readonly VerdictChange[],
  { needsApproval, asksOn, asks }: Condition = UNCONDITIONAL,
): Flip {
  const conditions = changes.map(condition).join(" and ");
  const approver = needsApproval ? (asksOn ? "; one of the hooks has to approve" : "; one of them has to approve") : "";
  const others = asks.map(({ name, required }) => (required ? `${name} (required)` : name)).join(", ");
  const then = asksOn ? `; ${others || "the hooks behind it"} would be asked then` : "";
  const message = `${outcome} if ${conditions}${then}${approver}`;
  return { outcome, changes, needsApproval, asksOn, asks: asks.map(({ name }) => name), message };
}

function condition({ hook, from, to }: VerdictChange): string {
  if (to.includes("denied")) return `${hook} denied it`;
  if (from === "approved") return `${hook} did not approve it`;
  if (from === "denied") return `${hook} did not deny it`;
  if (from === "failed") return to.length === 1 ? `${hook} could be asked and approved it` : `${hook} could be asked`;
  if (to.includes("approved")) return `${hook} approved it`;
  return from === "noOpinion" ? `${hook} did not hold it back` : `${hook} had to approve it and did not`;
}
