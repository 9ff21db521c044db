import { existsSync, statSync } from "node:fs";
import { bytesText, error, type Finding, messageOf, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Check, CheckContext } from "../contract.ts";

const NO_LEDGER = "there is no ledger yet; the first start makes it";
/** Of the newest entries of the chain; the whole with `--full`. */
const LAST_ENTRIES = 10_000;
/** The log is cut back to 64 MiB; beyond this something reads for very long, or it never is. */
const LARGE_LOG_BYTES = 256 * 1024 * 1024;
const LITTLE_SPACE_BYTES = 1024 * 1024 * 1024;
const NO_SPACE_BYTES = 128 * 1024 * 1024;

export const ledgerFile: Check = {
  id: "ledger.file",
  title: "the ledger can be read and has this version's schema",
  async run(context) {
    const { ledgerFile: file } = context;
    const ledger = await context.ledger();
    if (ledger.kind === "absent") return [skipped(file, NO_LEDGER)];
    if (ledger.kind === "unread") return [skipped(file, ledger.reason)];
    if (ledger.kind === "unreadable") return [error(file, ledger.reason, "restore it from a backup if it is damaged")];
    const { schema, auditEntries } = ledger.inspection.snapshot();
    return [ok(file, `schema ${schema.applied} of ${schema.known}, ${auditEntries} entries on record`)];
  },
};

export const ledgerWriter: Check = {
  id: "ledger.writer",
  title: "who holds the ledger's writer lock",
  async run(context) {
    const { ledgerFile: file } = context;
    if (!existsSync(file)) return [skipped(file, NO_LEDGER)];
    const writer = context.writer();
    if (writer.kind === "untold") return [skipped(file, writer.reason)];
    if (writer.kind === "nobody") return [ok(file, "nobody writes: no server is running on it")];
    return [ok(file, `process ${writer.pid} (${writer.command}) writes: a server is running on it`)];
  },
};

export const ledgerSize: Check = {
  id: "ledger.size",
  title: "size of the ledger and its log, and free space",
  async run({ ledgerFile: file, dataDirectory, system, ledger }) {
    const state = await ledger();
    const free = existsSync(dataDirectory) ? await system.freeBytes(dataDirectory) : undefined;
    if (free === undefined) return [skipped(dataDirectory, "does not exist yet")];
    const bytes = state.kind === "here" ? state.inspection.snapshot().bytes : 0;
    const log = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    const space = `${bytesText(free)} are free`;
    const makeRoom = "make room: gatehouse ledger backup elsewhere, remove old backups, or enlarge the file system";
    const findings: Finding[] = [
      free < NO_SPACE_BYTES
        ? error(dataDirectory, `${space}; without space nothing is signed`, makeRoom)
        : free < Math.max(LITTLE_SPACE_BYTES, bytes / 4)
          ? warning(dataDirectory, `${space}, the ledger has ${bytesText(bytes)}`, makeRoom)
          : ok(dataDirectory, `${space}, the ledger has ${bytesText(bytes)}`),
    ];
    if (log > LARGE_LOG_BYTES) {
      const wayOut = "end what reads for hours (backups, verifications), or restart the server";
      findings.push(warning(`${file}-wal`, `the log has ${bytesText(log)} and is not folded back`, wayOut));
    }
    return findings;
  },
};

export const ledgerIntegrity: Check = {
  id: "ledger.integrity",
  title: "pages, indices and the hash chain of the ledger",
  isSlow: true,
  async run(context, signal) {
    const { ledgerFile: file } = context;
    const ledger = await context.ledger();
    if (ledger.kind === "absent") return [skipped(file, NO_LEDGER)];
    if (ledger.kind !== "here") return [skipped(file, "was not read; see ledger.file")];
    if (context.isFull) return wholeFindings(context, await ledger.inspection.verify());
    const report = await ledger.inspection.spotCheck(LAST_ENTRIES, signal).catch((thrown: unknown) => {
      if (signal.aborted) return undefined;
      throw thrown;
    });
    if (report === undefined) return [];
    const { tables, entries, problems } = report;
    if (problems.length > 0) return problems.map((problem) => damaged(file, problem));
    return [ok(file, `${tables} tables are sound, the newest ${entries} entries follow from each other`)];
  },
};

function wholeFindings(
  { ledgerFile: file }: CheckContext,
  { problems, auditEntries, certificates }: { problems: readonly string[]; auditEntries: number; certificates: number },
): readonly Finding[] {
  if (problems.length > 0) return problems.map((problem) => damaged(file, problem));
  return [ok(file, `all ${auditEntries} entries and ${certificates} certificates agree`)];
}

function damaged(file: string, problem: string): Finding {
  return error(
    file,
    messageOf({ message: problem }),
    "keep the file as it is, and restore the last backup that verifies",
  );
}
