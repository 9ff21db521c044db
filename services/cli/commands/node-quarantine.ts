import type { Command } from "commander";
import { withClient, withConnection, withExamples, withFormat } from "../options.ts";
import type { Terminal } from "../terminal.ts";
import { carryOut, type ReasonOptions, type RevocationOptions, withConfirmation, withReason } from "./revocation.ts";

const pathOf = (name: string, verb: string): string => `/v1/nodes/${encodeURIComponent(name)}/${verb}`;

export function addNodeQuarantine(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("quarantine")
    .description("revoke all certificates of a node, and sign no other until it is readmitted")
    .argument("<name>", "name of the node")
    .action((name: string, options: RevocationOptions & ReasonOptions) => {
      const { reason } = options;
      const order = { path: pathOf(name, "quarantine"), body: { reason }, nameOf: () => name, done: "quarantined" };
      return withClient(terminal, options, (client) => carryOut(client, order, options, terminal));
    });
  withConfirmation(withReason(command), "the node's name");
  withExamples(withConnection(withFormat(command)), [
    "gatehouse node quarantine worker-3 --dry-run",
    'gatehouse node quarantine worker-3 --confirm worker-3 --reason keyCompromise --message "rack was open"',
  ]);
}

export function addNodeReadmit(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("readmit")
    .description("let a node out of quarantine; its certificates stay revoked, and it joins anew with a new key")
    .argument("<name>", "name of the node")
    .action((name: string, options: RevocationOptions) => {
      const order = { path: pathOf(name, "readmit"), body: {}, nameOf: () => name, done: "readmitted" };
      return withClient(terminal, options, (client) => carryOut(client, order, options, terminal));
    });
  withConfirmation(command, "the node's name");
  withExamples(withConnection(withFormat(command)), ["gatehouse node readmit worker-3 --confirm worker-3"]);
}
