import { createHash } from "node:crypto";
import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Configuration } from "./configuration.ts";
import { createRevocationLists, type RevocationLists } from "./issuance/revocation-lists.ts";
import type { IssuerDirectory } from "./issuer-directory.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { revocationFiles } from "./revocation-files.ts";
import type { Signer } from "./signer/signer.ts";

export interface RevocationParts {
  readonly ledger: Pick<Ledger, "revocations" | "revocationListNumbers">;
  readonly issuers: { readonly directory: IssuerDirectory };
  readonly signer: Pick<Signer, "revocationLists">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How what was revoked is told to those who do not follow the feed. */
export interface ConfiguredRevocation {
  readonly revocationLists: RevocationLists;
  /** Writes the CRLs that have changed where the configuration names a folder. @returns how many. */
  readonly writeFiles: () => Promise<number>;
}

export function configuredRevocation(
  { revocation: { crl } }: Configuration,
  { ledger, issuers, signer, clock, logger }: RevocationParts,
): ConfiguredRevocation {
  const issuerIds = () => signingIdsOf(issuers.directory);
  const revocationLists = createRevocationLists({
    ...{ revocations: ledger.revocations, numbers: ledger.revocationListNumbers, signer: signer.revocationLists },
    ...{ issuerIds, validitySeconds: crl.validitySeconds, clock, logger },
  });
  const { directory } = crl;
  if (directory === undefined) return { revocationLists, writeFiles: async () => 0 };
  const files = revocationFiles({ directory, issuerIds, revocationLists, logger });
  return { revocationLists, writeFiles: () => files.update() };
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
