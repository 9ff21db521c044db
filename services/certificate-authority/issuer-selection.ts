import type { Logger } from "../shared/logging.ts";
import { ConfigurationError } from "./configuration.ts";
import { isSignedBy, readAuthorities } from "./custody/authority.ts";
import type { ChainedIssuer, Custody, UsableIssuer } from "./custody/custody.ts";
import { CustodyError } from "./custody/custody-error.ts";
import { sameNameConstraints } from "./custody/name-constraints-codec.ts";
import type { Tokens } from "./custody/pkcs11/tokens.ts";
import { directoryNameOf } from "./domain/directory-name.ts";
import type { IssuerRecord } from "./domain/issuer.ts";
import { isInSlot } from "./domain/issuer-rotation.ts";
import { type MlDsaSet, mlDsaSetOf } from "./domain/ml-dsa.ts";
import type { NameConstraints, NameSubtrees } from "./domain/name-subtrees.ts";
import type { Issuers } from "./domain/ports.ts";
import { issuerHome } from "./issuer-home.ts";
import { type IssuerSettings, issuersInOrder, pathLengthOf, type SigningSettings } from "./issuer-settings.ts";

const DAY_SECONDS = 86_400;

/** What became of one configured issuer. */
export type Selection =
  | {
      readonly kind: "active";
      readonly settings: IssuerSettings;
      readonly chained: ChainedIssuer;
      /** Why its files were not taken; what signed before signs on. */
      readonly problem: string | undefined;
    }
  | { readonly kind: "awaited"; readonly settings: IssuerSettings; readonly reason: string; readonly message: string };

export interface SelectionDependencies {
  readonly custody: Custody;
  /** Needed when an issuer names a token. */
  readonly tokens?: Tokens | undefined;
  readonly issuers: Issuers;
  readonly now: Date;
  readonly logger: Logger;
}

interface Context extends SelectionDependencies {
  readonly all: readonly IssuerSettings[];
  readonly records: readonly IssuerRecord[];
  readonly mlDsa: readonly MlDsaSet[];
  readonly selections: ReadonlyMap<string, Selection>;
}

/**
 * Finds every issuer that is configured, or makes it as soon as that can be done. What the ledger has on record is never
 * replaced but by the other pair of files it was taken from: a missing key or a changed configuration stops the start.
 *
 * @returns by name, parents first.
 * @throws {ConfigurationError} when configuration and record disagree; CustodyError when a key is not usable.
 */
export async function selectIssuers(
  settings: Pick<SigningSettings, "issuer" | "issuers" | "keyPolicy">,
  deps: SelectionDependencies,
): Promise<ReadonlyMap<string, Selection>> {
  const selections = new Map<string, Selection>();
  const all = issuersInOrder(settings);
  const mlDsa = settings.keyPolicy?.mlDsa ?? [];
  for (const issuer of all) {
    const records = await deps.issuers.list();
    selections.set(issuer.name, await select(issuer, { ...deps, all, records, mlDsa, selections }));
  }
  return selections;
}

async function select(settings: IssuerSettings, context: Context): Promise<Selection> {
  const active = context.records.find(({ name, slot }) => slot === "active" && name === settings.name);
  if (settings.import !== undefined) return selectFiles(settings, settings.import, active, context);
  if (active !== undefined) {
    const chained = await loadRecorded(settings, active, context);
    if (active.origin === "generated" && !settings.externallySigned) checkAgreement(settings, active, chained, context);
    return { kind: "active", settings, chained, problem: undefined };
  }
  if (settings.externallySigned) return awaitsCertificate(settings);
  const parent = parentOf(settings, context);
  if (parent?.kind === "awaited") return awaitsParent(settings, parent);
  const chained = await firstIssuer(settings, parent, context);
  await record(settings, chained, "generated", context);
  return { kind: "active", settings, chained, problem: undefined };
}

function awaitsCertificate(settings: IssuerSettings): Selection {
  const message = `the issuer ${settings.name} awaits its certificate, which is signed elsewhere`;
  return { kind: "awaited", settings, reason: "AwaitingCertificate", message };
}

function awaitsParent(settings: IssuerSettings, { message }: Extract<Selection, { kind: "awaited" }>): Selection {
  return { kind: "awaited", settings, reason: "AwaitingIssuer", message };
}

function parentOf({ parent }: IssuerSettings, { selections }: Context): Selection | undefined {
  return parent === undefined ? undefined : selections.get(parent);
}

