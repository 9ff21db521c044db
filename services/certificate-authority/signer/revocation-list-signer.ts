import { type KeyObject, sign, verify } from "node:crypto";
import { promisify } from "node:util";
import { StatusError } from "../../shared/status-error.ts";
import type { RemoteKey } from "../domain/remote-key.ts";
import type { RevocationListSigner } from "../domain/revocation-list.ts";
import type { IssuerCertificate } from "./issuer-certificate.ts";
import { RevocationEntries, revocationListToBeSigned, signedStructure } from "./revocation-list-writer.ts";

/** An issuer with its key. */
interface ListIssuer {
  readonly certificate: IssuerCertificate;
  readonly privateKey: KeyObject | RemoteKey;
}

// A list of 100,000 entries takes some milliseconds to hash: in the thread pool, so that the event loop goes on.
const signInPool = promisify<SignatureDigestName, Uint8Array, KeyObject, Buffer>(sign);
const verifyInPool = promisify<SignatureDigestName, Uint8Array, KeyObject, Uint8Array, boolean>(verify);
type SignatureDigestName = IssuerCertificate["signature"]["digest"];

/** Signs CRLs with whatever key the issuer has; each signature is verified. */
export function revocationListSigner(issuerOf: (id: string) => ListIssuer | undefined): RevocationListSigner {
  return {
    newEntries: () => new RevocationEntries(),
    async signRevocationList(issuerId, entries, times) {
      const issuer = issuerOf(issuerId);
      if (issuer === undefined) throw new StatusError("ServiceUnavailable", "the issuer does not sign any more");
      if (!(entries instanceof RevocationEntries)) throw new TypeError("these entries were encoded elsewhere");
      const { certificate } = issuer;
      if (!certificate.maySignLists) {
        const message = "the issuer's certificate does not let it sign CRLs: its key usage lacks cRLSign";
        throw new StatusError("Conflict", message);
      }
      const toBeSigned = revocationListToBeSigned(certificate, entries.encoded(), times);
      const signature = await signatureOf(issuer, toBeSigned);
      return signedStructure(toBeSigned, certificate.signature.algorithmDer, signature);
    },
  };
}

async function signatureOf({ certificate, privateKey }: ListIssuer, data: Buffer): Promise<Uint8Array> {
  const { digest } = certificate.signature;
  const signature =
    "spkiDer" in privateKey ? await privateKey.sign(digest, data, "der") : await signInPool(digest, data, privateKey);
  if (await verifyInPool(digest, data, certificate.publicKey, signature)) return signature;
  throw new StatusError("InternalError", "the signature of the CRL is not the issuer's");
}
