import type { Clock } from "../../shared/clock.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { CertificateRequests } from "../domain/ports.ts";
import { REQUEST_ERRORS } from "../domain/request-errors.ts";
import type { Removal } from "../registry/contract.ts";
import { type Withdrawal as ObjectWithdrawal, withdraw as withdrawObject } from "../registry/withdraw.ts";

export interface Withdrawal extends ObjectWithdrawal {
  /** User name for the audit trail; our own doing when absent. */
  readonly removedBy?: string;
}

/** Deletes a request, or marks it as being deleted while finalizers hold it. */
export function withdraw(
  {
    requests,
    clock,
  }: { readonly requests: Pick<CertificateRequests, "get" | "update" | "remove">; readonly clock: Clock },
  { removedBy, ...withdrawal }: Withdrawal,
): Promise<Removal<CertificateSigningRequest>> {
  const parts = {
    ...{ errors: REQUEST_ERRORS, clock },
    get: (name: string) => requests.get(name),
    update: (csr: CertificateSigningRequest) => requests.update(csr),
    remove: (name: string, held: ObjectWithdrawal["preconditions"]) => requests.remove(name, held, removedBy),
  };
  return withdrawObject(parts, withdrawal);
}
