import type { Logger } from "../../../shared/logging.ts";
import { CustodyError } from "../custody-error.ts";
import { kmsKey } from "../kms/kms-key.ts";
import { readPrivateFile } from "../private-files.ts";
import { type ProviderSettings, parseEncryptionConfiguration } from "./encryption-configuration.ts";
import { type EncryptionKeySource, obtainEncryptionKey } from "./encryption-key.ts";
import { identityKey } from "./identity-key.ts";
import { KeyRing } from "./key-ring.ts";
import { type LocalProvider, localKey } from "./local-keys.ts";
import type { SealingKey } from "./sealing-key.ts";

const DEFAULT_KMS_WAIT_SECONDS = 60;
/** What the only key of a source that gives just one is called. */
const ONLY_KEY_NAME = "default";
const LOCAL_PROVIDERS: readonly LocalProvider[] = ["aesgcm", "aescbc", "secretbox"];

/** Where encryption keys come from: one key, or a configuration of several. */
export interface EncryptionSource extends EncryptionKeySource {
  /** Path of a Kubernetes EncryptionConfiguration. */
  readonly configurationFile?: string | undefined;
  /** How long a start waits for the KMS plugins it needs; 60 when absent. */
  readonly kmsWaitSeconds?: number | undefined;
}

/** Reads the keys of a source as they are now; a file is read again each time. */
export class EncryptionSourceReader {
  readonly kmsWaitSeconds: number;
  readonly #directory: string;
  readonly #source: EncryptionSource;
  readonly #logger: Logger;

  /** @param directory - of the keys. */
  constructor(directory: string, source: EncryptionSource, logger: Logger) {
    this.#directory = directory;
    this.#source = source;
    this.#logger = logger;
    this.kmsWaitSeconds = source.kmsWaitSeconds ?? DEFAULT_KMS_WAIT_SECONDS;
  }

  /**
   * @param sealedFiles - names of what is already sealed: a key is generated only while there is nothing.
   * @throws {CustodyError}
   */
  async read(sealedFiles: readonly string[]): Promise<KeyRing> {
    const { configurationFile, keyFile, environmentKey } = this.#source;
    if (configurationFile === undefined) {
      const { key, origin } = await obtainEncryptionKey(this.#directory, this.#source, sealedFiles, this.#logger);
      return new KeyRing(origin, [localKey("aesgcm", { name: ONLY_KEY_NAME, secret: key })]);
    }
    if (keyFile !== undefined || environmentKey !== undefined) {
      throw new CustodyError("InvalidArgument", "encryption has a configuration file and a key; keep one of them");
    }
    return this.#readConfiguration(configurationFile);
  }

  async #readConfiguration(path: string): Promise<KeyRing> {
    const content = await readPrivateFile(path);
    if (content === undefined) {
      throw new CustodyError("EncryptionKeyMissing", `the encryption configuration ${path} does not exist; restore it`);
    }
    const providers = parseEncryptionConfiguration(content.toString("utf8"), path);
    const [first, ...others] = providers.flatMap((settings) => keysOf(settings, this.#logger));
    if (first === undefined) throw new Error("a checked encryption configuration has a key");
    this.#warnOfIdentity(path, first, others);
    return new KeyRing(path, [first, ...others]);
  }

  #warnOfIdentity(encryptionConfiguration: string, first: SealingKey, others: readonly SealingKey[]): void {
    const fields = { encryptionConfiguration, provider: "identity" };
    if (first.provider === "identity") {
      this.#logger.warn(fields, "private keys are written UNENCRYPTED: identity is the first provider");
    } else if (others.some(({ provider }) => provider === "identity")) {
      const advice = "run `gatehouse issuer reencrypt` and take identity out of the configuration";
      this.#logger.warn(fields, `private keys that are not encrypted are accepted; ${advice}`);
    }
  }
}

function keysOf(settings: ProviderSettings, logger: Logger): readonly SealingKey[] {
  const { kms, identity } = settings;
  if (kms !== undefined) {
    const { name, endpoint, timeout: timeoutMilliseconds } = kms;
    return [kmsKey({ name, endpoint, timeoutMilliseconds }, logger)];
  }
  if (identity !== undefined) return [identityKey()];
  return LOCAL_PROVIDERS.flatMap((provider) => {
    return (settings[provider]?.keys ?? []).map((key) => localKey(provider, key));
  });
}
