import type { HolderKey, NoticeState, Told, WaitingNotice } from "../../domain/expiry-records.ts";
import type { Connection } from "../connection.ts";

/** A notice in the shape of its columns. */
export interface NoticeRow extends HolderKey {
  readonly certificateId: number;
  readonly state: NoticeState;
  readonly notAfterMilliseconds: number;
  readonly targets: readonly string[];
  readonly document: string;
}

export type ToldRow = Told;

export const expiryNoticesSql = {
  told:
    "SELECT signer_name AS signerName, name, names_hash AS namesHash, certificate_id AS certificateId, state " +
    "FROM expiry_told WHERE (signer_name, name, names_hash) > (?, ?, ?) ORDER BY signer_name, name, names_hash LIMIT ?",
  waiting:
    "SELECT id, notice AS document FROM expiry_outbox INDEXED BY expiry_outbox_by_target " +
    "WHERE target = ? ORDER BY id LIMIT ?",
  countWaiting: "SELECT count(*) FROM expiry_outbox INDEXED BY expiry_outbox_by_target WHERE target > ''",
  tell:
    "INSERT INTO expiry_told (signer_name, name, names_hash, certificate_id, state, not_after_ms) " +
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET " +
    "certificate_id = excluded.certificate_id, state = excluded.state, not_after_ms = excluded.not_after_ms",
  takeBack: "DELETE FROM expiry_told WHERE signer_name = ? AND name = ? AND names_hash = ?",
  put: "INSERT OR REPLACE INTO expiry_outbox (target, signer_name, name, names_hash, notice) VALUES (?, ?, ?, ?, ?)",
  settle: "DELETE FROM expiry_outbox WHERE id = ?",
  targets: "SELECT DISTINCT target FROM expiry_outbox INDEXED BY expiry_outbox_by_target WHERE target > ''",
  dropTarget: "DELETE FROM expiry_outbox WHERE target = ?",
  forget:
    "DELETE FROM expiry_told WHERE (signer_name, name, names_hash) IN (SELECT signer_name, name, names_hash " +
    "FROM expiry_told INDEXED BY expiry_told_by_end WHERE not_after_ms < ? LIMIT 1000)",
} as const;

/** Reads what was said, and what is still to be told. */
export function expiryNoticesReader(connection: Connection) {
  const told = connection.prepare<[string, string, number, number], ToldRow>(expiryNoticesSql.told);
  const waiting = connection.prepare<[string, number], WaitingNotice>(expiryNoticesSql.waiting);
  const countWaiting = connection.prepare<[], number>(expiryNoticesSql.countWaiting).pluck();
  return {
    told: (after: HolderKey | undefined, limit: number): readonly ToldRow[] =>
      told.all(after?.signerName ?? "", after?.name ?? "", after?.namesHash ?? -1, limit),
    waiting: (target: string, limit: number): readonly WaitingNotice[] => waiting.all(target, limit),
    countWaiting: (): number => countWaiting.get() ?? 0,
  };
}

/** Notes what is said, inside the caller's transaction. */
export function expiryNoticesWriter(connection: Connection) {
  const tell = connection.prepare(expiryNoticesSql.tell);
  const takeBack = connection.prepare(expiryNoticesSql.takeBack);
  const put = connection.prepare(expiryNoticesSql.put);
  const settle = connection.prepare<[number]>(expiryNoticesSql.settle);
  const targets = connection.prepare<[], string>(expiryNoticesSql.targets).pluck();
  const dropTarget = connection.prepare<[string]>(expiryNoticesSql.dropTarget);
  const forget = connection.prepare<[number]>(expiryNoticesSql.forget);
  return {
    record(row: NoticeRow): void {
      const holder = [row.signerName, row.name, row.namesHash] as const;
      if (row.state === "renewed") takeBack.run(...holder);
      else tell.run(...holder, row.certificateId, row.state, row.notAfterMilliseconds);
      for (const target of row.targets) put.run(target, ...holder, row.document);
    },
    settle: (ids: readonly number[]): void => {
      for (const id of ids) settle.run(id);
    },
    prune(beforeMilliseconds: number, configured: readonly string[]): void {
      forget.run(beforeMilliseconds);
      for (const target of targets.all()) if (!configured.includes(target)) dropTarget.run(target);
    },
  };
}
