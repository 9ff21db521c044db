import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import { type ControlPlaneOutcome, type ControlPlaneWish, initializeControlPlane } from "./control-plane/initialize.ts";
import { controlPlaneIssuers } from "./control-plane-issuers.ts";
import type { Custody } from "./custody/custody.ts";
import { generateKeyPair } from "./custody/key-pair.ts";
import type { CertificateSigner } from "./domain/ports.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { LiveIssuers } from "./live-issuers.ts";
import { createSigner } from "./signer/signer.ts";

/** What is open of a data directory: by a command for one run, or by the server. */
export interface ControlPlaneParts {
  readonly ledger: Pick<Ledger, "issuers" | "certificates" | "audit">;
  readonly custody: Custody;
  readonly live: LiveIssuers;
  /** What stands before each signature of a server; nothing when undefined. */
  readonly guard?: ((signer: CertificateSigner) => CertificateSigner) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes or renews the files of a control plane with a signing room of its own, since nothing else signs with the CAs of
 * etcd and the front proxy.
 *
 * @throws {PkiError} with what is wrong with files and issuers; nothing is written then.
 */
export async function makeControlPlane(
  wish: ControlPlaneWish,
  { ledger, custody, live, guard = (signer) => signer, clock, logger }: ControlPlaneParts,
): Promise<ControlPlaneOutcome> {
  const { isExternal, isUnattended, keyAlgorithm, settings } = wish;
  const { etcd, clusterName } = settings;
  const { issuers, certificates, audit } = ledger;
  const choice = { etcd, clusterName, isExternal, keyAlgorithm, isMaking: !isUnattended };
  const found = await controlPlaneIssuers(choice, { live, custody, issuers, clock });
  const room = createSigner({ issuers: found.signing, workers: 1, clock, logger });
  try {
    return await initializeControlPlane(wish, {
      ...{ issuers: found.issuers, certificates, audit, readCertificate: room.readCertificate, clock },
      signer: guard(room.signer),
      generateKeyPem: async (algorithm) => (await generateKeyPair(algorithm)).pkcs8Pem(),
    });
  } finally {
    await room.close();
  }
}
