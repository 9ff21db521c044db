import { imposedBy, isSignedBy } from "./custody/authority.ts";
import type { UsableIssuer } from "./custody/custody.ts";
import { isControlPlaneIssuer } from "./domain/control-plane.ts";
import type { ActiveIssuer, IssuerAvailability, IssuerRecord } from "./domain/issuer.ts";
import { isInSlot } from "./domain/issuer-rotation.ts";
import { OUR_SIGNERS } from "./domain/signer-profile.ts";
import { ancestorsOf, trustAnchors } from "./domain/trust.ts";
import type { Selection } from "./issuer-selection.ts";
import { issuerNameOf, OWN_SIGNERS, type SigningSettings } from "./issuer-settings.ts";
import type { SigningIssuer } from "./signer/signer.ts";

/** The issuers of one moment: who signs for whom, and who is trusted. Another moment has another directory. */
export interface IssuerDirectory {
  /** What signs now for a signer. */
  issuerFor(signerName: string): IssuerAvailability;
  /** Everything whose key is at hand: what signs now, and old ones, which sign nothing but what is said of revocation. */
  readonly signing: readonly SigningIssuer[];
  /** PEM of the CAs that clients trust. */
  readonly trustedPem: string;
  /** PEM of the CAs whose client certificates are users here. */
  readonly clientCaPem: string;
  /** Those and everything above them, PEM. */
  readonly tlsCaPem: string;
  /** PEM of our other CAs below them, whose certificates are no users. */
  readonly strangerCaPem: string;
}

/** What directories are made of. */
export interface DirectoryParts {
  readonly selections: ReadonlyMap<string, Selection>;
  /** Everything on record, the selected issuers among it. */
  readonly records: readonly IssuerRecord[];
  /** Old issuers that are trusted on. */
  readonly old: readonly UsableIssuer[];
}

export function issuerDirectory(
  settings: Pick<SigningSettings, "issuer" | "issuers" | "signers">,
  { selections, records, old }: DirectoryParts,
  now: Date,
): IssuerDirectory {
  const trusted = records.filter((record) => isInSlot(record, now));
  const availability = new Map<string, () => IssuerAvailability>();
  for (const [name, selection] of selections) availability.set(name, availabilityOf(selection, trusted));
  const bySigner = new Map(
    settings.signers.map(({ signerName, issuer }) => [signerName as string, availability.get(issuer)]),
  );
  const usual = availability.get("default") ?? UNKNOWN;
  const clients = trusted.filter((record) => isForClients(record, settings));
  const active = [...selections.values()].filter((selection) => selection.kind === "active");
  return {
    issuerFor: (signerName) => (bySigner.get(signerName) ?? usual)(),
    signing: [...active.map(({ chained: { issuer } }) => issuer), ...old].map(({ description, privateKey }) => {
      return { certificateDer: description.certificateDer, privateKey };
    }),
    trustedPem: trustAnchors(records, now).join(""),
    clientCaPem: clients.map(pemOf).join(""),
    tlsCaPem: [...new Set(clients.flatMap((record) => [pemOf(record), ...ancestorsOf(record)]))].join(""),
    strangerCaPem: trusted
      .filter((record) => record.ancestorsPem !== "" && !clients.includes(record))
      .map(pemOf)
      .join(""),
  };
}

const NO_ISSUER: IssuerAvailability = { kind: "awaited", reason: "NoIssuer", message: "there is no issuer" };
const UNKNOWN = (): IssuerAvailability => NO_ISSUER;

/** Asked anew for each request: a token comes and goes without anything else changing. */
function availabilityOf(selection: Selection, trusted: readonly IssuerRecord[]): () => IssuerAvailability {
  if (selection.kind === "awaited") {
    const awaited: IssuerAvailability = { kind: "awaited", reason: selection.reason, message: selection.message };
    return () => awaited;
  }
  const ready: IssuerAvailability = { kind: "ready", issuer: activeIssuerOf(selection.chained, trusted) };
  const { privateKey } = selection.chained.issuer;
  if (!("spkiDer" in privateKey)) return () => ready;
  // Requesters read this: what is wrong with the token is for the log.
  const message = `the token that holds the key of the issuer ${selection.settings.name} is away`;
  const away: IssuerAvailability = { kind: "awaited", reason: "AwaitingToken", message };
  return () => (privateKey.problem === undefined ? ready : away);
}

function activeIssuerOf(
  { issuer, ancestors }: Extract<Selection, { kind: "active" }>["chained"],
  trusted: readonly IssuerRecord[],
): ActiveIssuer {
  const { description, authority, privateKey } = issuer;
  const line = [authority, ...ancestors];
  const intermediates = ancestors.length === 0 ? [] : line.filter(({ isSelfSigned }) => !isSelfSigned);
  return {
    description,
    chainPem: intermediates.map(({ certificatePem }) => certificatePem).join("") + bridgeOf(description.id, trusted),
    notAfter: new Date(Math.min(...line.map(({ notAfter }) => notAfter.getTime()))),
    constraints: imposedBy(line),
    isRemote: "spkiDer" in privateKey,
  };
}

/** Goes along while the issuer that signed it is trusted, for those who trust that one alone. */
function bridgeOf(id: string, trusted: readonly IssuerRecord[]): string {
  const { name, bridgePem } = trusted.find((record) => record.id === id) ?? {};
  if (bridgePem === undefined) return "";
  const former = trusted.filter((record) => record.name === name && record.slot === "old");
  return former.some(({ certificatePem }) => isSignedBy(bridgePem, certificatePem)) ? bridgePem : "";
}

/**
 * A CA that only signs CAs is no client's, or everything below it would be; nor is one that signs only for signers whose
 * certificates are not meant for us, or a control plane's own. One that signed for clients in the past still is.
 */
function isForClients(
  record: IssuerRecord,
  { issuer, issuers, signers }: Pick<SigningSettings, "issuer" | "issuers" | "signers">,
): boolean {
  const { name } = record;
  if (isControlPlaneIssuer(record)) return false;
  if ([...OUR_SIGNERS, ...OWN_SIGNERS].some((signerName) => issuerNameOf(signerName, signers) === name)) return true;
  const isParent = [issuer, ...issuers].some(({ parent }) => parent === name);
  return !isParent && !signers.some((entry) => entry.issuer === name);
}

function pemOf({ certificatePem }: IssuerRecord): string {
  return `${certificatePem.trim()}\n`;
}
