import type { CertificateSigner, RecordGuard } from "../domain/ports.ts";

/** A signer that asks before each signature whether what is done can be put on record; without that nothing is signed. */
export function guardedSigner(signer: CertificateSigner, guard: RecordGuard): CertificateSigner {
  return {
    async sign(intent, issuerId) {
      await guard.check();
      return signer.sign(intent, issuerId);
    },
  };
}
