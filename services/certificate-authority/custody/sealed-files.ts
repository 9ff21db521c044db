import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CustodyError } from "./custody-error.ts";
import type { Label, Opening, Sealer } from "./envelope.ts";
import { readPrivateFile, writePrivateFile } from "./private-files.ts";

const SUFFIX = ".sealed";
const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** The sealed secrets of one directory, one file each, called `<purpose>-<name>.sealed`. */
export class SealedFiles {
  readonly #directory: string;
  readonly #sealer: Sealer;
  readonly #keyOrigin: string;

  /** @param keyOrigin - where the encryption key came from, for messages. */
  constructor(directory: string, sealer: Sealer, keyOrigin: string) {
    this.#directory = directory;
    this.#sealer = sealer;
    this.#keyOrigin = keyOrigin;
  }

  /** File names of everything sealed in the directory, sorted. */
  static async names(directory: string): Promise<readonly string[]> {
    return (await readdir(directory)).filter((name) => name.endsWith(SUFFIX)).toSorted();
  }

  /** @throws {CustodyError} InvalidArgument when the name has other characters than `a-z`, `0-9` and single `-`. */
  path({ purpose, name }: Label): string {
    if (!NAME.test(name)) throw new CustodyError("InvalidArgument", `"${name}" cannot be the name of a stored key`);
    return join(this.#directory, `${purpose}-${name}${SUFFIX}`);
  }

  async write(label: Label, secret: Uint8Array): Promise<void> {
    await writePrivateFile(this.path(label), this.#sealer.seal(label, secret), "replace");
  }

  /**
   * @returns undefined when there is no such file.
   * @throws {CustodyError} EncryptionKeyMismatch, SealedFileDamaged, InsecurePermissions, FileUnreadable.
   */
  async read(label: Label): Promise<Buffer | undefined> {
    const path = this.path(label);
    const envelope = await readPrivateFile(path);
    if (envelope === undefined) return undefined;
    const opening = this.#sealer.open(label, envelope);
    if (opening.kind === "opened") return opening.secret;
    throw this.#failure(opening, path);
  }

  /** Opens every file once, so that a wrong key or a damaged file is told at start and nothing is written beside it. */
  async checkAll(): Promise<void> {
    for (const file of await SealedFiles.names(this.#directory)) {
      const label = labelOf(file);
      if (label !== undefined) await this.read(label);
    }
  }

  #failure(opening: Exclude<Opening, { kind: "opened" }>, path: string): CustodyError {
    switch (opening.kind) {
      case "otherKey":
        return new CustodyError(
          "EncryptionKeyMismatch",
          `${path} was encrypted under another key: its key id is ${opening.keyId}, the one of ${this.#keyOrigin} is ` +
            `${this.#sealer.keyId}; give the key it was encrypted under. Nothing was changed`,
        );
      case "otherVersion":
        return new CustodyError(
          "SealedFileDamaged",
          `${path} has format version ${opening.version}, which this version of Gatehouse does not know; ` +
            "run the version that wrote it, or restore the file from a backup",
        );
      case "damaged":
        return new CustodyError(
          "SealedFileDamaged",
          `${path} is damaged: it is cut short, altered, or was put in another file's place; restore it from a backup`,
        );
      default:
        return opening satisfies never;
    }
  }
}

function labelOf(file: string): Label | undefined {
  const [, purpose, name = ""] = /^(issuer|key)-(.+)\.sealed$/.exec(file) ?? [];
  return purpose === undefined ? undefined : { purpose: purpose as Label["purpose"], name };
}
