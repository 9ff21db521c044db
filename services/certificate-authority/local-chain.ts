import { systemClock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import { createChain } from "./approval/chain.ts";
import { createHooks } from "./approval/create-hooks.ts";
import { asksAnybody } from "./approval/evidence/settings.ts";
import { NOBODY_ATTESTED } from "./approval/hooks/node-attestation.ts";
import { openKeyLists } from "./approval/key-lists.ts";
import { createKeyPolicy } from "./approval/key-policy.ts";
import type { HookSettings } from "./approval/settings.ts";
import type { Configuration } from "./configuration.ts";
import type { Authorizer } from "./domain/authorization.ts";
import type { CertificateSigningRequest } from "./domain/certificate-signing-request.ts";
import type { CsrFacts } from "./domain/csr-facts.ts";
import type { Decision, TraceEntry, Verdict } from "./domain/decision.ts";
import type { KeyViolation } from "./domain/key-policy.ts";
import type { ApprovalHook, KeyPolicy, ReviewHistory } from "./domain/ports.ts";
import { requestOfDocument } from "./domain/request-of-document.ts";
import type { ReviewDocument } from "./domain/review-document.ts";
import { openNodeAddresses } from "./kubernetes/node-addresses.ts";
import { localGuards } from "./local-guards.ts";
import { requestKeys } from "./request-keys.ts";
import { configuredSigners } from "./signer-settings.ts";

/** What a hook is taken to have said; `failed` is one that could not evaluate. */
export interface StatedVerdict extends Partial<Pick<Verdict, "reason" | "message" | "evidence">> {
  readonly kind: TraceEntry["kind"];
}

/** One request to be decided, with everything that cannot be found out here. */
export interface LocalQuestion {
  readonly document: ReviewDocument;
  /** What the CSR said, when it is at hand; otherwise what the document tells of it. */
  readonly facts?: CsrFacts;
  /** By the names of hooks: what those are taken to say that are not asked here. Others' are ignored. */
  readonly verdicts?: ReadonlyMap<string, StatedVerdict>;
}

export interface LocalHook {
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  /** Its verdict has to be stated; without one it has no opinion. */
  readonly isStated: boolean;
}

/** The chain of a configuration, evaluated in this process. */
export interface LocalChain {
  /** In the order they are asked, without the guards. */
  readonly hooks: readonly LocalHook[];
  review(question: LocalQuestion): Decision | Promise<Decision>;
  /** Frees what hooks hold that were asked outside. */
  close(): Promise<void>;
}

export interface LocalChainOptions {
  /** Asks programs and services outside as a server would, where they are configured. */
  readonly asksOutside?: boolean;
  /** Asks the guards about what else was asked for as well, as far as documents tell. */
  readonly hasGuards?: boolean;
  readonly logger: Logger;
}

/** The guard for keys, as traces name it. */
const KEY_GUARD = "key-policy";

/** These judge by the document alone. */
const EVALUATED_KINDS: ReadonlySet<string> = new Set(["policy", "kubelet-serving"]);
/** These can be asked from anywhere. */
const OUTSIDE_KINDS: ReadonlySet<string> = new Set(["script", "webhook"]);

/**
 * Builds the chain of a configuration without a server, a ledger or a cluster: hooks that judge by the document alone are
 * as the server has them; for the others a verdict is stated with each question. Of the guard for keys, what a ledger
 * would know is left out, and its verdict may be stated too.
 *
 * @throws what the hooks throw that cannot be built, each error naming its setting.
 */
export function openLocalChain(
  configuration: Configuration,
  { asksOutside = false, hasGuards = false, logger }: LocalChainOptions,
): LocalChain {
  const questions = new Questions();
  const { hooks } = configuration.approval;
  const statedNames = new Set(hooks.filter((hook) => isStated(hook, asksOutside)).map(nameOf));
  const links = createHooks(hooks, {
    ...{ authorizer: NOBODY_TO_ASK, attestations: NOBODY_ATTESTED, requestKeys, logger },
    openNodeAddresses: (settings) => openNodeAddresses(settings, { clock: systemClock, logger }),
    substitute: (_kind, name) => (statedNames.has(name) ? statedHook(name, questions) : undefined),
  });
  const guards = localGuards(configuration.approval.guards, {
    documentOf: (csr) => questions.of(csr).document,
    statedFor: (csr, guard) => stated(questions.of(csr), guard),
  });
  const chain = createChain({
    ...(hasGuards && { guards: guards.links, limits: guards.limits }),
    keyPolicy: localKeyPolicy(configuration, questions, logger),
    configuredSigners: configuredSigners(configuration),
    hooks: links.map((link) => ({ ...link, hook: withDocument(link.hook, questions) })),
    history: NO_HISTORY,
  });
  return {
    hooks: links.map(({ hook, required }, index) => {
      return { name: hook.name, kind: kindOf(hooks[index]), required, isStated: statedNames.has(hook.name) };
    }),
    review(question) {
      const { facts, ...request } = requestOfDocument(question.document);
      const asked = { ...request, facts: { ...(question.facts ?? facts) } };
      questions.add(asked.csr, asked.facts, question);
      return chain.review(asked);
    },
    close: () => chain.close(true),
  };
}

/** Which question a hook is asked about: the chain hands on the objects it was given. */
class Questions {
  readonly #byObject = new WeakMap<object, LocalQuestion>();

  add(csr: CertificateSigningRequest, facts: CsrFacts, question: LocalQuestion): void {
    this.#byObject.set(csr, question);
    this.#byObject.set(facts, question);
  }

  of(asked: CertificateSigningRequest | CsrFacts): LocalQuestion {
    const question = this.#byObject.get(asked);
    if (question === undefined) throw new Error("the chain was asked about something else");
    return question;
  }
}

function statedHook(name: string, questions: Questions): ApprovalHook {
  return {
    name,
    review({ csr }) {
      return stated(questions.of(csr), name) ?? NOT_STATED;
    },
  };
}

/** @throws when the hook is said to have failed. */
function stated({ verdicts }: LocalQuestion, name: string): Verdict | undefined {
  const verdict = verdicts?.get(name);
  if (verdict === undefined) return undefined;
  const { kind, reason = "Stated", message = `stated as ${kind}`, evidence = {} } = verdict;
  if (kind === "failed") throw new Error(message);
  return { kind, reason, message, evidence };
}

const NOT_STATED: Verdict = {
  kind: "noOpinion",
  reason: "NotStated",
  message: "no verdict was stated for this hook",
  evidence: {},
};

function withDocument(hook: ApprovalHook, questions: Questions): ApprovalHook {
  return {
    ...hook,
    review: (input, signal) =>
      hook.review({ ...input, document: async () => questions.of(input.csr).document }, signal),
  };
}

function localKeyPolicy(configuration: Configuration, questions: Questions, logger: Logger): KeyPolicy {
  const settings = configuration.keyPolicy;
  const certificates = { otherNodeOfKey: () => undefined };
  const policy = createKeyPolicy({ settings, lists: openKeyLists(settings, logger), certificates });
  return {
    ...policy,
    violation(facts) {
      const verdict = stated(questions.of(facts), KEY_GUARD);
      if (verdict === undefined) return policy.violation(facts);
      return verdict.kind === "denied" ? (verdict as Verdict & KeyViolation) : undefined;
    },
  };
}

/** Nobody asks: whoever would, is substituted. */
const NOBODY_TO_ASK: Authorizer = {
  authorize: () => {
    throw new Error("access cannot be reviewed without a server");
  },
};

/** Whether a hook is not asked here: it would need a server, or somebody outside who is not to be asked. */
function isStated(hook: HookSettings, asksOutside: boolean): boolean {
  const kind = kindOf(hook);
  if (OUTSIDE_KINDS.has(kind)) return !asksOutside;
  if (!EVALUATED_KINDS.has(kind)) return true;
  return !asksOutside && "kubelet-serving" in hook && asksAnybody(hook["kubelet-serving"].sources);
}

function nameOf(hook: HookSettings): string {
  return Object.values(hook)[0]?.name ?? kindOf(hook);
}

/** Documents come with the questions. */
const NO_HISTORY: ReviewHistory = { previousCertificates: async () => [], bindingOf: () => null };

function kindOf(hook: HookSettings | undefined): string {
  return Object.keys(hook ?? {})[0] ?? "";
}
