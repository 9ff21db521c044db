import { createHash } from "node:crypto";
import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Configuration } from "./configuration.ts";
import { generateKeyPair } from "./custody/key-pair.ts";
import { createOcspResponder, type OcspResponder } from "./issuance/ocsp.ts";
import { createRevocationLists, type RevocationLists } from "./issuance/revocation-lists.ts";
import type { IssuerDirectory } from "./issuer-directory.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { ocspResponderKeys } from "./ocsp-responder-keys.ts";
import { revocationFiles } from "./revocation-files.ts";
import { createOcspCodec } from "./signer/ocsp-codec.ts";
import type { Signer } from "./signer/signer.ts";

export interface RevocationParts {
  readonly ledger: Pick<Ledger, "certificates" | "revocations" | "revocationListNumbers">;
  readonly issuers: { readonly directory: IssuerDirectory };
  readonly signer: Pick<Signer, "revocationLists" | "signer">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How what was revoked is told to those who do not follow the feed. */
export interface ConfiguredRevocation {
  readonly revocationLists: RevocationLists;
  /** Undefined when OCSP is not configured. */
  readonly ocsp: OcspResponder | undefined;
  /** Writes the CRLs that have changed where the configuration names a folder. @returns how many. */
  readonly writeFiles: () => Promise<number>;
  /** The ids of the issuers whose CRLs that would be. */
  readonly dueFiles: () => readonly string[];
}

export function configuredRevocation(configuration: Configuration, parts: RevocationParts): ConfiguredRevocation {
  const { crl } = configuration.revocation;
  const { ledger, issuers, signer, clock, logger } = parts;
  const ocsp = ocspOf(configuration, parts);
  const issuerIds = () => signingIdsOf(issuers.directory);
  const revocationLists = createRevocationLists({
    ...{ revocations: ledger.revocations, numbers: ledger.revocationListNumbers, signer: signer.revocationLists },
    ...{ issuerIds, validitySeconds: crl.validitySeconds, clock, logger },
  });
  const { directory } = crl;
  if (directory === undefined) return { revocationLists, ocsp, writeFiles: async () => 0, dueFiles: () => [] };
  const files = revocationFiles({ directory, issuerIds, revocationLists, logger });
  return { revocationLists, ocsp, writeFiles: () => files.update(), dueFiles: () => files.due() };
}

function ocspOf(
  { revocation: { ocsp } }: Configuration,
  { ledger, issuers, signer, clock, logger }: RevocationParts,
): OcspResponder | undefined {
  if (ocsp === undefined) return undefined;
  const { certificates, revocations } = ledger;
  const responderFor = ocspResponderKeys({
    ...{ issuers, signer: signer.signer, certificates, clock, logger },
    generateKeyPair: () => generateKeyPair("ecdsa-p256"),
  });
  const codec = createOcspCodec({ issuers: () => issuers.directory.signing, responderFor });
  return createOcspResponder({ codec, certificates, revocations, ...ocsp, clock, logger });
}

const idsOf = new WeakMap<IssuerDirectory, readonly string[]>();

/** The ids of the issuers that sign; a directory never changes. */
function signingIdsOf(directory: IssuerDirectory): readonly string[] {
  const known = idsOf.get(directory);
  if (known !== undefined) return known;
  const ids = directory.signing.map(({ certificateDer }) => createHash("sha256").update(certificateDer).digest("hex"));
  idsOf.set(directory, ids);
  return ids;
}
