import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SHARE_ENV, Worker } from "node:worker_threads";

const MODULES = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib64/pkcs11/libsofthsm2.so",
  "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/** SoftHSM's module; undefined where it, its tool or the built package pkcs11js is not there. */
export const SOFT_HSM_MODULE = hasTools() ? MODULES.find((path) => existsSync(path)) : undefined;

/** For the names of tests that are skipped without it. */
export const NEEDS_SOFT_HSM = "needs softhsm2 (apt-get install softhsm2) and pkcs11js (npm rebuild pkcs11js)";

export const PIN = "7391-correct";
const SECURITY_OFFICER_PIN = "11223344";

function hasTools(): boolean {
  try {
    createRequire(import.meta.url).resolve("pkcs11js/build/Release/pkcs11.node");
    execFileSync("softhsm2-util", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** A directory of software tokens, made with softhsm2-util and thrown away afterwards. */
export class SoftHsm {
  readonly home = mkdtempSync(join(tmpdir(), "gatehouse-softhsm-"));
  readonly configurationFile = join(this.home, "softhsm2.conf");
  readonly pinFile = join(this.home, "pin");
  readonly #tokens = join(this.home, "tokens");
  readonly #away = join(this.home, "pulled-out");

  constructor() {
    mkdirSync(this.#tokens);
    writeFileSync(
      this.configurationFile,
      `directories.tokendir = ${this.#tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    );
    writeFileSync(this.pinFile, `${PIN}\n`, { mode: 0o600 });
  }

  get environment(): { readonly SOFTHSM2_CONF: string } {
    return { SOFTHSM2_CONF: this.configurationFile };
  }

  addToken(label: string, pin = PIN): void {
    const pins = ["--pin", pin, "--so-pin", SECURITY_OFFICER_PIN];
    this.#run("softhsm2-util", ["--init-token", "--free", "--label", label, ...pins]);
  }

  /** As if all tokens were pulled out at once. */
  pullOut(): void {
    renameSync(this.#tokens, this.#away);
  }

  /** Puts a new token of that label where those were that were pulled out. */
  putAnotherIn(label: string): void {
    mkdirSync(this.#tokens);
    this.addToken(label);
  }

  putBack(): void {
    rmSync(this.#tokens, { recursive: true, force: true });
    renameSync(this.#away, this.#tokens);
  }

  remove(): void {
    rmSync(this.home, { recursive: true });
  }

  /**
   * Does something to the module in this very process, as another user of it might: `loaded` is the module, `slots` are
   * those with a token.
   */
  async interfere(code: string): Promise<void> {
    const program = `
      const { PKCS11 } = require("pkcs11js");
      const loaded = new PKCS11();
      loaded.load(${JSON.stringify(SOFT_HSM_MODULE)});
      const slots = loaded.C_GetSlotList(true);
      ${code}`;
    const worker = new Worker(program, { eval: true });
    await new Promise((resolve, reject) => worker.once("exit", resolve).once("error", reject));
  }

  /**
   * Makes the module in this very process use these tokens. It reads C's environment, of which jest's `process.env` is
   * a copy; a thread that shares the environment writes to the real one.
   */
  async useInThisProcess(): Promise<void> {
    const worker = new Worker("process.env.SOFTHSM2_CONF = require('node:worker_threads').workerData", {
      eval: true,
      env: SHARE_ENV,
      workerData: this.configurationFile,
    });
    await new Promise((resolve) => worker.once("exit", resolve));
  }

  #run(command: string, args: readonly string[]): void {
    execFileSync(command, args, { env: { ...process.env, ...this.environment }, stdio: "pipe" });
  }
}
