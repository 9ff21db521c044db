import type { Command } from "commander";
import type { Machine } from "../api-types.ts";
import { CommandError } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { machinePath } from "./machine-list.ts";

interface Options extends ConnectionOptions, FormatOptions {
  readonly message?: string;
  readonly confirm?: string;
}

interface Change {
  readonly verb: "release" | "ban";
  readonly done: string;
  readonly description: string;
}

export const RELEASE: Change = {
  verb: "release",
  done: "released",
  description:
    "end a machine's binding and ban and forget what was pinned: it attests as for the first time; certificates that its " +
    "node has stay valid, see node quarantine",
};

export const BAN: Change = {
  verb: "ban",
  done: "banned",
  description:
    "end a machine's binding and refuse it from then on; certificates that its node has stay valid, see node quarantine",
};

export function addMachineChange(parent: Command, terminal: Terminal, { verb, done, description }: Change): void {
  const command = parent
    .command(verb)
    .description(description)
    .argument("<attestor>", "the kind of attestor, for example tpm2")
    .argument("<machine>", "what the attestor calls the machine, as machine list shows it")
    .option("--message <text>", "a sentence for people, kept with it")
    .option("--confirm <machine>", "the machine again: nothing is done without it")
    .action((attestor: string, machineId: string, options: Options) => {
      const { message, confirm, format } = options;
      if (confirm !== machineId)
        throw new CommandError(
          confirm === undefined ? `nothing was ${done}` : `--confirm names ${confirm}, not ${machineId}`,
          `Add --confirm ${machineId} if that is the machine.`,
        );
      return withClient(terminal, options, async (client) => {
        const path = `${machinePath(attestor, machineId)}/${verb}`;
        const body = { ...(message !== undefined && { message }) };
        const machine = await client.json<Machine>({ method: "POST", path, body });
        writeObject(terminal.stdout, format, machine, () => `machine ${machineId} ${done}\n`);
      });
    });
  withExamples(withConnection(withFormat(command)), [
    `gatehouse machine ${verb} tpm2 tpm2:3b1f…c7 --confirm tpm2:3b1f…c7 --message "board was replaced"`,
  ]);
}
