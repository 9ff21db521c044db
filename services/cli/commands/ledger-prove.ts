import { type Command, InvalidArgumentError } from "commander";
import type { LedgerCheckpoint, LedgerConsistency, LedgerProof } from "../api-types.ts";
import { usageError } from "../command-error.ts";
import { readProofFile } from "../ledger-proofs.ts";
import { type ConnectionOptions, withClient, withConnection, withExamples } from "../options.ts";
import type { Terminal } from "../terminal.ts";

interface ProveOptions extends ConnectionOptions {
  readonly sequence?: string;
  readonly since?: string;
}

export function addLedgerCheckpoint(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("checkpoint")
    .description("print the signed state of the ledger; kept elsewhere, it shows later whether anything was changed")
    .option("--public-key", "print the key that checkpoints and proofs are verified with instead", false)
    .action((options: ConnectionOptions & { readonly publicKey: boolean }) =>
      withClient(terminal, options, async (client) => {
        const answer = await client.json<LedgerCheckpoint>({ path: "/v1/ledger/checkpoint", isSlow: true });
        terminal.stdout.write(options.publicKey ? `${answer.publicKey}\n` : answer.checkpoint);
      }),
    );
  withExamples(withConnection(command), [
    "gatehouse ledger checkpoint > checkpoint-2026-01-31.txt",
    "gatehouse ledger checkpoint --public-key > ledger.pub",
  ]);
}

export function addLedgerProve(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("prove")
    .description(
      "print a proof, as JSON, that a certificate or an entry is in the ledger, or that it was only added to",
    )
    .argument("[certificate]", "serial or SHA-256 fingerprint of a certificate")
    .option("--sequence <number>", "the entry of this sequence, as audit search -o json shows it", checkSequence)
    .option("--since <file>", "that nothing was changed since the checkpoint in this file")
    .action((certificate: string | undefined, options: ProveOptions) => prove(certificate, options, terminal));
  withExamples(withConnection(command), [
    "gatehouse ledger prove 3f9a0c > proof.json",
    "gatehouse ledger prove --since checkpoint-2026-01-31.txt > growth.json",
    "gatehouse ledger verify --proof proof.json --public-key ledger.pub",
  ]);
}

async function prove(certificate: string | undefined, options: ProveOptions, terminal: Terminal): Promise<void> {
  const { sequence, since } = options;
  const given = [certificate, sequence, since].filter((each) => each !== undefined);
  if (given.length !== 1) {
    throw usageError("nothing, or more than one thing, to prove", "Give a certificate, --sequence or --since.");
  }
  const request =
    since === undefined
      ? { path: "/v1/ledger/proof", query: { certificate, sequence }, isSlow: true }
      : { path: "/v1/ledger/consistency", query: { from: sizeOf(readProofFile(since, terminal)) }, isSlow: true };
  await withClient(terminal, options, async (client) => {
    const proof = await client.json<LedgerProof | LedgerConsistency>(request);
    terminal.stdout.write(`${JSON.stringify(proof, null, 2)}\n`);
  });
}

/** The second line; whoever verifies the proof looks at the signature. */
function sizeOf(checkpoint: string): string {
  const size = checkpoint.split("\n")[1] ?? "";
  if (/^\d{1,15}$/.test(size)) return size;
  throw usageError("the file has no checkpoint in it", "`gatehouse ledger checkpoint` prints them.");
}

function checkSequence(text: string): string {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError("Give a whole number, 1 or more.");
  return text;
}
