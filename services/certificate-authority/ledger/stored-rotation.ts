import { setImmediate as nextTurn } from "node:timers/promises";
import type { RotationRecords, RotationStep, StepEntry } from "../domain/issuer-rotation.ts";
import type { RotateIssuer } from "./operations.ts";
import { RECORD_BYTES, type StoredRecordsDependencies } from "./stored-records.ts";
import { type ExpiryPlace, issuerCertificatesReader, toLiveCertificate } from "./tables/issuer-certificates-table.ts";
import { toIssuerRow } from "./tables/issuers-table.ts";
import { trustReportsReader } from "./tables/trust-reports-table.ts";

/** Index entries counted, and rows read, in one turn of the event loop: a millisecond or two. */
const [COUNT_STEP, READ_STEP] = [10_000, 500];
const END: ExpiryPlace = { milliseconds: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER };

/** What the ledger keeps for the rotation of issuers. */
export function storedRotation({
  reader,
  writer,
}: Pick<StoredRecordsDependencies, "reader" | "writer">): RotationRecords {
  const certificates = issuerCertificatesReader(reader);
  const trust = trustReportsReader(reader);

  async function take(step: RotationStep, { at, by, details }: StepEntry, rest: Partial<RotateIssuer>): Promise<void> {
    const entry = { actor: by, atMilliseconds: at.getTime(), details };
    await writer.submit(
      { kind: "rotateIssuer", step, ids: [], issuer: undefined, despite: false, ...entry, ...rest },
      RECORD_BYTES,
      () => undefined,
    );
  }

  return {
    prepare: (issuer, entry) => take("prepare", entry, { issuer: toIssuerRow(issuer) }),
    activate: (id, entry) => take("activate", entry, { ids: [id] }),
    retire: (ids, entry, despite) => take("retire", entry, { ids, despite }),
    abandon: (id, entry) => take("abandon", entry, { ids: [id] }),

    async countLive(issuerId, now) {
      const lastEnds = certificates.lastEnds(issuerId, now.getTime());
      let count = 0;
      for (let place = startOf(now); place !== END; await nextTurn()) {
        const next = certificates.atOffset(issuerId, place, COUNT_STEP - 1) ?? END;
        count += certificates.count(issuerId, place, next);
        place = next;
      }
      return { count, lastEnds: lastEnds === undefined ? undefined : new Date(lastEnds) };
    },

    async visitLive(issuerId, now, visit) {
      for (let place = startOf(now); ; await nextTurn()) {
        const rows = certificates.live(issuerId, place, READ_STEP);
        if (rows.length > 0) visit(rows.map(toLiveCertificate));
        const last = rows.at(-1);
        if (last === undefined || rows.length < READ_STEP) return;
        place = { milliseconds: last.notAfterMilliseconds, id: last.id };
      }
    },

    trustReports: () => trust.all(),

    async reportTrust(etag, { consumer, anchors, at }) {
      const content = JSON.stringify([...anchors].toSorted());
      const operation = {
        kind: "reportTrust",
        etag,
        anchors: content,
        consumer,
        atMilliseconds: at.getTime(),
      } as const;
      await writer.submit(operation, RECORD_BYTES, () => undefined);
    },
  };
}

/** Right before the first certificate that is valid now: both ends of a validity belong to it. */
function startOf(now: Date): ExpiryPlace {
  return { milliseconds: now.getTime() - 1, id: Number.MAX_SAFE_INTEGER };
}
