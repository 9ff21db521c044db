import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { syncDirectory, writeFileDurably } from "../../shared/durable-file.ts";
import type { Logger } from "../../shared/logging.ts";
import type { ReencryptionOutcome } from "../domain/encryption.ts";
import type { Authority, IssuerDescription, KeyAlgorithm } from "../domain/issuer.ts";
import type { RemoteKey } from "../domain/remote-key.ts";
import { type AuthorityNeeds, orderChain, readAuthorities, requireShape } from "./authority.ts";
import { CustodyError } from "./custody-error.ts";
import { type EncryptionSource, EncryptionSourceReader } from "./encryption/encryption-source.ts";
import { checkIssuer, readCertificatePem } from "./issuer-certificate.ts";
import { generateKeyPair } from "./key-pair.ts";
import { describeKey } from "./key-strength.ts";
import { waitForKeyServices } from "./kms/wait.ts";
import {
  type AuthorityWish,
  type IssuerWish,
  makeIssuer,
  makeIssuerRequest,
  type SigningParent,
} from "./make-issuer.ts";
import { encodePem } from "./pem.ts";
import { exposureOf, PRIVATE, preparePrivateDirectory, readOptionalFile } from "./private-files.ts";
import { readPrivateKeyPem } from "./private-key-pem.ts";
import { Reencryption } from "./reencryption.ts";
import { RootSecret } from "./root-secret.ts";
import { issuerLabel, requestLabel, SealedFiles } from "./sealed-files.ts";

const TEN_YEARS_SECONDS = 3650 * 86_400;
const USUAL = { algorithm: "ecdsa-p256", commonName: "gatehouse-ca", lifetimeSeconds: TEN_YEARS_SECONDS } as const;
const GIVEN_CHAIN = "the chain that was given";
const NEW_CHAIN = "the chain of the new issuer";

/** PEM files of a CA. */
export interface IssuerFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly chainFile?: string | undefined;
}

export interface CustodyOptions {
  /** Where the keys lie; made with mode 0700 when it is not there. Nobody else writes in it. */
  readonly directory: string;
  readonly encryption: EncryptionSource;
  readonly logger: Logger;
  /** Something was sealed there before: where nothing is, nothing is made either. */
  readonly isInUse?: boolean;
}

/** An issuer that passed every check and can sign now, here or in a token. */
export interface UsableIssuer {
  readonly description: IssuerDescription;
  readonly authority: Authority;
  readonly privateKey: KeyObject | RemoteKey;
}

/** An issuer whose key is kept here. */
export interface LoadedIssuer extends UsableIssuer {
  readonly privateKey: KeyObject;
}

/** An issuer that came with the certificates above it. */
export interface ChainedIssuer<Issuer extends UsableIssuer = UsableIssuer> {
  readonly issuer: Issuer;
  /** Its own issuer's first, the root last; empty for a root, and when nobody told them. */
  readonly ancestors: readonly Authority[];
}

/** A new CA; without a parent it signs itself. */
export interface IssuerCreation extends Partial<Omit<IssuerWish, "parent" | "now">> {
  readonly now: Date;
  readonly parent?: ChainedIssuer | undefined;
}

/** Where private keys live: encrypted files. Failures are CustodyErrors that name the file and the way out. */
export interface Custody {
  /** 32 octets for one purpose, such as hashing tokens; the same for ever, whatever the encryption keys are. */
  deriveKey(purpose: string): Buffer;
  /**
   * Reads the encryption keys again and seals every file anew that is not under the first of them. A file is replaced whole
   * or not at all, so that stopping in the middle loses nothing and running again goes on. Who asks meanwhile shares the
   * outcome. When the new keys do not open every file, nothing is changed and the old ones stay in use.
   */
  reencrypt(): Promise<ReencryptionOutcome>;
  /** @throws {CustodyError} KeyServiceUnavailable or KeyServiceFailed when a key service that is configured is not well. */
  checkKeyServices(): Promise<void>;
  /** Ends connections to key services. */
  close(): void;
  /**
   * Ids of the issuers that are here with key and certificate, sorted. A key alone is what a crash in the middle of
   * making an issuer leaves; nobody ever heard of that issuer.
   */
  issuerIds(): Promise<readonly string[]>;
  /**
   * Makes a CA, self-signed or signed by another. Its key is durable before its certificate is known to anyone.
   * Defaults: ECDSA P-256, common name `gatehouse-ca`, ten years.
   */
  createIssuer(wish: IssuerCreation): Promise<LoadedIssuer>;
  /**
   * Takes over an existing CA from PEM files, which are left as they are. The same CA may be imported again.
   * @param files - `chainFile` holds the certificates above it, the root among them, in any order.
   */
  importIssuer(files: IssuerFiles & { readonly now: Date }): Promise<ChainedIssuer<LoadedIssuer>>;
  /**
   * Asks for a certificate that is signed elsewhere. The key is made on the first call, kept under the issuer's name and
   * used again until `installIssuer`; it never leaves.
   * @returns a PKCS#10 request as PEM.
   */
  requestIssuer(name: string, wish: AuthorityWish & { readonly algorithm: KeyAlgorithm }): Promise<string>;
  /**
   * Takes the certificate that was asked for. Checks that it is about the key that waits, and the chain to its root.
   * @param chainPem - the certificate and all above it, in any order.
   * @throws {CustodyError} NoRequest when none waits under the name; KeyMismatch when no certificate is about its key;
   *   InvalidChain and those of `loadIssuer`. Then the request waits on.
   */
  installIssuer(name: string, chainPem: string, now: Date, needs: AuthorityNeeds): Promise<ChainedIssuer<LoadedIssuer>>;
  /** Forgets the key of a request, whose certificate is on record now. */
  forgetRequest(name: string): Promise<void>;
  /** Destroys the key of an issuer that is trusted no more, and its certificate here. Idempotent. */
  forgetIssuer(id: string): Promise<void>;
  /**
   * Destroys keys without certificate, which a crash in the middle of making an issuer left. Nothing may be made meanwhile.
   * @param known - ids of issuers on record: what of theirs is missing is to be restored.
   */
  forgetUnfinished(known: ReadonlySet<string>): Promise<void>;
  /** @param id - lower-case hex SHA-256 of the certificate's DER. */
  loadIssuer(id: string, now: Date): Promise<LoadedIssuer>;
}

