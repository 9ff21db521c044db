import type { CsrFacts } from "../../services/certificate-authority/domain/csr-facts.ts";
import type { KeyViolation } from "../../services/certificate-authority/domain/key-policy.ts";
import type { KeyPolicy } from "../../services/certificate-authority/domain/ports.ts";

export interface FakeKeyPolicy extends KeyPolicy {
  /** The keys that are reserved now, by their SPKI's hash. */
  readonly reserved: readonly string[];
  /** What speaks against every key from now on; nothing when undefined. */
  says(violation: KeyViolation | undefined): void;
  /** The next reservation fails. */
  nextReservationFails(error: Error): void;
}

/** Accepts every key until it is told otherwise. */
export function createFakeKeyPolicy(): FakeKeyPolicy {
  const reserved: string[] = [];
  let current: KeyViolation | undefined;
  let failure: Error | undefined;
  return {
    reserved,
    says: (violation) => {
      current = violation;
    },
    nextReservationFails: (error) => {
      failure = error;
    },
    violation: () => current,
    reserve({ spkiSha256 }: CsrFacts) {
      const error = failure;
      failure = undefined;
      if (error) throw error;
      reserved.push(spkiSha256);
      return () => void reserved.splice(reserved.indexOf(spkiSha256), 1);
    },
  };
}
