import { createHash, createPrivateKey, type KeyObject } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { writeFileDurably } from "../../shared/durable-file.ts";
import type { Logger } from "../../shared/logging.ts";
import type { IssuerDescription } from "../domain/issuer.ts";
import { CustodyError } from "./custody-error.ts";
import { type EncryptionSource, obtainEncryptionKey } from "./encryption-key.ts";
import { createSealer } from "./envelope.ts";
import { checkIssuer, readCertificatePem } from "./issuer-certificate.ts";
import { encodePem } from "./pem.ts";
import { exposureOf, PRIVATE, preparePrivateDirectory, readOptionalFile } from "./private-files.ts";
import { readPrivateKeyPem } from "./private-key-pem.ts";
import { issuerIdsOf, SealedKeys } from "./sealed-keys.ts";
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
}

/**
 * Opens the directory of keys and checks that the encryption key is the one its files were sealed with, before anything
 * could be written under another.
 *
 * @throws {CustodyError}
 */
export async function openCustody({ directory, encryption, logger }: CustodyOptions): Promise<Custody> {
  await preparePrivateDirectory(directory);
  const { key, origin } = await obtainEncryptionKey(directory, encryption, await SealedKeys.names(directory), logger);
  const sealer = createSealer(key);
  const keys = new SealedKeys(directory, sealer, origin);
  await keys.checkAll();
  return new EncryptedFileCustody(directory, keys, logger, (purpose) => sealer.derive(purpose));
}

class EncryptedFileCustody implements Custody {
  readonly deriveKey: (purpose: string) => Buffer;
  readonly #directory: string;
  readonly #keys: SealedKeys;
  readonly #logger: Logger;

  constructor(directory: string, keys: SealedKeys, logger: Logger, deriveKey: (purpose: string) => Buffer) {
    this.#directory = directory;
    this.#keys = keys;
    this.#logger = logger;
    this.deriveKey = deriveKey;
  }

  async issuerIds(): Promise<readonly string[]> {
    const files = new Set(await readdir(this.#directory));
    return issuerIdsOf([...files]).filter((id) => files.has(basename(this.#certificatePath(id))));
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
    const pkcs8Der = await this.#keys.read(id);
    if (pkcs8Der === undefined) throw issuerMissing(id, this.#keys.path(id));
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

  /** Key first: a crash in between leaves a key without certificate, which nobody ever heard of. */
  async #storeIssuer({ id, certificateDer }: IssuerDescription, pkcs8Der: Uint8Array): Promise<void> {
    await this.#keys.write(id, pkcs8Der);
    const certificatePem = encodePem("CERTIFICATE", certificateDer);
    await writeFileDurably(this.#certificatePath(id), certificatePem, { mode: PRIVATE, existing: "replaced" });
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
