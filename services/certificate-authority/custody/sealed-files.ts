import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../../shared/durable-file.ts";
import { CustodyError } from "./custody-error.ts";
import type { Label } from "./encryption/envelope.ts";
import type { KeyRing, Opening } from "./encryption/key-ring.ts";
import { PRIVATE, readPrivateFile } from "./private-files.ts";

const SUFFIX = ".sealed";
/** Names by purpose. A file of any other name is not ours. */
const NAMES: Readonly<Record<string, RegExp>> = {
  issuer: /^[0-9a-f]{64}$/,
  request: /^[a-z0-9][a-z0-9-]{0,62}$/,
  derivation: /^root$/,
};

/** The label of an issuer's private key, PKCS#8 in DER. @throws {CustodyError} InvalidArgument. */
export function issuerLabel(id: string): Label {
  if (!NAMES["issuer"]?.test(id)) throw new CustodyError("InvalidArgument", `"${id}" is not the id of an issuer`);
  return { purpose: "issuer", name: id };
}

/** The label of the key of an issuer that awaits its certificate, PKCS#8 in DER. @throws {CustodyError} InvalidArgument. */
export function requestLabel(issuerName: string): Label {
  if (!NAMES["request"]?.test(issuerName))
    throw new CustodyError("InvalidArgument", `"${issuerName}" is not the name of an issuer`);
  return { purpose: "request", name: issuerName };
}

/** The label of the secret that other keys are derived from. */
export const ROOT_LABEL: Label = { purpose: "derivation", name: "root" };

export function isRootSecret({ purpose }: Label): boolean {
  return purpose === ROOT_LABEL.purpose;
}

/** Secrets that lie sealed in one directory, a file each, called `<purpose>-<name>.sealed`. */
export class SealedFiles {
  readonly #directory: string;
  #ring: KeyRing;
  #last: Promise<unknown> = Promise.resolve();

  constructor(directory: string, ring: KeyRing) {
    this.#directory = directory;
    this.#ring = ring;
  }

  get ring(): KeyRing {
    return this.#ring;
  }

  /** File names of everything sealed in the directory, sorted. */
  static async names(directory: string): Promise<readonly string[]> {
    return (await readdir(directory)).filter((name) => labelOf(name) !== undefined).toSorted();
  }

  path({ purpose, name }: Label): string {
    return join(this.#directory, `${purpose}-${name}${SUFFIX}`);
  }

  /** Runs one piece of work at a time, so that the keys never change under one; `read` and `write` wait for it. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** @param existing - as of `writeFileDurably`. @throws {CustodyError} when a key service fails. */
  write(label: Label, secret: Uint8Array, existing: "replaced" | "kept" = "replaced"): Promise<void> {
    return this.exclusively(async () => {
      const content = await this.#ring.seal(label, secret);
      await writeFileDurably(this.path(label), content, { mode: PRIVATE, existing });
    });
  }

  /**
   * @returns undefined when there is no such file.
   * @throws {CustodyError} EncryptionKeyMismatch, SealedFileDamaged, InsecurePermissions, FileUnreadable,
   *   KeyServiceUnavailable, KeyServiceFailed.
   */
  async read(label: Label): Promise<Buffer | undefined> {
    return (await this.exclusively(() => this.#open(label, this.#ring)))?.secret;
  }

  /** Removes the file, if there is one. */
  remove(label: Label): Promise<void> {
    return this.exclusively(() => rm(this.path(label), { force: true }));
  }

  /** The file as it lies there. */
  async content(label: Label): Promise<Buffer | undefined> {
    return readPrivateFile(this.path(label));
  }

  async labels(): Promise<readonly Label[]> {
    return (await SealedFiles.names(this.#directory)).flatMap((name) => labelOf(name) ?? []);
  }

  /** Opens every file once, so that a wrong key or a damaged file is told before anything is written beside it. */
  async checkAll(ring: KeyRing = this.#ring): Promise<void> {
    for (const label of await this.labels()) await this.#open(label, ring);
  }

  /** Goes on with other keys, which must open every file. */
  changeKeys(ring: KeyRing): void {
    this.#ring = ring;
  }

  /**
   * Seals a file anew under the first key unless it is so already. What replaces it has been opened again before.
   * @returns whether it was rewritten.
   */
  async renew(label: Label): Promise<boolean> {
    const found = await this.#open(label, this.#ring);
    if (found === undefined || (await this.#ring.isCurrent(found.content))) return false;
    const content = await this.#ring.seal(label, found.secret);
    const again = await this.#ring.open(label, content);
    if (again.kind !== "opened" || !again.secret.equals(found.secret)) {
      throw new CustodyError("KeyServiceFailed", `what was newly sealed for ${this.path(label)} does not open again`);
    }
    await writeFileDurably(this.path(label), content, { mode: PRIVATE, existing: "replaced" });
    return true;
  }

  async #open(label: Label, ring: KeyRing): Promise<{ readonly content: Buffer; readonly secret: Buffer } | undefined> {
    const path = this.path(label);
    const content = await readPrivateFile(path);
    if (content === undefined) return undefined;
    const opening = await ring.open(label, content).catch((error: unknown) => {
      throw error instanceof CustodyError
        ? new CustodyError(error.code, `cannot open ${path}: ${error.message}`)
        : error;
    });
    if (opening.kind === "opened") return { content, secret: opening.secret };
    throw failure(opening, path, ring);
  }
}

function failure(opening: Exclude<Opening, { kind: "opened" }>, path: string, ring: KeyRing): CustodyError {
  switch (opening.kind) {
    case "otherKey":
      return new CustodyError(
        "EncryptionKeyMismatch",
        `${path} was encrypted under another key, ${opening.sealedWith}; there is ${ring.describe()}. ` +
          "Give the key it was encrypted under. Nothing was changed",
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

/** What a file of this name holds; undefined when it is none of ours. */
function labelOf(fileName: string): Label | undefined {
  const [, purpose = "", name = ""] = /^([a-z]+)-(.+)\.sealed$/.exec(fileName) ?? [];
  return NAMES[purpose]?.test(name) ? { purpose, name } : undefined;
}
