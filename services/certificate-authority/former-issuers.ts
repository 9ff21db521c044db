import type { Logger } from "../shared/logging.ts";
import { isControlPlaneIssuer } from "./domain/control-plane.ts";
import type { IssuerRecord } from "./domain/issuer.ts";
import { isInSlot } from "./domain/issuer-rotation.ts";
import { type Homes, issuerHome } from "./issuer-home.ts";
import { issuersInOrder, type SigningSettings } from "./issuer-settings.ts";
import type { SigningIssuer } from "./signer/signer.ts";

/**
 * The issuers whose time has passed, while certificates of theirs live: they are asked for no more, but they still say,
 * by CRLs and OCSP, which of those are revoked. One whose key is not to be had is told of and left out.
 */
export async function formerIssuers(
  settings: Pick<SigningSettings, "issuer" | "issuers">,
  records: readonly IssuerRecord[],
  homes: Homes & { readonly now: Date; readonly logger: Logger },
): Promise<readonly SigningIssuer[]> {
  const { now, logger } = homes;
  const all = issuersInOrder(settings);
  const formers: SigningIssuer[] = [];
  for (const record of records) {
    const found = all.find(({ name }) => name === record.name);
    if (record.slot !== "old" || !isInSlot(record, now) || isControlPlaneIssuer(record) || !found) continue;
    try {
      const { description, privateKey } = await issuerHome(found, homes).load(record, now);
      formers.push({ certificateDer: description.certificateDer, privateKey });
    } catch (error) {
      logger.warn({ err: error, issuer: record.id }, "an old issuer signs no CRLs: its key cannot be used");
    }
  }
  return formers;
}
