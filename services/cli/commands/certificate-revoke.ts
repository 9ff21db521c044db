import type { Command } from "commander";
import { usageError } from "../command-error.ts";
import { withClient, withConnection, withExamples, withFormat } from "../options.ts";
import type { Terminal } from "../terminal.ts";
import {
  carryOut,
  type Order,
  type ReasonOptions,
  type RevocationOptions,
  withConfirmation,
  withReason,
} from "./revocation.ts";

const REVOCATIONS_PATH = "/v1/revocations";
const FINGERPRINT_DIGITS = 64;

interface Options extends RevocationOptions, ReasonOptions {
  readonly key?: string;
  readonly node?: string;
  readonly issuer?: string;
}

export function addCertificateRevoke(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("revoke")
    .description("revoke a certificate, or all of a key or node, for good; who holds one is refused within seconds")
    .argument("[id]", "serial or SHA-256 fingerprint in hexadecimal, with or without colons")
    .option("--key <sha256>", "instead: all certificates of the key of this SHA-256 (of its SPKI), which is blocked")
    .option("--node <name>", "instead: all certificates of this node, which may ask for new ones")
    .option("--issuer <id>", "of several issuers that used the serial, the one of this id")
    .action((id: string | undefined, options: Options) => {
      const order = orderOf(id, options);
      return withClient(terminal, options, (client) => carryOut(client, order, options, terminal));
    });
  withConfirmation(withReason(command), "the certificate's common name, the key or the node");
  withExamples(withConnection(withFormat(command)), [
    "gatehouse certificate revoke 3f9a0c --dry-run",
    "gatehouse certificate revoke 3f9a0c --reason keyCompromise --confirm system:node:worker-3",
    "gatehouse certificate revoke --node worker-3 --reason superseded --confirm worker-3",
  ]);
}

function orderOf(id: string | undefined, { key, node, issuer, reason }: Options): Order {
  const given = [id, key, node].filter((each) => each !== undefined);
  if (given.length !== 1) {
    throw usageError(
      given.length === 0 ? "nothing is named" : "several things are named",
      "Give an id, --key or --node.",
    );
  }
  const issuerId = issuer === undefined ? {} : { issuerId: issuer };
  const done = "revoked";
  if (key !== undefined)
    return { path: REVOCATIONS_PATH, body: { publicKeySha256: key, reason }, nameOf: () => key, done };
  if (node !== undefined) return { path: REVOCATIONS_PATH, body: { nodeName: node, reason }, nameOf: () => node, done };
  const wanted = id ?? "";
  const certificate =
    wanted.replaceAll(":", "").length === FINGERPRINT_DIGITS ? { fingerprint: wanted } : { serial: wanted };
  // What is revoked already has no name here; to revoke it again does nothing.
  return {
    path: REVOCATIONS_PATH,
    body: { ...certificate, reason, ...issuerId },
    nameOf: ({ items }) => items[0]?.commonName || wanted,
    done,
  };
}