/**
 * Opens the directory of keys and checks that the encryption key is the one its files were sealed with, before anything
 * could be written under another.
 *
 * @throws {CustodyError}
 */
export async function openCustody({ directory, encryption, logger, isInUse }: CustodyOptions): Promise<Custody> {
  if (isInUse === true) await requireSealedFiles(directory);
  await preparePrivateDirectory(directory);
  const source = new EncryptionSourceReader(directory, encryption, logger);
  const ring = await source.read(await SealedFiles.names(directory));
  try {
    const files = new SealedFiles(directory, ring);
    await waitForKeyServices(files, source.kmsWaitSeconds, logger);
    await files.checkAll();
    const root = await RootSecret.open(files, logger);
    return new EncryptedFileCustody({ directory, files, root, source, logger });
  } catch (error) {
    ring.close();
    throw error;
  }
}

/** Before anything could be made that stands in the way of what is to be restored. */
async function requireSealedFiles(directory: string): Promise<void> {
  const names = existsSync(directory) ? await SealedFiles.names(directory) : [];
  if (names.length > 0) return;
  throw new CustodyError(
    "IssuerNotFound",
    `issuers are on record, but ${directory} holds none of their keys, or is missing; restore the keys directory from a ` +
      "backup. Nothing was changed",
  );
}

interface CustodyParts {
  readonly directory: string;
  readonly files: SealedFiles;
  readonly root: RootSecret;
  readonly source: EncryptionSourceReader;
  readonly logger: Logger;
}

class EncryptedFileCustody implements Custody {
  readonly #directory: string;
  readonly #files: SealedFiles;
  readonly #root: RootSecret;
  readonly #reencryption: Reencryption;
  readonly #logger: Logger;

  constructor({ directory, files, root, source, logger }: CustodyParts) {
    this.#directory = directory;
    this.#files = files;
    this.#root = root;
    this.#reencryption = new Reencryption(files, source, logger);
    this.#logger = logger;
  }

  deriveKey(purpose: string): Buffer {
    return this.#root.derive(purpose);
  }

  reencrypt(): Promise<ReencryptionOutcome> {
    return this.#reencryption.run();
  }

