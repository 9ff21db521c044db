import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Configuration } from "./configuration.ts";
import { ConfigurationError } from "./configuration.ts";
import type { Custody, LoadedIssuer } from "./custody/custody.ts";
import type { IssuerRecord } from "./domain/issuer.ts";
import type { Issuers } from "./domain/ports.ts";

const DAY_SECONDS = 86_400;

/**
 * Finds the issuer to sign with, or makes it on the first start. What the ledger has on record is never replaced: a
 * missing key or another configured CA stops the start.
 *
 * @throws {ConfigurationError} when configuration and record disagree; CustodyError when the key is not usable.
 */
export async function selectIssuer(
  settings: Configuration["issuer"],
  custody: Custody,
  issuers: Issuers,
  clock: Clock,
  logger: Logger,
): Promise<LoadedIssuer> {
  const active = (await issuers.list()).find(({ slot }) => slot === "active");
  if (active !== undefined) return loadRecorded(active, settings, custody, clock);
  const now = clock.now();
  const { issuer, origin } = await firstIssuer(settings, custody, now);
  await issuers.record({ ...issuer.description, slot: "active", origin, createdAt: now });
  const { id, commonName, keyAlgorithm, notAfter } = issuer.description;
  logger.info({ issuer: id, commonName, keyAlgorithm, notAfter }, `${origin} the certificate authority`);
  return issuer;
}

async function loadRecorded(
  active: IssuerRecord,
  settings: Configuration["issuer"],
  custody: Custody,
  clock: Clock,
): Promise<LoadedIssuer> {
  if (settings.import !== undefined) {
    const imported = await custody.importIssuer({ ...settings.import, now: clock.now() });
    if (imported.description.id !== active.id) {
      throw new ConfigurationError(
        `issuer.import names the CA ${imported.description.id}, but this data directory signs with ${active.id}; ` +
          "remove issuer.import, or start with an empty data directory",
      );
    }
  }
  return custody.loadIssuer(active.id, clock.now());
}

async function firstIssuer(
  settings: Configuration["issuer"],
  custody: Custody,
  now: Date,
): Promise<{ issuer: LoadedIssuer; origin: IssuerRecord["origin"] }> {
  if (settings.import !== undefined) {
    return { issuer: await custody.importIssuer({ ...settings.import, now }), origin: "imported" };
  }
  const [leftOver, ...more] = await custody.issuerIds();
  if (more.length > 0) {
    throw new ConfigurationError(
      "the keys directory holds several issuers but the ledger has none on record; restore gatehouse.db from a backup",
    );
  }
  // A crash between making the key and recording it leaves exactly one: it has signed nothing yet.
  if (leftOver !== undefined) return { issuer: await custody.loadIssuer(leftOver, now), origin: "generated" };
  const { keyAlgorithm: algorithm, commonName, lifetimeDays } = settings;
  const wish = { algorithm, commonName, lifetimeSeconds: lifetimeDays * DAY_SECONDS, now };
  return { issuer: await custody.createIssuer(wish), origin: "generated" };
}
