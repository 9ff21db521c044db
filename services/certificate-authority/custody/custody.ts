import { createHash, createPrivateKey, type KeyObject } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Logger } from "../../shared/logging.ts";
import type { IssuerDescription } from "../domain/issuer.ts";
import { CustodyError } from "./custody-error.ts";
import { type EncryptionSource, obtainEncryptionKey } from "./encryption-key.ts";
import { createSealer } from "./envelope.ts";
import { checkIssuer, readCertificatePem } from "./issuer-certificate.ts";
import { encodePem } from "./pem.ts";
import { exposureOf, preparePrivateDirectory, readOptionalFile, writePrivateFile } from "./private-files.ts";
import { readPrivateKeyPem } from "./private-key-pem.ts";
import { SealedFiles } from "./sealed-files.ts";
import { type IssuerWish, makeSelfSignedIssuer } from "./self-signed-issuer.ts";

const TEN_YEARS_SECONDS = 3650 * 86_400;

export interface CustodyOptions {
  /** Where the keys lie; made with mode 0700 when it is not there. Nobody else writes in it. */
  readonly directory: string;
  readonly encryption: EncryptionSource;
  readonly logger: Logger;
}

/** An issuer that passed every check and can sign now. */
export interface LoadedIssuer {
  readonly description: IssuerDescription;
  readonly privateKey: KeyObject;
}

/** Where private keys live: encrypted files. Failures are CustodyErrors that name the file and the way out. */
export interface Custody {
  /** 32 octets for one purpose, such as hashing tokens; the same as long as the encryption key is the same. */
  deriveKey(purpose: string): Buffer;
  /**
   * Ids of the issuers that are here with key and certificate, sorted. A key alone is what a crash in the middle of
   * making an issuer leaves; nobody ever heard of that issuer.
   */
  issuerIds(): Promise<readonly string[]>;
  /**
   * Makes a self-signed CA. Its key is durable before its certificate is known to anyone.
   * Defaults: ECDSA P-256, common name `gatehouse-ca`, ten years.
   */
  createIssuer(wish: Partial<IssuerWish> & Pick<IssuerWish, "now">): Promise<LoadedIssuer>;
  /** Takes over an existing CA from PEM files, which are left as they are. The same CA may be imported again. */
  importIssuer(files: {
    readonly certificateFile: string;
    readonly keyFile: string;
    readonly now: Date;
  }): Promise<LoadedIssuer>;
  /** @param id - lower-case hex SHA-256 of the certificate's DER. */
  loadIssuer(id: string, now: Date): Promise<LoadedIssuer>;
  /** Stores a key of our own, replacing one of the same name. `name` is like `serving` or `admin-client`. */
  storeKey(name: string, pkcs8Der: Uint8Array): Promise<void>;
  /** @returns PKCS#8, DER; undefined when no key of that name was stored. */
  loadKey(name: string): Promise<Buffer | undefined>;
}

/**
 * Opens the directory of keys and checks that the encryption key is the one its files were sealed with, before anything
 * could be written under another.
 *
 * @throws {CustodyError}
 */
export async function openCustody({ directory, encryption, logger }: CustodyOptions): Promise<Custody> {
  await preparePrivateDirectory(directory);
  const { key, origin } = await obtainEncryptionKey(directory, encryption, await SealedFiles.names(directory), logger);
  const sealer = createSealer(key);
  const files = new SealedFiles(directory, sealer, origin);
  await files.checkAll();
  return new EncryptedFileCustody(directory, files, logger, (purpose) => sealer.derive(purpose));
}

class EncryptedFileCustody implements Custody {
  readonly deriveKey: (purpose: string) => Buffer;
  readonly #directory: string;
  readonly #files: SealedFiles;
  readonly #logger: Logger;

  constructor(directory: string, files: SealedFiles, logger: Logger, deriveKey: (purpose: string) => Buffer) {
    this.#directory = directory;
    this.#files = files;
    this.#logger = logger;
    this.deriveKey = deriveKey;
  }

