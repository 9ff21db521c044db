import { isStatusError } from "../../shared/status-error.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { CertificateRequests, FirstOutcome, OutcomeRecords } from "../domain/ports.ts";
import { completeName } from "../domain/prepare-create.ts";
import type { IssuanceDependencies, OutcomeStore } from "./contract.ts";
import { observed } from "./phases.ts";
import type { Submission } from "./submit.ts";

/** How many generated names are tried before the clash is the caller's. */
const NAME_TRIES = 8;

/** A new request on its way into the store. */
export interface Creation {
  /** The first that is written here creates the request, in the same commit. */
  readonly store: OutcomeStore;
  /**
   * The request as it was created; stores it when nothing was written about it.
   * @throws {StatusError} what the store refused it with.
   */
  created(): Promise<CertificateSigningRequest>;
}

/** Begins the creation of what was submitted; nothing is stored yet. */
export function beginCreation(deps: IssuanceDependencies, { csr, isGenerated }: Submission): Creation {
  let creation: Promise<CertificateSigningRequest> | undefined;

  function write(outcome: FirstOutcome): Promise<CertificateSigningRequest> {
    creation = store(deps.requests, csr, outcome, isGenerated ? () => deps.newNameSuffix() : undefined);
    return creation;
  }

  /** The request alone. */
  const writePlain = () => observed(deps.observe, "commit", () => write({ records: {} }));

  return {
    store: {
      update: (next, records) => write({ next, records }),
      recordDecision: (decision) => write({ records: { decision } }),
    },
    async created() {
      try {
        return await (creation ?? writePlain());
      } catch (error) {
        // Not the request was refused but what was to follow from it, which can be tried again.
        if (!isStatusError(error, "Conflict")) throw error;
        return writePlain();
      }
    },
  };
}

/** @param newNameSuffix - for a request whose name we complete; another name cannot be changed. */
async function store(
  requests: CertificateRequests,
  csr: CertificateSigningRequest,
  outcome: FirstOutcome,
  newNameSuffix: (() => string) | undefined,
): Promise<CertificateSigningRequest> {
  let [object, following] = [csr, outcome];
  for (let tries = 1; ; tries += 1) {
    try {
      return await requests.create(object, following);
    } catch (error) {
      const isFinal = newNameSuffix === undefined || tries >= NAME_TRIES || !isStatusError(error, "AlreadyExists");
      if (isFinal) throw error;
      const name = completeName(csr.metadata.generateName ?? "", newNameSuffix());
      object = renamed(csr, name);
      following = renamedOutcome(outcome, name);
    }
  }
}

function renamed(csr: CertificateSigningRequest, name: string): CertificateSigningRequest {
  return { ...csr, metadata: { ...csr.metadata, name } };
}

function renamedOutcome({ next, records }: FirstOutcome, requestName: string): FirstOutcome {
  const { decision, certificate } = records;
  const renamedRecords: OutcomeRecords = {
    ...(decision && { decision: { ...decision, requestName } }),
    ...(certificate && { certificate: { ...certificate, requestName } }),
  };
  return { ...(next && { next: renamed(next, requestName) }), records: renamedRecords };
}