  async checkKeyServices(): Promise<void> {
    await Promise.all(this.#files.ring.keyServices.map((service) => service.checkHealth()));
  }

  close(): void {
    this.#files.ring.close();
  }

  async issuerIds(): Promise<readonly string[]> {
    const files = new Set(await readdir(this.#directory));
    const ids = (await this.#files.labels()).filter(({ purpose }) => purpose === "issuer").map(({ name }) => name);
    return ids.filter((id) => files.has(basename(this.#certificatePath(id))));
  }

  async createIssuer({ parent, ...wish }: IssuerCreation): Promise<LoadedIssuer> {
    const { now } = wish;
    const made = await makeIssuer({ ...USUAL, ...wish, parent: parent && signingParent(parent) });
    const privateKey = createPrivateKey({ key: made.pkcs8Der, format: "der", type: "pkcs8" });
    const { description, authority } = checkIssuer(made.certificateDer, privateKey, now, "the new issuer");
    if (parent !== undefined) orderChain(authority, readAuthorities(pemOf(parent), NEW_CHAIN), now, NEW_CHAIN);
    await this.#storeIssuer(description, made.pkcs8Der);
    return this.loadIssuer(description.id, now);
  }

  async importIssuer(source: IssuerFiles & { now: Date }): Promise<ChainedIssuer<LoadedIssuer>> {
    const certificateDer = readCertificatePem(await readSource(source.certificateFile), source.certificateFile);
    const privateKey = readPrivateKeyPem(await this.#readSourceKey(source.keyFile), source.keyFile);
    const { description, authority } = checkIssuer(certificateDer, privateKey, source.now, source.certificateFile);
    const { chainFile } = source;
    const others = chainFile === undefined ? [] : readAuthorities(await readSource(chainFile), chainFile);
    const ancestors = chainFile === undefined ? [] : orderChain(authority, others, source.now, chainFile);
    if (!(await this.issuerIds()).includes(description.id)) {
      await this.#storeIssuer(description, privateKey.export({ format: "der", type: "pkcs8" }));
    }
    return { issuer: await this.loadIssuer(description.id, source.now), ancestors };
  }

  async requestIssuer(name: string, wish: AuthorityWish & { algorithm: KeyAlgorithm }): Promise<string> {
    const label = requestLabel(name);
    const waiting = await this.#files.read(label);
    const pkcs8Der = waiting ?? (await generateKeyPair(wish.algorithm)).pkcs8Der();
    const privateKey = createPrivateKey({ key: pkcs8Der, format: "der", type: "pkcs8" });
    const { requestDer } = await makeIssuerRequest(wish, privateKey, describeKey(privateKey, `the request of ${name}`));
    if (waiting === undefined) {
      await this.#files.write(label, pkcs8Der);
      this.#logger.info({ issuer: name }, "key of a new issuer stored, encrypted; it awaits its certificate");
    }
    return encodePem("CERTIFICATE REQUEST", requestDer);
  }

  async installIssuer(
    name: string,
    chainPem: string,
    now: Date,
    needs: AuthorityNeeds,
  ): Promise<ChainedIssuer<LoadedIssuer>> {
    const pkcs8Der = await this.#files.read(requestLabel(name));
    if (pkcs8Der === undefined) throw noRequest(name);
    const privateKey = createPrivateKey({ key: pkcs8Der, format: "der", type: "pkcs8" });
    const publicKey = createPublicKey(privateKey);
    const authorities = readAuthorities(chainPem, GIVEN_CHAIN);
    const own = authorities.find(({ native }) => native.publicKey.equals(publicKey));
    if (own === undefined) {
      throw new CustodyError(
        "KeyMismatch",
        `${GIVEN_CHAIN} holds no certificate for the key of the request of issuer ${name}`,
      );
    }
    const { description, authority } = checkIssuer(own.native.raw, privateKey, now, GIVEN_CHAIN);
    const ancestors = orderChain(authority, authorities, now, GIVEN_CHAIN);
    requireShape([authority, ...ancestors], needs);
    await this.#storeIssuer(description, pkcs8Der);
    return { issuer: await this.loadIssuer(description.id, now), ancestors };
  }

  forgetRequest(name: string): Promise<void> {
    return this.#files.remove(requestLabel(name));
  }

  /** The certificate first: a key alone is nobody's, and the next call removes it. */
  async forgetIssuer(id: string): Promise<void> {
    const label = issuerLabel(id);
    const isThere = existsSync(this.#certificatePath(id)) || existsSync(this.#files.path(label));
    if (!isThere) return;
    await rm(this.#certificatePath(id), { force: true });
    await this.#files.remove(label);
    await syncDirectory(this.#directory);
    this.#logger.info({ issuer: id }, "issuer key destroyed: the issuer is trusted no more, or never was");
  }

  async forgetUnfinished(known: ReadonlySet<string>): Promise<void> {
    const whole = new Set(await this.issuerIds());
    for (const { purpose, name } of await this.#files.labels())
      if (purpose === "issuer" && !whole.has(name) && !known.has(name)) await this.forgetIssuer(name);
  }

  async loadIssuer(id: string, now: Date): Promise<LoadedIssuer> {
    const certificatePath = this.#certificatePath(id);
    const label = issuerLabel(id);
    const pkcs8Der = await this.#files.read(label);
    if (pkcs8Der === undefined) throw issuerMissing(id, this.#files.path(label));
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
    return { ...checkIssuer(certificateDer, privateKey, now, certificatePath), privateKey };
  }

  /** Key first: a crash in between leaves a key without certificate, which nobody ever heard of. */
  async #storeIssuer({ id, certificateDer }: IssuerDescription, pkcs8Der: Uint8Array): Promise<void> {
    await this.#files.write(issuerLabel(id), pkcs8Der);
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

function signingParent({ issuer: { description, privateKey } }: ChainedIssuer): SigningParent {
  const { certificateDer, keyAlgorithm } = description;
  return { certificateDer, keyAlgorithm, privateKey };
}

/** An issuer and everything above it. */
function pemOf({ issuer, ancestors }: ChainedIssuer): string {
  return [issuer.authority, ...ancestors].map(({ certificatePem }) => certificatePem).join("");
}

function noRequest(name: string): CustodyError {
  return new CustodyError(
    "NoRequest",
    `issuer ${name} has asked for no certificate; run: gatehouse issuer request ${name}`,
  );
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
