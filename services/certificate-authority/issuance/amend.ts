import { isStatusError, StatusError } from "../../shared/status-error.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import { signerAccess } from "../domain/admission.ts";
import type { CertificateSigningRequest, UpdateTarget } from "../domain/certificate-signing-request.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import type { CsrDraft } from "../domain/draft.ts";
import { validateDeletionUntouched } from "../domain/object-meta-rules.ts";
import { changesStatus, isUnchanged, prepareUpdate } from "../domain/prepare-update.ts";
import {
  invalidRequest,
  requestConflict,
  requestForbidden,
  requestNotFound,
  staleRequest,
} from "../domain/request-errors.ts";
import { validateUpdate } from "../domain/validation.ts";
import type { Change, IssuanceDependencies, WriteOptions } from "./contract.ts";
import { decideAsPerson, type PersonalDecision } from "./people.ts";

/** How often a write without resourceVersion is put on top of what others wrote meanwhile. */
const TRIES = 8;

export interface Amendment {
  readonly requester: UserInfo;
  readonly name: string;
  readonly target: UpdateTarget;
  readonly change: Change;
  readonly options: WriteOptions;
}

export interface Amended {
  readonly csr: CertificateSigningRequest;
  readonly effect: "none" | "stored" | "removed";
  /** What a person decided with it. */
  readonly decision: DecisionRecord | undefined;
}

/**
 * Changes a stored request through one of its endpoints. Errors in the order of the API: name 400, 404, uid 409,
 * resourceVersion 409, 422, 403.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go (Update).
 */
export async function amend(deps: IssuanceDependencies, amendment: Amendment): Promise<Amended> {
  const { requester, name, target, options } = amendment;
  for (let attempt = 1; ; attempt += 1) {
    const { stored, draft } = await read(deps, amendment);
    const next = prepareUpdate(target, stored, draft, deps.clock.now());
    const errors = [
      ...validateDeletionUntouched(stored.metadata, draft.metadata),
      ...validateUpdate(target, stored, next, deps.inspector),
    ];
    if (errors.length > 0) throw invalidRequest(name, errors);
    await admit(deps, requester, target, stored, next);
    const decided = await decide(deps, amendment, stored, next);
    if (isUnchanged(stored, decided.next)) return { csr: stored, effect: "none", decision: undefined };
    if (options.dryRun) return { csr: decided.next, effect: "none", decision: undefined };
    try {
      return await write(deps, amendment, decided);
    } catch (error) {
      const isTriedAgain = draft.metadata.resourceVersion === "" && attempt < TRIES;
      if (!isTriedAgain || !isStatusError(error, "Conflict")) throw error;
    }
  }
}

async function read(
  deps: IssuanceDependencies,
  { name, change }: Amendment,
): Promise<{ readonly stored: CertificateSigningRequest; readonly draft: CsrDraft }> {
  const stored = await deps.requests.get(name);
  const draft = change(stored);
  const wanted = draft.metadata;
  if (wanted.name !== name) {
    throw new StatusError("BadRequest", `the object's name ${JSON.stringify(wanted.name)} is not the URL's`);
  }
  if (stored === undefined) throw requestNotFound(name);
  if (wanted.uid !== "" && wanted.uid !== stored.metadata.uid) {
    throw requestConflict(name, `its uid is ${stored.metadata.uid}, not ${wanted.uid}`);
  }
  if (wanted.resourceVersion !== "" && wanted.resourceVersion !== stored.metadata.resourceVersion) {
    throw staleRequest(name);
  }
  return { stored, draft };
}

async function decide(
  deps: IssuanceDependencies,
  { requester, target }: Amendment,
  stored: CertificateSigningRequest,
  next: CertificateSigningRequest,
): Promise<PersonalDecision> {
  if (target !== "approval") return { next, decision: undefined };
  return decideAsPerson(deps, requester, stored, next, deps.clock.now());
}

async function write(
  deps: IssuanceDependencies,
  { requester }: Amendment,
  { next, decision }: PersonalDecision,
): Promise<Amended> {
  const { name, uid, resourceVersion, deletionTimestamp, finalizers } = next.metadata;
  if (deletionTimestamp !== undefined && finalizers === undefined) {
    const last = await deps.requests.remove(name, { uid, resourceVersion }, requester.username);
    const metadata = { ...next.metadata, resourceVersion: last.metadata.resourceVersion };
    return { csr: { ...next, metadata }, effect: "removed", decision: undefined };
  }
  const csr = await deps.requests.update(next, decision && { decision });
  return { csr, effect: "stored", decision };
}

/** Rights on the signer, judged by the stored signerName: any write to `/approval`, an effective one to `/status`. */
async function admit(
  deps: IssuanceDependencies,
  requester: UserInfo,
  target: UpdateTarget,
  stored: CertificateSigningRequest,
  next: CertificateSigningRequest,
): Promise<void> {
  if (target === "main" || (target === "status" && !changesStatus(stored, next))) return;
  const verb = target === "approval" ? "approve" : "sign";
  const { signerName } = stored.spec;
  for (const attributes of signerAccess(verb, signerName)) {
    try {
      if ((await deps.authorizer.authorize(requester, attributes)).allowed) return;
    } catch (error) {
      deps.logger.warn(
        { err: error, user: requester.username, verb, signerName },
        "could not review access to a signer",
      );
    }
  }
  throw requestForbidden(
    stored.metadata.name,
    `user ${JSON.stringify(requester.username)} may not ${verb} requests of signer ${JSON.stringify(signerName)}`,
  );
}
