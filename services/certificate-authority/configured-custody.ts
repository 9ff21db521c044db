import { join } from "node:path";
import type { Logger } from "../shared/logging.ts";
import type { Configuration } from "./configuration.ts";
import { type Custody, openCustody } from "./custody/custody.ts";
import type { EncryptionSource } from "./custody/encryption/encryption-source.ts";
import type { Issuers } from "./domain/ports.ts";

/**
 * Opens the keys of the configured data directory under the configured encryption.
 *
 * @param issuers - those on record: keys are made only while there is none.
 * @throws as `openCustody`.
 */
export async function openConfiguredCustody(
  { dataDirectory, encryption }: Pick<Configuration, "dataDirectory" | "encryption">,
  issuers: Pick<Issuers, "list">,
  logger: Logger,
): Promise<Custody> {
  const directory = join(dataDirectory, "keys");
  const isInUse = (await issuers.list()).length > 0;
  return openCustody({ directory, encryption: encryptionSource(encryption), logger, isInUse });
}

/** The key is taken out of the environment, so that no child process and no crash report sees it. */
function encryptionSource(encryption: Configuration["encryption"]): EncryptionSource {
  if (encryption === undefined || !("keyEnvironment" in encryption)) return encryption ?? {};
  const variable = encryption.keyEnvironment;
  const value = process.env[variable];
  delete process.env[variable];
  return { environmentKey: { variable, value } };
}