/** The pair of files as it is now; with a bad one what was taken from it before goes on, and the problem is told. */
async function selectFiles(
  settings: IssuerSettings,
  files: NonNullable<IssuerSettings["import"]>,
  active: IssuerRecord | undefined,
  context: Context,
): Promise<Selection> {
  try {
    const chained = await issuerHome(settings, context).import(files, context.now);
    requireChosen(settings, chained, context);
    const { id } = chained.issuer.description;
    if (active?.origin === "generated" && active.id !== id) throw otherAuthority(settings, active.id, id);
    if (active?.id !== id) await record(settings, chained, "imported", context);
    return { kind: "active", settings, chained, problem: undefined };
  } catch (error) {
    if (active?.origin !== "imported" || !(error instanceof CustodyError)) throw error;
    return { kind: "active", settings, chained: await loadRecorded(settings, active, context), problem: error.message };
  }
}

function otherAuthority({ name }: IssuerSettings, recorded: string, found: string): ConfigurationError {
  const path = name === "default" ? "issuer.import" : `import of the issuer ${name}`;
  return new ConfigurationError(
    `${path} names the CA ${found}, but this data directory signs with ${recorded}; ` +
      `remove ${path}, or start with an empty data directory`,
  );
}

async function loadRecorded(settings: IssuerSettings, active: IssuerRecord, context: Context): Promise<ChainedIssuer> {
  const ancestors = readAuthorities(active.ancestorsPem, `the recorded chain of issuer ${active.name}`);
  const chained = { issuer: await issuerHome(settings, context).load(active, context.now), ancestors };
  requireChosen(settings, chained, context);
  return chained;
}

/**
 * The issuers that were replaced and are still trusted: their CRLs have to go on. One whose key is not there any more, which
 * may be its owner's wish, is told and left out.
 */
export async function loadOld(
  settings: Pick<SigningSettings, "issuer" | "issuers">,
  records: readonly IssuerRecord[],
  { now, logger, ...homes }: Pick<SelectionDependencies, "custody" | "tokens" | "now" | "logger">,
): Promise<readonly UsableIssuer[]> {
  const loaded: UsableIssuer[] = [];
  for (const one of issuersInOrder(settings)) {
    const old = records.filter((record) => record.name === one.name && record.slot === "old" && isInSlot(record, now));
    for (const record of old) {
      try {
        loaded.push(await issuerHome(one, homes).load(record, now));
      } catch (error) {
        const { id, name } = record;
        logger.warn({ name, issuer: id, err: error }, "the key of an old issuer is not at hand: its CRLs end");
      }
    }
  }
  return loaded;
}

/** Many clients cannot verify such signatures, so a file that was replaced must not bring them about. */
function requireChosen({ name }: IssuerSettings, { issuer }: ChainedIssuer, { mlDsa }: Context): void {
  const set = mlDsaSetOf(issuer.description.keyAlgorithm);
  if (set === undefined || mlDsa.includes(set)) return;
  throw new CustodyError(
    "UnsupportedKey",
    `the issuer ${name} has an ${set} key, which has to be chosen: put ${set} into keyPolicy.mlDsa, or give it another key`,
  );
}

/** An issuer as the one that signs under its name. */
export function recordOf(
  { name }: Pick<IssuerSettings, "name">,
  { issuer, ancestors }: ChainedIssuer,
  origin: IssuerRecord["origin"],
  createdAt: Date,
): IssuerRecord {
  const ancestorsPem = ancestors.map(({ certificatePem }) => certificatePem).join("");
  return { ...issuer.description, name, ancestorsPem, slot: "active", origin, createdAt };
}

/** Records an issuer as the one that signs under its name. */
async function record(
  { name }: Pick<IssuerSettings, "name">,
  { issuer, ancestors }: ChainedIssuer,
  origin: IssuerRecord["origin"],
  { issuers, now, logger }: SelectionDependencies,
): Promise<void> {
  await issuers.record(recordOf({ name }, { issuer, ancestors }, origin, now));
  const { id, commonName, keyAlgorithm, notAfter } = issuer.description;
  logger.info({ name, issuer: id, commonName, keyAlgorithm, notAfter }, `${origin} the certificate authority`);
}

