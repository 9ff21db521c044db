import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { LedgerVerification, VerificationProgress } from "../api-types.ts";
import type { LoadCertificateAuthority } from "../certificate-authority.ts";
import { CommandError, messageOf, usageError } from "../command-error.ts";
import { readProofFile, readPublicKey, verifyCheckpoint, verifyProof } from "../ledger-proofs.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatFields, writeObject } from "../output.ts";
import { createCount } from "../progress.ts";
import type { Terminal } from "../terminal.ts";

const ASK_MILLISECONDS = 500;
const NOWHERE: VerificationProgress = { done: 0, total: 0 };

interface Options extends ConnectionOptions, FormatOptions {
  readonly database?: string;
  readonly proof?: string;
  readonly checkpoint?: string;
  readonly publicKey?: string;
}

export function addLedgerVerify(parent: Command, terminal: Terminal, load: LoadCertificateAuthority): void {
  const command = parent
    .command("verify")
    .summary("check the ledger and its hash chain")
    .description(
      "Check the ledger: every entry of the hash-chained record, and that certificates and decisions agree with it.\n" +
        "Each certificate is verified and linted as it was before its release, against what was asked for. What the lint\n" +
        "finds of certificates that others issued is a warning.\n" +
        "Note the audit head somewhere else: it shows later whether entries were cut off. Exit code 1 when anything is wrong.",
    )
    .option("--database <file>", "check this file, such as a backup, without a server; one at rest is copied to TMPDIR")
    .option("--proof <file>", "check this proof instead, without a server, as `ledger prove` printed it")
    .option("--checkpoint <file>", "check that what there is now, or in the proof, grew out of this checkpoint")
    .option("--public-key <key>", "with both: the key of checkpoints, or a file that has it")
    .action((options: Options) => {
      const isProof = options.proof !== undefined || options.checkpoint !== undefined;
      return isProof ? verifyProofs(options, terminal) : verify(options, terminal, load);
    });
  withExamples(withConnection(withFormat(command)), [
    "gatehouse ledger verify",
    "gatehouse ledger verify --database gatehouse-2026-01-31.db -o json",
    "gatehouse ledger verify --proof proof.json --public-key ledger.pub",
    "gatehouse ledger verify --checkpoint checkpoint-2026-01-31.txt --public-key ledger.pub",
  ]);
}

/** A proof by the public key alone; without one the server is asked for what follows the checkpoint. */
async function verifyProofs(options: Options, terminal: Terminal): Promise<void> {
  if (options.publicKey === undefined) {
    throw usageError("a proof is verified with a public key", "`gatehouse ledger checkpoint --public-key` prints it.");
  }
  const publicKey = readPublicKey(options.publicKey, terminal);
  const trusted = options.checkpoint === undefined ? undefined : readProofFile(options.checkpoint, terminal);
  const proof =
    options.proof === undefined
      ? await growthSince(verifyCheckpoint(trusted ?? "", publicKey).size, options, terminal)
      : readProofFile(options.proof, terminal);
  const verified = verifyProof(proof, publicKey, trusted);
  writeObject(terminal.stdout, options.format, { sound: true, ...verified }, () =>
    formatFields([
      ["Sound", "yes"],
      ["Entries", String(verified.size)],
      ...(verified.since === undefined ? [] : ([["Only added to since", `${verified.since} entries`]] as const)),
      ...(verified.entry === undefined ? [] : ([[`Entry ${verified.sequence}`, verified.entry]] as const)),
    ]),
  );
}

function growthSince(size: number, options: Options, terminal: Terminal): Promise<string> {
  return withClient(terminal, options, (client) =>
    client.text({ path: "/v1/ledger/consistency", query: { from: String(size) }, isSlow: true }),
  );
}

async function verify(options: Options, terminal: Terminal, load: LoadCertificateAuthority): Promise<void> {
  const { database, format } = options;
  const result = database === undefined ? await online(options, terminal) : await offline(database, terminal, load);
  writeObject(terminal.stdout, format, result, () => describe(result));
  const { length } = result.problems;
  if (length === 0) return;
  throw new CommandError(
    `the ledger has ${length} ${length === 1 ? "problem" : "problems"}`,
    "Keep the file as it is, and compare it with the last backup that verified.",
  );
}

function online(options: Options, terminal: Terminal): Promise<LedgerVerification> {
  return withClient(terminal, options, async (client) => {
    const path = "/v1/ledger/verification";
    const answer = client.json<LedgerVerification>({ method: "POST", path, isSlow: true });
    if (!terminal.stderr.isTTY) return answer;
    const progress = createCount(terminal.stderr, "verified", "certificates");
    const isOver = answer.then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([isOver, sleep(ASK_MILLISECONDS, false, { ref: false })]))) {
      // Only for show: whoever may start a verification may be kept from asking, and the answer says what went wrong.
      const { done, total } = await client.json<VerificationProgress>({ path }).catch(() => NOWHERE);
      if (total > 0) progress.at(done, total);
    }
    progress.end();
    return answer;
  });
}

async function offline(
  database: string,
  terminal: Terminal,
  load: LoadCertificateAuthority,
): Promise<LedgerVerification> {
  const path = resolve(terminal.workingDirectory, database);
  // SQLite would make an empty database of a name that is not there.
  if (!existsSync(path)) throw new CommandError(`${path} does not exist`);
  const { verifyLedgerFile } = await load();
  const progress = createCount(terminal.stderr, "verified", "certificates");
  try {
    return await verifyLedgerFile(path, ({ done, total }) => progress.at(done, total));
  } catch (cause) {
    throw new CommandError(`cannot verify ${path}: ${messageOf(cause)}`, "Is it a ledger or a backup of one?", {
      cause,
    });
  } finally {
    progress.end();
  }
}

function describe(result: LedgerVerification): string {
  return formatFields([
    ["Sound", result.problems.length === 0 ? "yes" : "no"],
    ["Revision", String(result.revision)],
    ["Certificates", String(result.certificates)],
    ["Decisions", String(result.decisions)],
    ["Audit entries", String(result.auditEntries)],
    ["Audit head", result.auditHead],
    ["Problems", result.problems],
    ["Warnings", result.warnings],
  ]);
}
