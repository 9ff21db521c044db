import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Custody, openCustody } from "../../services/certificate-authority/custody/custody.ts";
import type { EncryptionSource } from "../../services/certificate-authority/custody/encryption/encryption-source.ts";
import { type Ledger, openLedger } from "../../services/certificate-authority/ledger/ledger.ts";
import { systemClock } from "../../services/shared/clock.ts";
import { createLogger } from "../../services/shared/logging.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

export interface Installation {
  readonly dataDirectory: string;
  readonly issuerId: string;
}

export interface InstallationWishes {
  readonly encryption?: EncryptionSource;
  readonly lifetimeSeconds?: number;
  /** Further work on the open ledger. */
  readonly fill?: (ledger: Ledger, custody: Custody) => Promise<void>;
}

/** A data directory as a server leaves it: a ledger at rest, a sealed issuer on record, the trust bundle. */
export async function makeInstallation(wishes: InstallationWishes = {}): Promise<Installation> {
  const dataDirectory = temporaryDirectory();
  const logger = createLogger({ level: "silent" });
  mkdirSync(join(dataDirectory, "keys"), { mode: 0o700 });
  const custody = await openCustody({
    directory: join(dataDirectory, "keys"),
    encryption: wishes.encryption ?? {},
    logger,
  });
  const lifetimeSeconds = wishes.lifetimeSeconds ?? 3650 * 86_400;
  const { description } = await custody.createIssuer({ now: new Date(), lifetimeSeconds });
  const ledger = await openLedger({ file: join(dataDirectory, "gatehouse.db"), clock: systemClock, logger });
  try {
    const record = { ...description, name: "default", ancestorsPem: "", createdAt: new Date() };
    await ledger.issuers.record({ ...record, slot: "active", origin: "generated" });
    await wishes.fill?.(ledger, custody);
  } finally {
    await ledger.close();
    custody.close();
  }
  writeFileSync(join(dataDirectory, "ca.crt"), description.certificatePem);
  return { dataDirectory, issuerId: description.id };
}
