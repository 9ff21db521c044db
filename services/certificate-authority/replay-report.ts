import type { Decision, Outcome, TraceEntry } from "./domain/decision.ts";
import type { ReplayableItem, ReplayDecision, ReplayItem } from "./replay-decision.ts";

/** Causes that are told apart in one direction; the rest is counted together. */
const MAXIMUM_CAUSES = 50;
const OTHER_CAUSES = "other";
const MAXIMUM_MESSAGE = 500;

/** A request whose outcome would be another. */
export interface ReplayExample {
  readonly request: ReplayItem["request"];
  readonly nodeName: string;
  readonly decidedAt: string;
  readonly recorded: ReplayVerdict;
  readonly replayed: ReplayVerdict;
  /** What people made of it, where they did. */
  readonly settledAs?: Outcome;
}

interface ReplayVerdict {
  readonly outcome: Outcome;
  readonly hook?: string;
  readonly reason: string;
  readonly message: string;
}

export interface ReplayCause {
  readonly hook: string;
  readonly reason: string;
  readonly count: number;
}

/** Everything that would change in one direction. */
export interface ReplayChange {
  readonly from: Outcome;
  readonly to: Outcome;
  readonly count: number;
  /** How many of them people approved and denied after the chain had left them. */
  readonly approvedByPeople: number;
  readonly deniedByPeople: number;
  /** What brings the new outcome, the most frequent first. */
  readonly causes: readonly ReplayCause[];
  readonly examples: readonly ReplayExample[];
}

/** Hooks that were not asked then and cannot be asked here. */
export interface ReplayUnknown {
  readonly hook: string;
  readonly count: number;
  readonly examples: readonly string[];
}

export interface ReplayReport {
  readonly apiVersion: "gatehouse.dev/v1";
  readonly kind: "PolicyReplay";
  readonly since: string;
  /** Requests on record. */
  readonly recorded: number;
  readonly unchanged: number;
  readonly changed: number;
  /** Whose outcome depends on hooks that nobody asked. */
  readonly undetermined: number;
  /** What they asked for is no longer on record. */
  readonly lost: number;
  /** Which people decided before the chain had. */
  readonly decidedByPeople: number;
  /** Hooks of the new chain that are taken to say what they said then. */
  readonly stated: readonly string[];
  readonly changes: readonly ReplayChange[];
  readonly unknown: readonly ReplayUnknown[];
}

interface Counts {
  recorded: number;
  unchanged: number;
  changed: number;
  undetermined: number;
  lost: number;
  decidedByPeople: number;
}

/** Counts what replay finds, in bounded memory. */
export class ReplayTally {
  readonly #counts: Counts = { recorded: 0, unchanged: 0, changed: 0, undetermined: 0, lost: 0, decidedByPeople: 0 };
  readonly #changes = new Map<string, Direction>();
  readonly #unknown = new Map<string, { count: number; readonly examples: string[] }>();
  readonly #maximumExamples: number;

  constructor(maximumExamples: number) {
    this.#maximumExamples = maximumExamples;
  }

  get recorded(): number {
    return this.#counts.recorded;
  }

  /** Counts what cannot be decided again. */
  skip(item: ReplayItem): void {
    this.#counts.recorded += 1;
    if (item.decision === undefined) this.#counts.decidedByPeople += 1;
    else this.#counts.lost += 1;
  }

  add(item: ReplayableItem, { decision, unknown }: ReplayDecision): void {
    this.#counts.recorded += 1;
    if (unknown.length > 0) this.#addUnknown(item, unknown);
    else if (decision.outcome === item.decision.outcome) this.#counts.unchanged += 1;
    else this.#addChange(item, decision);
  }

  #addUnknown({ request }: ReplayItem, hooks: readonly string[]): void {
    this.#counts.undetermined += 1;
    for (const hook of hooks) {
      const known = this.#unknown.get(hook) ?? { count: 0, examples: [] };
      known.count += 1;
      if (known.examples.length < this.#maximumExamples) known.examples.push(request.name);
      this.#unknown.set(hook, known);
    }
  }

