import { isStatusError, StatusError } from "../../shared/status-error.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import { creationRefusal } from "../domain/admission.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import type { CsrDraft } from "../domain/draft.ts";
import { invalidRequest } from "../domain/field-error.ts";
import { completeName, prepareCreate } from "../domain/prepare-create.ts";
import { requestAlreadyExists, requestForbidden } from "../domain/request-errors.ts";
import { validateCreate } from "../domain/validation.ts";
import type { IssuanceDependencies, WriteOptions } from "./contract.ts";
import type { FactsCache } from "./facts-cache.ts";
import { observed } from "./phases.ts";

/** How many generated names are tried before the clash is the caller's. */
const NAME_TRIES = 8;
/** A resourceVersion that is none is no claim to update something. */
const REVISION = /^\d+$/;

/** A new request as it is stored, and what it says. */
export interface Submission {
  readonly csr: CertificateSigningRequest;
  readonly facts: CsrFacts;
}

/** Judges a draft, admits it and stores it: 422 before 403 before 409. */
export async function submit(
  deps: IssuanceDependencies,
  cache: FactsCache,
  requester: UserInfo,
  draft: CsrDraft,
  options: WriteOptions,
): Promise<Submission> {
  const isGenerated = draft.metadata.name === "" && draft.metadata.generateName !== "";
  const name = isGenerated ? completeName(draft.metadata.generateName, deps.newNameSuffix()) : draft.metadata.name;
  const facts = await judge(cache, isGenerated ? withName(draft, name) : draft);
  const refusal = creationRefusal(requester, draft.spec.signerName, facts);
  if (refusal !== undefined) throw requestForbidden(name, refusal);
  if (REVISION.test(draft.metadata.resourceVersion)) {
    throw new StatusError("BadRequest", "resourceVersion may not be set on an object that is to be created");
  }
  const csr = prepareCreate(draft, { name, uid: deps.newUid(), now: deps.clock.now(), requester });
  if (options.dryRun) return { csr: await rehearse(deps, csr), facts };
  return { csr: await store(deps, csr, isGenerated ? NAME_TRIES : 1), facts };
}

async function judge(cache: FactsCache, draft: CsrDraft): Promise<CsrFacts> {
  const decoding = await cache.decode(draft.spec.request);
  const errors = validateCreate(draft, decoding);
  if (errors.length > 0 || decoding.kind === "invalid") throw invalidRequest(draft.metadata.name, errors);
  return decoding.facts;
}

async function rehearse(deps: IssuanceDependencies, csr: CertificateSigningRequest) {
  const { name } = csr.metadata;
  if ((await deps.requests.get(name)) !== undefined) throw requestAlreadyExists(name);
  return csr;
}

async function store(
  deps: IssuanceDependencies,
  csr: CertificateSigningRequest,
  tries: number,
): Promise<CertificateSigningRequest> {
  try {
    return await observed(deps.observe, "commit", () => deps.requests.create(csr));
  } catch (error) {
    if (tries <= 1 || !isStatusError(error, "AlreadyExists")) throw error;
    const name = completeName(csr.metadata.generateName ?? "", deps.newNameSuffix());
    return store(deps, { ...csr, metadata: { ...csr.metadata, name } }, tries - 1);
  }
}

function withName(draft: CsrDraft, name: string): CsrDraft {
  return { ...draft, metadata: { ...draft.metadata, name } };
}
