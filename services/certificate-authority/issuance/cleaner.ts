import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { isStatusError } from "../../shared/status-error.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import { type CleaningReason, cleaningReason } from "../domain/cleaning.ts";
import type { CertificateInspector, CertificateRequests } from "../domain/ports.ts";
import { withdraw } from "./withdraw.ts";

/** Deletions that share commits; more would keep other writers waiting. */
const BATCH = 64;

export interface CleanerDependencies {
  readonly requests: Pick<CertificateRequests, "list" | "get" | "update" | "remove">;
  readonly inspector: CertificateInspector;
  /** Told the names of what was deleted. */
  readonly onDeleted?: (name: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface CleaningResult {
  readonly examined: number;
  readonly deleted: number;
  /** Deletions by reason; reasons that did not occur are absent. */
  readonly reasons: Readonly<Partial<Record<CleaningReason, number>>>;
}

export interface Cleaner {
  /**
   * One full pass over all requests. Requests that finalizers hold are marked for deletion and not counted. A dry run
   * only counts what would be deleted.
   */
  run(options?: { readonly dryRun: boolean }): Promise<CleaningResult>;
}

interface Outlived {
  readonly csr: CertificateSigningRequest;
  readonly reason: CleaningReason;
}

/** Deletes requests that have outlived their use. What they were, and their certificates, stay in the ledger. */
export function createCleaner({ requests, inspector, onDeleted, clock, logger }: CleanerDependencies): Cleaner {
  function notAfterOf(certificateBase64: string): Date | undefined {
    const inspection = inspector.inspectPem(certificateBase64);
    return inspection.kind === "ok" ? inspection.certificates[0]?.notAfter : undefined;
  }

  /** The version that was judged is deleted, or none: somebody who writes meanwhile keeps the request. */
  async function remove({ csr, reason }: Outlived): Promise<CleaningReason | undefined> {
    const { name, uid, resourceVersion } = csr.metadata;
    try {
      const options = { name, preconditions: { uid, resourceVersion }, options: { dryRun: false } };
      if (!(await withdraw({ requests, clock }, options)).removed) return undefined;
      onDeleted?.(name);
      return reason;
    } catch (error) {
      if (isStatusError(error, "NotFound") || isStatusError(error, "Conflict")) return undefined;
      throw error;
    }
  }

  return {
    async run({ dryRun } = { dryRun: false }) {
      const { items } = await requests.list();
      const now = clock.now();
      const outlived = items.flatMap((csr) => {
        const reason = cleaningReason(csr, now, notAfterOf);
        return reason === undefined ? [] : [{ csr, reason }];
      });
      const clean = dryRun ? async ({ reason }: Outlived) => reason : remove;
      const reasons: Partial<Record<CleaningReason, number>> = {};
      let deleted = 0;
      for (let start = 0; start < outlived.length; start += BATCH) {
        for (const reason of await Promise.all(outlived.slice(start, start + BATCH).map(clean))) {
          if (reason === undefined) continue;
          deleted += 1;
          reasons[reason] = (reasons[reason] ?? 0) + 1;
        }
      }
      if (!dryRun) logger.info({ examined: items.length, deleted, reasons }, "cleaned up requests");
      return { examined: items.length, deleted, reasons };
    },
  };
}