  #addChange(item: ReplayableItem, decision: Decision): void {
    this.#counts.changed += 1;
    const { outcome: from } = item.decision;
    const key = `${from} ${decision.outcome}`;
    const direction = this.#changes.get(key) ?? new Direction(from, decision.outcome, this.#maximumExamples);
    direction.add(item, decision);
    this.#changes.set(key, direction);
  }

  report(since: Date, stated: readonly string[]): ReplayReport {
    const changes = [...this.#changes.values()].map((direction) => direction.describe());
    const unknown = [...this.#unknown].map(([hook, { count, examples }]) => ({ hook, count, examples }));
    return {
      ...{ apiVersion: "gatehouse.dev/v1", kind: "PolicyReplay", since: since.toISOString() },
      ...this.#counts,
      stated,
      changes: changes.toSorted((a, b) => b.count - a.count),
      unknown: unknown.toSorted((a, b) => b.count - a.count),
    };
  }
}

class Direction {
  readonly #from: Outcome;
  readonly #to: Outcome;
  readonly #maximumExamples: number;
  readonly #people = { approved: 0, denied: 0, pending: 0 };
  readonly #causes = new Map<string, { readonly hook: string; readonly reason: string; count: number }>();
  readonly #examples: ReplayExample[] = [];
  #count = 0;

  constructor(from: Outcome, to: Outcome, maximumExamples: number) {
    this.#from = from;
    this.#to = to;
    this.#maximumExamples = maximumExamples;
  }

  add(item: ReplayableItem, decision: Decision): void {
    this.#count += 1;
    if (item.settlement !== undefined) this.#people[item.settlement.outcome] += 1;
    this.#addCause(causeOf(item.decision, decision));
    if (this.#examples.length < this.#maximumExamples) this.#examples.push(exampleOf(item, decision));
  }

  #addCause({ hook, reason }: Pick<TraceEntry, "hook" | "reason">): void {
    const isNew = !this.#causes.has(`${hook} ${reason}`);
    const isOther = isNew && this.#causes.size >= MAXIMUM_CAUSES;
    const name = isOther ? { hook: OTHER_CAUSES, reason: "" } : { hook, reason };
    const key = `${name.hook} ${name.reason}`;
    const cause = this.#causes.get(key) ?? { ...name, count: 0 };
    cause.count += 1;
    this.#causes.set(key, cause);
  }

  describe(): ReplayChange {
    return {
      ...{ from: this.#from, to: this.#to, count: this.#count },
      ...{ approvedByPeople: this.#people.approved, deniedByPeople: this.#people.denied },
      causes: [...this.#causes.values()].toSorted((a, b) => b.count - a.count),
      examples: this.#examples,
    };
  }
}

/** The hook that brings the new outcome; of a request that waits, what it waits for, or who no longer approves. */
function causeOf(recorded: Decision, { hook, reason, trace }: Decision): Pick<TraceEntry, "hook" | "reason"> {
  if (hook !== undefined) return { hook, reason };
  const hindering = trace.find(({ kind, required }) => kind === "failed" || (required && kind === "noOpinion"));
  if (hindering !== undefined) return hindering;
  const former = trace.find((entry) => entry.hook === recorded.hook);
  return former ?? { hook: recorded.hook ?? "chain", reason: former === undefined ? "NoLongerAsked" : reason };
}

function exampleOf({ request, document, decision, settlement }: ReplayableItem, replayed: Decision): ReplayExample {
  return {
    request,
    nodeName: document.nodeName,
    decidedAt: document.now,
    recorded: verdictOf(decision),
    replayed: verdictOf(replayed),
    ...(settlement && { settledAs: settlement.outcome }),
  };
}

function verdictOf({ outcome, hook, reason, message }: Decision): ReplayVerdict {
  return { outcome, ...(hook !== undefined && { hook }), reason, message: message.slice(0, MAXIMUM_MESSAGE) };
}
