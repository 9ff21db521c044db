import type { Logger } from "../../shared/logging.ts";
import type { ReencryptionOutcome } from "../domain/encryption.ts";
import { CustodyError } from "./custody-error.ts";
import type { EncryptionSourceReader } from "./encryption/encryption-source.ts";
import type { KeyRing } from "./encryption/key-ring.ts";
import type { SealedFiles } from "./sealed-files.ts";

/** Brings all sealed files under the first key of the encryption source as it is now; see `Custody.reencrypt`. */
export class Reencryption {
  readonly #files: SealedFiles;
  readonly #source: EncryptionSourceReader;
  readonly #logger: Logger;
  #running: Promise<ReencryptionOutcome> | undefined;

  constructor(files: SealedFiles, source: EncryptionSourceReader, logger: Logger) {
    this.#files = files;
    this.#source = source;
    this.#logger = logger;
  }

  run(): Promise<ReencryptionOutcome> {
    this.#running ??= this.#files
      .exclusively(() => this.#run())
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async #run(): Promise<ReencryptionOutcome> {
    const files = this.#files;
    const labels = await files.labels();
    await this.#takeNewKeys(await this.#source.read(labels.map((label) => files.path(label))));
    let rewritten = 0;
    for (const [index, label] of labels.entries()) {
      try {
        if (await files.renew(label)) rewritten += 1;
      } catch (error) {
        throw interrupted(error, index, labels.length);
      }
    }
    const { provider, name } = files.ring.first;
    const outcome = { provider, keyName: name, sealedFiles: labels.length, rewritten };
    this.#logger.info(outcome, "all sealed files are under the first encryption key");
    return outcome;
  }

  async #takeNewKeys(ring: KeyRing): Promise<void> {
    try {
      await this.#files.checkAll(ring);
    } catch (error) {
      ring.close();
      throw error;
    }
    const former = this.#files.ring;
    this.#files.changeKeys(ring);
    former.close();
  }
}

function interrupted(error: unknown, done: number, all: number): unknown {
  if (!(error instanceof CustodyError)) return error;
  const state = `${done} of ${all} files are done, the others stay readable under the keys they have; run it again`;
  return new CustodyError(error.code, `${error.message}. ${state}`);
}
