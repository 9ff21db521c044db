import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { configurationWith } from "./configuration.ts";
import { type CommandOutcome, runCommand } from "./gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./gatehouse-process.ts";

/** What the authority calls its attestation API; it is not where it listens. */
export const AUDIENCE = "https://node-ca.example/v1/attest";

/** An authority that takes evidence. Every guard is as it is by default: a machine has its name again by what it proves. */
export function startAuthority(profiles: readonly object[], more: object = {}): Promise<GatehouseProcess> {
  const approval = { hooks: [{ manual: {} }, { "node-attestation": {} }] };
  return startGatehouse({
    configuration: configurationWith({ approval, attestation: { audience: AUDIENCE, profiles, ...more } }),
  });
}

/** A host without anything, that attests by `gatehouse join`; everything of it is below one directory. */
export class AttestingHost {
  readonly directory = temporaryDirectory();
  readonly #authority: GatehouseProcess;

  constructor(authority: GatehouseProcess) {
    this.#authority = authority;
  }

  at(...names: readonly string[]): string {
    return [this.directory, ...names].join("/");
  }

  /** Arguments of the command; those given win. */
  command(...args: readonly string[]): readonly string[] {
    const { url, caFile } = this.#authority;
    const server = ["--server", url, "--ca", caFile, "--audience", AUDIENCE];
    const places = ["--kubelet-kubeconfig", this.at("kubelet.conf"), "--cert-dir", this.at("pki")];
    return ["join", ...server, ...places, "--log-level", "warn", "--wait", "20s", ...args];
  }

  join(...args: readonly string[]): Promise<CommandOutcome> {
    return runCommand("/nowhere", this.command(...args));
  }

  /** Whose certificate is there. */
  get subject(): string {
    return new X509Certificate(readFileSync(this.at("pki", "kubelet-client-current.pem"))).subject;
  }
}