  async issuerIds(): Promise<readonly string[]> {
    const names = new Set(await readdir(this.#directory));
    const ids = [...names].flatMap((name) => /^issuer-([0-9a-f]{64})\.sealed$/.exec(name)?.slice(1) ?? []);
    return ids.filter((id) => names.has(basename(this.#certificatePath(id)))).toSorted();
  }

  async createIssuer(wish: Partial<IssuerWish> & Pick<IssuerWish, "now">): Promise<LoadedIssuer> {
    const { algorithm = "ecdsa-p256", commonName = "gatehouse-ca", lifetimeSeconds = TEN_YEARS_SECONDS, now } = wish;
    const made = await makeSelfSignedIssuer({ algorithm, commonName, lifetimeSeconds, now });
    const privateKey = createPrivateKey({ key: made.pkcs8Der, format: "der", type: "pkcs8" });
    const description = checkIssuer(made.certificateDer, privateKey, now, "the new issuer");
    await this.#storeIssuer(description, made.pkcs8Der);
    return this.loadIssuer(description.id, now);
  }

  async importIssuer(source: { certificateFile: string; keyFile: string; now: Date }): Promise<LoadedIssuer> {
    const certificateDer = readCertificatePem(await readSource(source.certificateFile), source.certificateFile);
    const privateKey = readPrivateKeyPem(await this.#readSourceKey(source.keyFile), source.keyFile);
    const description = checkIssuer(certificateDer, privateKey, source.now, source.certificateFile);
    if (!(await this.issuerIds()).includes(description.id)) {
      await this.#storeIssuer(description, privateKey.export({ format: "der", type: "pkcs8" }));
    }
    return this.loadIssuer(description.id, source.now);
  }

  async loadIssuer(id: string, now: Date): Promise<LoadedIssuer> {
    const certificatePath = this.#certificatePath(id);
    const pkcs8Der = await this.#files.read({ purpose: "issuer", name: id });
    if (pkcs8Der === undefined) throw issuerMissing(id, this.#files.path({ purpose: "issuer", name: id }));
    const content = await readOptionalFile(certificatePath);
    if (content === undefined) throw issuerMissing(id, certificatePath);
    const certificateDer = readCertificatePem(content.toString("latin1"), certificatePath);
    if (createHash("sha256").update(certificateDer).digest("hex") !== id) {
      throw new CustodyError(
        "InvalidCertificate",
        `${certificatePath} holds another certificate than its name says; restore it from a backup`,
      );
    }
    const privateKey = createPrivateKey({ key: pkcs8Der, format: "der", type: "pkcs8" });
    return { description: checkIssuer(certificateDer, privateKey, now, certificatePath), privateKey };
  }

  async storeKey(name: string, pkcs8Der: Uint8Array): Promise<void> {
    await this.#files.write({ purpose: "key", name }, pkcs8Der);
  }

  async loadKey(name: string): Promise<Buffer | undefined> {
    return this.#files.read({ purpose: "key", name });
  }

  /** Key first: a crash in between leaves a key without certificate, which nobody ever heard of. */
  async #storeIssuer({ id, certificateDer }: IssuerDescription, pkcs8Der: Uint8Array): Promise<void> {
    await this.#files.write({ purpose: "issuer", name: id }, pkcs8Der);
    await writePrivateFile(this.#certificatePath(id), encodePem("CERTIFICATE", certificateDer), "replace");
    this.#logger.info({ issuer: id }, "issuer key stored, encrypted");
  }

  #certificatePath(id: string): string {
    return join(this.#directory, `issuer-${id}.crt`);
  }

  /** What others may read of the administrator's own file is told, not refused: the copy here is what counts. */
  async #readSourceKey(path: string): Promise<string> {
    const content = await readSource(path);
    const exposure = await exposureOf(path);
    if (exposure !== undefined) this.#logger.warn({ keyFile: path }, exposure);
    return content;
  }
}

async function readSource(path: string): Promise<string> {
  const content = await readOptionalFile(path);
  if (content === undefined)
    throw new CustodyError("FileUnreadable", `${path} does not exist; check the configured path`);
  return content.toString("latin1");
}

function issuerMissing(id: string, path: string): CustodyError {
  return new CustodyError(
    "IssuerNotFound",
    `issuer ${id} is on record, but ${path} is missing; restore the keys directory from a backup. Nothing was changed`,
  );
}
