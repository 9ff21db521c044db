import { randomBytes } from "node:crypto";
import type { Logger } from "../../shared/logging.ts";
import { CustodyError } from "./custody-error.ts";
import { type Label, parseEnvelope } from "./encryption/envelope.ts";
import { deriveSecret } from "./encryption/sealing-key.ts";
import { errorCode } from "./private-files.ts";
import { isRootSecret, ROOT_LABEL, type SealedFiles } from "./sealed-files.ts";

const LENGTH = 32;
/** What was derived from the encryption key itself, before there was a root secret, and must not change. */
const FORMER_PURPOSES = ["bootstrap-token-hash"];

/**
 * The secret that other keys are derived from. It is random and lies sealed beside the issuers' keys, so it stays as it is
 * when encryption keys change.
 *
 * Sealed content: the root, and for each former purpose the key it had, all of them 32 octets; an installation that
 * begins with a root secret has none of these.
 */
export class RootSecret {
  readonly #root: Buffer;
  readonly #former: ReadonlyMap<string, Buffer>;

  private constructor(content: Buffer) {
    this.#root = content.subarray(0, LENGTH);
    const rest = content.subarray(LENGTH);
    const former = FORMER_PURPOSES.map(
      (purpose, at) => [purpose, rest.subarray(at * LENGTH, (at + 1) * LENGTH)] as const,
    );
    this.#former = new Map(rest.length === 0 ? [] : former);
  }

  /**
   * Opens the root secret, or makes it when nothing is sealed yet or everything was sealed before there was one.
   *
   * @throws {CustodyError} RootSecretMissing when it was there once; SealedFileDamaged and others of `SealedFiles`.
   */
  static async open(files: SealedFiles, logger: Logger): Promise<RootSecret> {
    const content = (await files.read(ROOT_LABEL)) ?? (await make(files, logger));
    const expected = [LENGTH, LENGTH * (1 + FORMER_PURPOSES.length)];
    if (expected.includes(content.length)) return new RootSecret(content);
    throw new CustodyError(
      "SealedFileDamaged",
      `${files.path(ROOT_LABEL)} does not hold a root secret; restore it from a backup`,
    );
  }

  /** 32 octets for one purpose. */
  derive(purpose: string): Buffer {
    return this.#former.get(purpose) ?? deriveSecret(this.#root, `v2/derive/${purpose}`, LENGTH);
  }
}

async function make(files: SealedFiles, logger: Logger): Promise<Buffer> {
  const labels = await files.labels();
  // Another process has made it since we looked, and may have sealed more under it.
  const rivals = labels.some(isRootSecret) ? await files.read(ROOT_LABEL) : undefined;
  if (rivals !== undefined) return rivals;
  const content = Buffer.concat([randomBytes(LENGTH), ...(await formerKeys(files, labels))]);
  try {
    await files.write(ROOT_LABEL, content, "kept");
    logger.info({ file: files.path(ROOT_LABEL) }, "made the root secret that other keys are derived from");
    return content;
  } catch (error) {
    // Another process was faster; its secret is the one that counts.
    const theirs = errorCode(error) === "EEXIST" ? await files.read(ROOT_LABEL) : undefined;
    if (theirs === undefined) throw error;
    return theirs;
  }
}

/** Empty in a new directory. Every file that was sealed before there was a root secret is of version 1, under one key. */
async function formerKeys(files: SealedFiles, labels: readonly Label[]): Promise<readonly Buffer[]> {
  const contents = await Promise.all(labels.map((label) => files.content(label)));
  const [sealed] = contents.filter((content) => content !== undefined);
  if (sealed === undefined) return [];
  const { formerDerivation } = isVersion1(sealed) ? (files.ring.keyFor(sealed) ?? {}) : {};
  if (formerDerivation !== undefined) return FORMER_PURPOSES.map((purpose) => formerDerivation(purpose));
  throw new CustodyError(
    "RootSecretMissing",
    `${files.path(ROOT_LABEL)} is missing, yet other files beside it were sealed after it was made; restore the keys ` +
      "directory from a backup: without it no bootstrap token that was given out could be recognised",
  );
}

function isVersion1(content: Buffer): boolean {
  const parsed = parseEnvelope(content);
  return parsed.kind === "parsed" && parsed.envelope.version === 1;
}
