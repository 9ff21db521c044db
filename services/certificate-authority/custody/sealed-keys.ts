import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../../shared/durable-file.ts";
import { CustodyError } from "./custody-error.ts";
import type { Label, Opening, Sealer } from "./envelope.ts";
import { PRIVATE, readPrivateFile } from "./private-files.ts";

const SUFFIX = ".sealed";
const ISSUER_ID = /^[0-9a-f]{64}$/;

/** The issuers' sealed private keys (PKCS#8, DER) of one directory, one file each, called `issuer-<id>.sealed`. */
export class SealedKeys {
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

  /** @throws {CustodyError} InvalidArgument when the id is not 64 lower-case hex digits. */
  path(id: string): string {
    if (!ISSUER_ID.test(id)) throw new CustodyError("InvalidArgument", `"${id}" is not the id of an issuer`);
    return join(this.#directory, `issuer-${id}${SUFFIX}`);
  }

  async write(id: string, pkcs8Der: Uint8Array): Promise<void> {
    const sealed = this.#sealer.seal(labelOf(id), pkcs8Der);
    await writeFileDurably(this.path(id), sealed, { mode: PRIVATE, existing: "replaced" });
  }

  /**
   * @returns undefined when there is no such file.
   * @throws {CustodyError} EncryptionKeyMismatch, SealedFileDamaged, InsecurePermissions, FileUnreadable.
   */
  async read(id: string): Promise<Buffer | undefined> {
    const path = this.path(id);
    const envelope = await readPrivateFile(path);
    if (envelope === undefined) return undefined;
    const opening = this.#sealer.open(labelOf(id), envelope);
    if (opening.kind === "opened") return opening.secret;
    throw this.#failure(opening, path);
  }

  /** Opens every file once, so that a wrong key or a damaged file is told at start and nothing is written beside it. */
  async checkAll(): Promise<void> {
    for (const id of issuerIdsOf(await readdir(this.#directory))) await this.read(id);
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

/** The ids of the issuers whose sealed keys are among these file names, sorted. */
export function issuerIdsOf(files: readonly string[]): readonly string[] {
  return files.flatMap((file) => /^issuer-([0-9a-f]{64})\.sealed$/.exec(file)?.slice(1) ?? []).toSorted();
}

function labelOf(id: string): Label {
  return { purpose: "issuer", name: id };
}
