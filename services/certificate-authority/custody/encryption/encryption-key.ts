import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { writeFileDurably } from "../../../shared/durable-file.ts";
import type { Logger } from "../../../shared/logging.ts";
import { CustodyError } from "../custody-error.ts";
import { errorCode, PRIVATE, readPrivateFile } from "../private-files.ts";

const KEY_LENGTH = 32;
const BASE64_KEY = /^[A-Za-z0-9+/]{43}=$/;
const GENERATED_KEY_FILE = "encryption.key";
const HOW_TO_MAKE = "make one with: openssl rand -base64 32";

/** Where a single encryption key comes from; with neither, a key file is generated beside the keys. Text is base64 of 32 octets. */
export interface EncryptionKeySource {
  /** Path of a file that holds the key. */
  readonly keyFile?: string | undefined;
  /** An environment variable and what it holds; undefined when it is not set. */
  readonly environmentKey?: { readonly variable: string; readonly value: string | undefined } | undefined;
}

export interface EncryptionKey {
  readonly key: Buffer;
  /** What to call its origin in a message. */
  readonly origin: string;
}

/**
 * Finds or makes the key that encrypts the private keys.
 *
 * @param sealedFiles - names of what is already encrypted in `directory`: a key is generated only while there is nothing.
 * @throws {CustodyError} EncryptionKeyInvalid, EncryptionKeyMissing, InsecurePermissions, InvalidArgument.
 */
export async function obtainEncryptionKey(
  directory: string,
  source: EncryptionKeySource,
  sealedFiles: readonly string[],
  logger: Logger,
): Promise<EncryptionKey> {
  const { keyFile, environmentKey } = source;
  if (keyFile !== undefined && environmentKey !== undefined) {
    throw new CustodyError(
      "InvalidArgument",
      `the encryption key is given twice, by the file ${keyFile} and by the environment variable ${environmentKey.variable}; keep one of them`,
    );
  }
  if (environmentKey !== undefined) return readEnvironmentKey(environmentKey);
  return keyFile === undefined
    ? obtainGeneratedKey(join(directory, GENERATED_KEY_FILE), sealedFiles, logger)
    : { key: await readConfiguredKey(keyFile), origin: keyFile };
}

function readEnvironmentKey({ variable, value }: { variable: string; value: string | undefined }): EncryptionKey {
  const origin = `the environment variable ${variable}`;
  if (value === undefined || value === "") {
    throw new CustodyError(
      "EncryptionKeyMissing",
      `${origin} should hold the encryption key, but it is not set; set it, or for a new installation ${HOW_TO_MAKE}`,
    );
  }
  return { key: decodeKey(value, origin), origin };
}

async function readConfiguredKey(path: string): Promise<Buffer> {
  const content = await readPrivateFile(path);
  if (content === undefined) {
    throw new CustodyError(
      "EncryptionKeyMissing",
      `the encryption key file ${path} does not exist; restore it, or for a new installation ${HOW_TO_MAKE} > ${path}`,
    );
  }
  return decodeKey(content.toString("latin1"), path);
}

async function obtainGeneratedKey(
  path: string,
  sealedFiles: readonly string[],
  logger: Logger,
): Promise<EncryptionKey> {
  const content = (await readPrivateFile(path)) ?? (await generateKeyFile(path, sealedFiles));
  // Said at every start: whoever copies the data directory has key and lock together.
  logger.warn(
    { encryptionKeyFile: path },
    `private keys are encrypted under ${path}, a generated key that lies beside them; for production keep the key ` +
      "elsewhere: move the file and name it in the configuration, or give its content by the environment",
  );
  return { key: decodeKey(content.toString("latin1"), path), origin: path };
}

async function generateKeyFile(path: string, sealedFiles: readonly string[]): Promise<Buffer> {
  const [sealedFile] = sealedFiles;
  if (sealedFile !== undefined) {
    throw new CustodyError(
      "EncryptionKeyMissing",
      `${path} is missing, yet ${sealedFile} beside it is encrypted; restore the key file from a backup, or name the ` +
        "encryption key in the configuration. A new key could not open what is there, so none was made",
    );
  }
  const content = Buffer.from(`${randomBytes(KEY_LENGTH).toString("base64")}\n`);
  try {
    await writeFileDurably(path, content, { mode: PRIVATE, existing: "kept" });
    return content;
  } catch (error) {
    // Another process was faster; its key is the one that counts.
    const theirs = errorCode(error) === "EEXIST" ? await readPrivateFile(path) : undefined;
    if (theirs === undefined) throw error;
    return theirs;
  }
}

function decodeKey(text: string, origin: string): Buffer {
  const trimmed = text.trim();
  const key = BASE64_KEY.test(trimmed) ? Buffer.from(trimmed, "base64") : undefined;
  if (key?.length === KEY_LENGTH) return key;
  throw new CustodyError(
    "EncryptionKeyInvalid",
    `the encryption key in ${origin} is not base64 of exactly ${KEY_LENGTH} octets (${trimmed.length} characters were found, ` +
      `44 are needed); restore the right key, or for a new installation ${HOW_TO_MAKE}`,
  );
}
