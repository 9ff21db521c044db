import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { connectTcp } from "../../services/node-agent/tpm/tcp-transport.ts";
import type { TpmTransport } from "../../services/node-agent/tpm/tpm-transport.ts";

/** Whether swtpm and its tools are there. */
export const HAS_SWTPM = hasPrograms(["swtpm", "swtpm_setup"]);
const LAST_PORT = 65_535;

/** For the names of tests that are skipped without it. */
export const NEEDS_SWTPM = "needs swtpm (apt-get install swtpm swtpm-tools)";
/** Whether tpm2-tools are there, which some tests take as an oracle. */
export const HAS_TPM2_TOOLS = hasPrograms(["tpm2_quote"]);

function hasPrograms(programs: readonly string[]): boolean {
  const directories = (process.env["PATH"] ?? "").split(delimiter);
  return programs.every((program) => directories.some((directory) => existsSync(join(directory, program))));
}

/** A vendor: the CA that certifies endorsement keys of emulators. */
export class EmulatedVendor {
  readonly home = mkdtempSync(join(tmpdir(), "gatehouse-tpm-vendor-"));
  /** DER of the root, and of the CA below it, which signs the certificates. */
  get rootPem(): string {
    return readFileSync(join(this.home, "swtpm-localca-rootca-cert.pem"), "utf8");
  }
  get issuerPem(): string {
    return readFileSync(join(this.home, "issuercert.pem"), "utf8");
  }

  constructor() {
    writeFileSync(
      join(this.home, "localca.conf"),
      [
        `statedir = ${this.home}`,
        `signingkey = ${join(this.home, "signkey.pem")}`,
        `issuercert = ${join(this.home, "issuercert.pem")}`,
        `certserial = ${join(this.home, "certserial")}`,
        "",
      ].join("\n"),
    );
    writeFileSync(
      join(this.home, "localca.options"),
      ["--tpm-manufacturer id:00001014", "--tpm-model swtpm", "--tpm-version 20170619", ""].join("\n"),
    );
    writeFileSync(
      join(this.home, "setup.conf"),
      [
        "create_certs_tool = swtpm_localca",
        `create_certs_tool_config = ${join(this.home, "localca.conf")}`,
        `create_certs_tool_options = ${join(this.home, "localca.options")}`,
        "",
      ].join("\n"),
    );
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** One emulated TPM in a directory of its own. */
export class EmulatedTpm {
  readonly #state = mkdtempSync(join(tmpdir(), "gatehouse-tpm-"));
  #process: ReturnType<typeof spawn> | undefined;
  #port = 0;
  readonly #open: TpmTransport[] = [];

  private constructor() {}

  /** @param vendor - that certifies its endorsement keys (RSA 2048 and P-384); nobody when absent. */
  static async start(vendor?: EmulatedVendor): Promise<EmulatedTpm> {
    const tpm = new EmulatedTpm();
    const options = ["--tpm2", "--tpmstate", tpm.#state, "--overwrite"];
    if (vendor !== undefined) options.push("--config", join(vendor.home, "setup.conf"), "--create-ek-cert");
    execFileSync("swtpm_setup", options, { stdio: "pipe" });
    await tpm.powerOn();
    return tpm;
  }

  /** `tcp://HOST:PORT`. */
  get location(): string {
    return `tcp://127.0.0.1:${this.#port}`;
  }

  /** What TPM2TOOLS_TCTI is for tpm2-tools. */
  get tcti(): string {
    return `swtpm:host=127.0.0.1,port=${this.#port}`;
  }

  /** Ends the connection before: it serves one at a time. */
  async connect(): Promise<TpmTransport> {
    await this.#disconnect();
    const transport = await connectTcp("127.0.0.1", this.#port, AbortSignal.timeout(10_000));
    this.#open.push(transport);
    return transport;
  }

  async powerOn(): Promise<void> {
    this.#port = await freePorts();
    const address = (port: number) => `type=tcp,port=${port},bindaddr=127.0.0.1`;
    const options = ["socket", "--tpm2", "--tpmstate", `dir=${this.#state}`, "--flags", "not-need-init,startup-clear"];
    options.push("--server", address(this.#port), "--ctrl", address(this.#port + 1));
    this.#process = spawn("swtpm", options, { stdio: "ignore" });
    const deadline = AbortSignal.timeout(10_000);
    for (;;) {
      try {
        const transport = await connectTcp("127.0.0.1", this.#port, deadline);
        await transport.close();
        return;
      } catch (error) {
        if (deadline.aborted) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async powerOff(): Promise<void> {
    await this.#disconnect();
    const running = this.#process;
    if (running === undefined || running.exitCode !== null) return;
    const exited = once(running, "exit");
    running.kill("SIGTERM");
    await exited;
    this.#process = undefined;
  }

  async #disconnect(): Promise<void> {
    for (const transport of this.#open.splice(0)) await transport.close();
  }

  async reboot(): Promise<void> {
    await this.powerOff();
    await this.powerOn();
  }

  async remove(): Promise<void> {
    await this.powerOff();
    rmSync(this.#state, { recursive: true, force: true });
  }
}

/** A port that is free now, as is the one after it, where tpm2-tools look for the control channel; swtpm does not take port 0. */
async function freePorts(): Promise<number> {
  for (;;) {
    const port = await listenOn(0);
    if (port < LAST_PORT && (await listenOn(port + 1).catch(() => 0)) !== 0) return port;
  }
}

async function listenOn(port: number): Promise<number> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
