import { hash } from "node:crypto";
import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";
import { isNode } from "../../../shared/node-identity.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import type { RotationRecords, TrustReport } from "../../domain/issuer-rotation.ts";

/** Names of consumers kept in memory and on record; a cluster has far fewer nodes. */
const MAXIMUM_CONSUMERS = 200_000;

export interface TrustObserverDependencies {
  readonly records: Pick<RotationRecords, "trustReports" | "reportTrust">;
  /** User names, besides the nodes, that count. */
  readonly consumers: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who is known to hold which bundle. */
export interface TrustObserver {
  /**
   * A caller said that it holds the bundle of now.
   * @param etag - of the bundle, without quotation marks.
   */
  holds(user: UserInfo, etag: string, bundlePem: readonly string[]): void;
  /** Whether a consumer, by its user name, is known to hold a CA. @param anchor - as `fingerprintOf`. */
  isTrusting(consumer: string, anchor: string): boolean;
}

/**
 * Learns from conditional requests for the trust bundle: who asks with `If-None-Match` says "this is the one I have". What
 * somebody merely fetched may never have been installed, so it counts for nothing. Only nodes, and the consumers that are
 * configured, are put on record, each once a bundle.
 */
export function createTrustObserver({ records, consumers, clock, logger }: TrustObserverDependencies): TrustObserver {
  const counted = new Set(consumers);
  const known = new Map<string, Pick<TrustReport, "anchors"> & { readonly etag: string | undefined }>();
  for (const { consumer, anchors } of records.trustReports()) known.set(consumer, { anchors, etag: undefined });
  let anchorsOfBundle: { readonly etag: string; readonly anchors: ReadonlySet<string> } | undefined;

  function anchorsOf(etag: string, bundlePem: readonly string[]): ReadonlySet<string> {
    if (anchorsOfBundle?.etag !== etag)
      anchorsOfBundle = { etag, anchors: new Set(bundlePem.map((pem) => fingerprintOf(pem))) };
    return anchorsOfBundle.anchors;
  }

  return {
    holds(user, etag, bundlePem) {
      const consumer = user.username;
      if (!isNode(user) && !counted.has(consumer)) return;
      const former = known.get(consumer);
      if (former?.etag === etag) return;
      if (former === undefined && known.size >= MAXIMUM_CONSUMERS) return;
      const anchors = anchorsOf(etag, bundlePem);
      known.set(consumer, { anchors, etag });
      records.reportTrust(etag, { consumer, anchors, at: clock.now() }).catch((error: unknown) => {
        // It says so again with its next request.
        if (former === undefined) known.delete(consumer);
        else known.set(consumer, former);
        logger.warn({ err: error, consumer }, "cannot put down that a consumer holds the trust bundle");
      });
    },
    isTrusting: (consumer, anchor) => known.get(consumer)?.anchors.has(anchor) === true,
  };
}

/** Lower-case hex SHA-256 of a certificate's DER. */
export function fingerprintOf(certificatePem: string): string {
  const base64 = certificatePem.replaceAll(/-----[A-Z ]+-----|\s/g, "");
  return hash("sha256", Buffer.from(base64, "base64"), "hex");
}
