import { StatusError } from "../../shared/status-error.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import { creationRefusal } from "../domain/admission.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import type { CsrDraft } from "../domain/draft.ts";
import { completeName, prepareCreate } from "../domain/prepare-create.ts";
import { invalidRequest, requestAlreadyExists, requestForbidden } from "../domain/request-errors.ts";
import { revocationViolation } from "../domain/revocation.ts";
import { validateCreate } from "../domain/validation.ts";
import type { IssuanceDependencies } from "./contract.ts";
import type { FactsCache } from "./facts-cache.ts";

/** A resourceVersion that is none is no claim to update something. */
const REVISION = /^\d+$/;

/** A new request as it is to be stored, and what it says. */
export interface Submission {
  readonly csr: CertificateSigningRequest;
  readonly facts: CsrFacts;
  /** Whether we completed its name, and may complete it otherwise. */
  readonly isGenerated: boolean;
}

/** Judges a draft and admits it: 422 before 403 before 409. */
export async function submit(
  deps: Omit<IssuanceDependencies, "requests"> & { readonly requests: Pick<IssuanceDependencies["requests"], "get"> },
  cache: FactsCache,
  requester: UserInfo,
  draft: CsrDraft,
): Promise<Submission> {
  const isGenerated = draft.metadata.name === "" && draft.metadata.generateName !== "";
  const name = isGenerated ? completeName(draft.metadata.generateName, deps.newNameSuffix()) : draft.metadata.name;
  const facts = await judge(cache, isGenerated ? withName(draft, name) : draft);
  const refusal = creationRefusal(requester, draft.spec.signerName, facts);
  if (refusal !== undefined) throw requestForbidden(name, refusal);
  const violation = deps.revocations && revocationViolation(requester, facts, deps.revocations);
  if (violation !== undefined) throw requestForbidden(name, violation.message);
  if (REVISION.test(draft.metadata.resourceVersion)) {
    throw new StatusError("BadRequest", "resourceVersion may not be set on an object that is to be created");
  }
  const csr = prepareCreate(draft, { name, uid: deps.newUid(), now: deps.clock.now(), requester });
  // Nothing is reviewed or signed for a name that is taken; a name of ours is all but free.
  if (!isGenerated && (await deps.requests.get(name)) !== undefined) throw requestAlreadyExists(name);
  return { csr, facts, isGenerated };
}

async function judge(cache: FactsCache, draft: CsrDraft): Promise<CsrFacts> {
  const decoding = await cache.decode(draft.spec.request);
  const errors = validateCreate(draft, decoding);
  if (errors.length > 0 || decoding.kind === "invalid") throw invalidRequest(draft.metadata.name, errors);
  return decoding.facts;
}

function withName(draft: CsrDraft, name: string): CsrDraft {
  return { ...draft, metadata: { ...draft.metadata, name } };
}