/** A CA that was made is as it is: silently doing something else than what is configured would be worse than stopping. */
function checkAgreement(
  settings: IssuerSettings,
  { id }: IssuerRecord,
  { issuer: { authority }, ancestors }: ChainedIssuer,
  { all, records }: Context,
): void {
  const [above] = ancestors;
  const isUnderParent = records.some(
    ({ name, certificatePem }) => name === settings.parent && certificatePem === above?.certificatePem,
  );
  const differs =
    (settings.parent === undefined ? !authority.isSelfSigned && "parent" : !isUnderParent && "parent") ||
    (pathLengthOf(settings, all) !== authority.pathLength && "pathLength") ||
    (!sameNameConstraints(constraintsOf(settings), authority.nameConstraints) && "nameConstraints");
  if (differs === false) return;
  throw new ConfigurationError(
    `the issuer ${settings.name} (${id}) was made with another ${differs} than is configured, and a CA that was made does not ` +
      "change; restore the setting, or configure an issuer of another name for the signers",
  );
}

async function firstIssuer(
  settings: IssuerSettings,
  parent: Extract<Selection, { kind: "active" }> | undefined,
  context: Context,
): Promise<ChainedIssuer> {
  const ancestors = parent === undefined ? [] : [parent.chained.issuer.authority, ...parent.chained.ancestors];
  const home = issuerHome(settings, context);
  const leftOver = home.keepsLeftOvers
    ? await takeLeftOver(settings, ancestors[0]?.certificatePem, context)
    : undefined;
  if (leftOver !== undefined) return { issuer: leftOver, ancestors };
  const lifetimeSeconds = settings.lifetimeDays * DAY_SECONDS;
  requireWithin(settings, ancestors, lifetimeSeconds, context.now);
  const { keyAlgorithm: algorithm, commonName } = settings;
  const pathLength = pathLengthOf(settings, context.all);
  const shape = { algorithm, commonName, lifetimeSeconds, pathLength, nameConstraints: constraintsOf(settings) };
  const issuer = await home.create({ ...shape, now: context.now, parent: parent?.chained });
  return { issuer, ancestors };
}

/** A crash between making the key and recording it leaves exactly one: it has signed nothing yet. */
async function takeLeftOver(
  { commonName }: IssuerSettings,
  issuerPem: string | undefined,
  { custody, records, now }: Context,
): Promise<UsableIssuer | undefined> {
  const known = new Set(records.map(({ id }) => id));
  const [leftOver, ...more] = (await custody.issuerIds()).filter((id) => !known.has(id));
  if (more.length > 0 && records.length === 0) {
    throw new ConfigurationError(
      "the keys directory holds several issuers but the ledger has none on record; restore gatehouse.db from a backup",
    );
  }
  if (leftOver === undefined || more.length > 0) return undefined;
  const loaded = await custody.loadIssuer(leftOver, now);
  const isMeant =
    loaded.description.commonName === commonName &&
    (issuerPem === undefined ? loaded.authority.isSelfSigned : isSignedBy(loaded.authority.certificatePem, issuerPem));
  return isMeant ? loaded : undefined;
}

/** @throws {ConfigurationError} when the issuer would outlive one above it. */
export function requireWithin(
  { name, lifetimeDays }: IssuerSettings,
  ancestors: readonly { readonly commonName: string; readonly notAfter: Date }[],
  lifetimeSeconds: number,
  now: Date,
): void {
  const nowEpoch = Math.floor(now.getTime() / 1000);
  const notAfter = (nowEpoch + lifetimeSeconds) * 1000;
  const short = ancestors.find((ancestor) => ancestor.notAfter.getTime() < notAfter);
  if (short === undefined) return;
  const days = Math.floor((short.notAfter.getTime() / 1000 - nowEpoch) / DAY_SECONDS);
  throw new ConfigurationError(
    `the issuer ${name} would live ${lifetimeDays} days and outlive ${JSON.stringify(short.commonName)} above it, which ends at ` +
      `${short.notAfter.toISOString()}; set its lifetimeDays to ${days} at most`,
  );
}

/** The configured name constraints in terms of the domain. */
export function constraintsOf({
  nameConstraints,
}: Pick<IssuerSettings, "nameConstraints">): NameConstraints | undefined {
  if (nameConstraints === undefined) return undefined;
  return { permitted: subtreesOf(nameConstraints.permitted), excluded: subtreesOf(nameConstraints.excluded) };
}

function subtreesOf(subtrees: NonNullable<IssuerSettings["nameConstraints"]>["permitted"]): NameSubtrees {
  return { ...subtrees, directoryNames: subtrees.directoryNames.map(directoryNameOf) };
}
