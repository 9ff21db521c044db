import type { Clock } from "../shared/clock.ts";
import { StatusError } from "../shared/status-error.ts";
import { ConfigurationError } from "./configuration.ts";
import { isSignedBy, readAuthorities } from "./custody/authority.ts";
import type { ChainedIssuer, Custody, UsableIssuer } from "./custody/custody.ts";
import { CustodyError } from "./custody/custody-error.ts";
import { makeBridge } from "./custody/make-issuer.ts";
import { sameNameConstraints } from "./custody/name-constraints-codec.ts";
import { encodePem } from "./custody/pem.ts";
import type { Tokens } from "./custody/pkcs11/tokens.ts";
import type { IssuerRecord } from "./domain/issuer.ts";
import type { Issuers } from "./domain/ports.ts";
import { issuerHome, keyLabelOf } from "./issuer-home.ts";
import { constraintsOf, recordOf, requireWithin, type Selection } from "./issuer-selection.ts";
import {
  type IssuerSettings,
  issuersInOrder,
  pathLengthOf,
  requirementsOf,
  type SigningSettings,
} from "./issuer-settings.ts";
import type { LiveIssuers } from "./live-issuers.ts";
import type { IssuerKeys, Preparation } from "./rotation/issuers/contract.ts";

const DAY_SECONDS = 86_400;

export interface RotationKeysDependencies {
  readonly settings: SigningSettings;
  readonly live: Pick<LiveIssuers, "selections">;
  readonly custody: Custody;
  /** Needed when an issuer names a token. */
  readonly tokens?: Tokens | undefined;
  readonly issuers: Pick<Issuers, "list">;
  readonly clock: Clock;
}

/** Makes and destroys the issuers that rotation puts into slots: as they are configured now, and where their keys live. */
export function rotationKeys(deps: RotationKeysDependencies): IssuerKeys {
  const { settings, live, custody, issuers, clock } = deps;
  const all = issuersInOrder(settings);

  function settingsOf(name: string): IssuerSettings {
    const found = all.find((one) => one.name === name);
    if (found === undefined) throw new StatusError("NotFound", `no issuer ${name} is configured`);
    return found;
  }

  /** In a token the new key lies beside the old one: under a label of its own, the same until it is on record. */
  async function placed(name: string): Promise<IssuerSettings> {
    const found = settingsOf(name);
    if (found.token === undefined) return found;
    const count = (await issuers.list()).filter((record) => record.name === name).length;
    return { ...found, keyLabel: `${keyLabelOf(found)}.${count + 1}` };
  }

  async function make(name: string, wanted: Preparation, active: IssuerRecord): Promise<IssuerRecord> {
    const found = await placed(name);
    const signing = live.selections.get(name);
    if (signing?.kind !== "active")
      throw new StatusError("Conflict", `the issuer ${name} cannot sign, so nothing replaces it`);
    const now = clock.now();
    if (wanted.bridge) requireBridgeable(found, signing.chained);
    const chained =
      wanted.chainPem === undefined ? await create(found, now) : await install(found, wanted.chainPem, now);
    if (chained.issuer.description.id === active.id)
      throw new StatusError(
        "Conflict",
        `that is the certificate ${name} signs with already; prepare asks for another key`,
      );
    const bridge = wanted.bridge ? await bridgeTo(chained.issuer, signing.chained.issuer, now) : undefined;
    return {
      ...recordOf(found, chained, "generated", now),
      slot: "prepared",
      ...(bridge !== undefined && { bridgePem: bridge }),
      ...(found.token !== undefined && found.keyLabel !== undefined && { keyLabel: found.keyLabel }),
    };
  }

  async function create(found: IssuerSettings, now: Date): Promise<ChainedIssuer> {
    const parent = parentOf(found);
    const ancestors = parent === undefined ? [] : [parent.issuer.authority, ...parent.ancestors];
    const home = issuerHome(found, deps);
    const leftOver = home.keepsLeftOvers ? await takeLeftOver(found, ancestors[0]?.certificatePem, now) : undefined;
    if (leftOver !== undefined) return { issuer: leftOver, ancestors };
    const lifetimeSeconds = found.lifetimeDays * DAY_SECONDS;
    requireWithin(found, ancestors, lifetimeSeconds, now);
    const { keyAlgorithm: algorithm, commonName } = found;
    const shape = {
      algorithm,
      commonName,
      pathLength: pathLengthOf(found, all),
      nameConstraints: constraintsOf(found),
    };
    return { issuer: await home.create({ ...shape, lifetimeSeconds, now, parent }), ancestors };
  }

  function parentOf({ name, parent }: IssuerSettings): ChainedIssuer | undefined {
    if (parent === undefined) return undefined;
    const selection = live.selections.get(parent);
    if (selection?.kind === "active") return selection.chained;
    throw new StatusError("Conflict", `${parent}, which signs ${name}, cannot sign yet`);
  }

  /** A crash before the record leaves a key and a certificate that nobody heard of: what is meant of them is used. */
  async function takeLeftOver(
    found: IssuerSettings,
    parentPem: string | undefined,
    now: Date,
  ): Promise<UsableIssuer | undefined> {
    const known = new Set((await issuers.list()).map(({ id }) => id));
    for (const id of (await custody.issuerIds()).filter((one) => !known.has(one))) {
      const loaded = await custody.loadIssuer(id, now).catch(() => undefined);
      if (loaded !== undefined && isMeant(loaded, found, parentPem)) return loaded;
    }
    return undefined;
  }

  function isMeant(
    { description, authority }: UsableIssuer,
    found: IssuerSettings,
    parentPem: string | undefined,
  ): boolean {
    const isSigned = parentPem === undefined ? authority.isSelfSigned : isSignedBy(authority.certificatePem, parentPem);
    const isShaped =
      authority.pathLength === pathLengthOf(found, all) &&
      sameNameConstraints(constraintsOf(found), authority.nameConstraints);
    return (
      isSigned &&
      isShaped &&
      description.commonName === found.commonName &&
      description.keyAlgorithm === found.keyAlgorithm
    );
  }

  function install(found: IssuerSettings, chainPem: string, now: Date): Promise<ChainedIssuer> {
    return issuerHome(found, deps).install(chainPem, now, requirementsOf(found, all, constraintsOf(found)));
  }

  return {
    names: all.map(({ name }) => name),
    refusal: (name) => refusalOf(settingsOf(name)),
    isSignedElsewhere: (name) => settingsOf(name).externallySigned,
    make: (name, wanted, active) => make(name, wanted, active).catch(rethrow),
    async request(name) {
      const found = await placed(name);
      const { keyAlgorithm: algorithm, commonName } = found;
      const wish = {
        algorithm,
        commonName,
        pathLength: pathLengthOf(found, all),
        nameConstraints: constraintsOf(found),
      };
      return issuerHome(found, deps).request(wish).catch(rethrow);
    },
    settled: (name) => issuerHome(settingsOf(name), deps).forgetRequest(),
    async requireUsable(record) {
      await issuerHome(settingsOf(record.name), deps).load(record, clock.now()).catch(rethrow);
      readAuthorities(record.ancestorsPem, `the recorded chain of issuer ${record.name}`);
    },
    async forgetUnfinished() {
      await custody.forgetUnfinished(new Set((await issuers.list()).map(({ id }) => id)));
    },
    destroy: async (record) =>
      record.origin === "imported" ? true : issuerHome(settingsOf(record.name), deps).forget(record),
  };
}

