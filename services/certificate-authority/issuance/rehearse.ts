import type { UserInfo } from "../../shared/user-info.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import type { CsrDraft } from "../domain/draft.ts";
import { judgeSigning } from "../domain/intent.ts";
import { nameViolation } from "../domain/name-constraints.ts";
import type { IssuanceDependencies, Rehearsal } from "./contract.ts";
import { decisionOf, nameRefusal, profileRefusal, type Refusal } from "./decision-records.ts";
import type { FactsCache } from "./facts-cache.ts";
import { submit } from "./submit.ts";

/** For drafts that have no name of their own. */
const NAME_PREFIX = "rehearsal-";

/**
 * Decides a request that nobody made, as it would be decided now: the same rules, chain and last look before a signature.
 * Nothing is stored, and hooks are told that nothing follows.
 *
 * @throws {StatusError} Invalid, Forbidden or BadRequest, as creating it would be refused.
 */
export async function rehearse(
  deps: IssuanceDependencies,
  cache: FactsCache,
  requester: UserInfo,
  draft: CsrDraft,
): Promise<Rehearsal> {
  // Whether the name is taken does not matter to what is decided.
  const beside = { ...deps, requests: NOTHING_STORED };
  const { csr, facts } = await submit(beside, cache, requester, named(draft));
  const decidedAt = deps.clock.now();
  const decision = await deps.chain.review({ csr, facts, now: decidedAt, isRehearsal: true });
  const refusal = decision.outcome === "approved" ? refusalBeforeSigning(deps, csr, facts) : undefined;
  return { csr, decidedAt, decision: refusal === undefined ? decision : decisionOf(refusal, decision.trace) };
}

const NOTHING_STORED = { get: async () => undefined };

function named(draft: CsrDraft): CsrDraft {
  const { name, generateName } = draft.metadata;
  if (name !== "" || generateName !== "") return draft;
  return { ...draft, metadata: { ...draft.metadata, generateName: NAME_PREFIX } };
}

/** What would make an approved request Failed; an issuer that is awaited refuses nothing. */
function refusalBeforeSigning(
  { issuers, configuredSigners }: IssuanceDependencies,
  { spec }: CertificateSigningRequest,
  facts: CsrFacts,
): Refusal | undefined {
  const judgement = judgeSigning(spec, facts, configuredSigners);
  if (judgement.kind === "violates") return profileRefusal(judgement.message);
  if (judgement.kind === "foreign") return undefined;
  const availability = issuers.issuerFor(spec.signerName);
  if (availability.kind === "awaited") return undefined;
  const violation = nameViolation(judgement.facts, availability.issuer.constraints);
  return violation === undefined ? undefined : nameRefusal(violation);
}
