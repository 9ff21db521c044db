import type { IssuerRecord } from "../../domain/issuer.ts";
import { type LiveCertificate, REPLACED_BY_US, type RotationRecords } from "../../domain/issuer-rotation.ts";
import type { Slots } from "../../domain/rotation-policy.ts";
import { anchorOf } from "../../domain/trust.ts";
import type { SlotStatus, TrustShown } from "./contract.ts";
import { fingerprintOf, type TrustObserver } from "./trust.ts";

/** How many are named where some stand in the way. */
const NAMED = 100;
const NODE_PREFIX = "system:node:";

/** What is alive of one issuer name. */
export interface Survey {
  readonly slots: readonly SlotStatus[];
  /** Nodes with a live certificate of any of the issuers. */
  readonly nodeNames: ReadonlySet<string>;
  /** Certificates that keep an issuer from being retired, by its id, the last to end first; some of them. */
  readonly inTheWay: ReadonlyMap<string, readonly LiveCertificate[]>;
}

/** Looks at every live certificate of these issuers once. */
export async function survey(
  { prepared, active, old }: Slots,
  records: Pick<RotationRecords, "visitLive">,
  now: Date,
): Promise<Survey> {
  const nodeNames = new Set<string>();
  const inTheWay = new Map<string, LiveCertificate[]>();
  const slots: SlotStatus[] = [];
  for (const issuer of [prepared, active, ...old].filter((one) => one !== undefined)) {
    const tally = { liveCertificates: 0, nodeCertificates: 0, inTheWay: 0, lastEnds: undefined as Date | undefined };
    const named: LiveCertificate[] = [];
    await records.visitLive(issuer.id, now, (some) => {
      for (const certificate of some) {
        tally.liveCertificates += 1;
        if (certificate.isNewest) tally.nodeCertificates += 1;
        if (certificate.nodeName !== undefined) nodeNames.add(certificate.nodeName);
        if (REPLACED_BY_US.includes(certificate.signerName)) continue;
        tally.inTheWay += 1;
        tally.lastEnds = certificate.notAfter;
        named.push(certificate);
      }
      named.splice(0, named.length - NAMED);
    });
    inTheWay.set(issuer.id, named.toReversed());
    slots.push({ ...describe(issuer), ...tally });
  }
  return { slots, nodeNames, inTheWay };
}

function describe(record: IssuerRecord) {
  const { id, slot, commonName, keyAlgorithm, notBefore, notAfter, createdAt, bridgePem } = record;
  return { id, slot, commonName, keyAlgorithm, notBefore, notAfter, createdAt, isBridged: bridgePem !== undefined };
}

/** Whether those who have to are shown to trust `issuer`, which comes after `former`. */
export function trustShown(
  issuer: IssuerRecord,
  former: IssuerRecord | undefined,
  nodeNames: ReadonlySet<string>,
  consumers: readonly string[],
  observer: Pick<TrustObserver, "isTrusting">,
): TrustShown {
  const anchor = fingerprintOf(anchorOf(issuer));
  const all = new Set([...[...nodeNames].map((name) => NODE_PREFIX + name), ...consumers]);
  const missing = [...all].filter((consumer) => !observer.isTrusting(consumer, anchor)).toSorted();
  const isSame = former !== undefined && anchorOf(former) === anchorOf(issuer);
  const isBridged = issuer.bridgePem !== undefined;
  return {
    shown: all.size - missing.length,
    total: all.size,
    missing: missing.slice(0, NAMED),
    isGiven: isSame ? "sameAnchor" : isBridged ? "bridge" : undefined,
  };
}