function refusalOf({ name, import: files }: IssuerSettings): string | undefined {
  if (files === undefined) return undefined;
  return (
    `the CA of ${name} is taken from files, so whoever puts them there replaces it: publish the new CA to everybody who is to ` +
    `trust it, then replace ${files.certificateFile} and its key; they are followed, and "retire" drops the one before`
  );
}

/** Only between roots: below a parent nothing new has to be trusted. Programs in Go count the bridge as one more CA. */
function requireBridgeable(
  { name, parent }: IssuerSettings,
  { issuer }: Extract<Selection, { kind: "active" }>["chained"],
): void {
  const { authority } = issuer;
  if (parent !== undefined || !authority.isSelfSigned)
    throw new StatusError(
      "Conflict",
      `${name} is below a root that is trusted already, so it needs no bridge; leave it out`,
    );
  if (authority.pathLength === 0) {
    const message = `the present CA of ${name} has path length 0, so no bridge may be below it; prepare without one`;
    throw new StatusError("Conflict", message);
  }
}

async function bridgeTo(made: UsableIssuer, signing: UsableIssuer, now: Date): Promise<string> {
  const { certificateDer, keyAlgorithm } = signing.description;
  const parent = { certificateDer, keyAlgorithm, privateKey: signing.privateKey };
  return encodePem("CERTIFICATE", await makeBridge(made.description, parent, now));
}

function rethrow(cause: unknown): never {
  if (cause instanceof CustodyError && cause.code === "KeyServiceUnavailable")
    throw new StatusError("ServiceUnavailable", cause.message, { cause });
  if (cause instanceof CustodyError || cause instanceof ConfigurationError)
    throw new StatusError("Conflict", cause.message, { cause });
  throw cause;
}
