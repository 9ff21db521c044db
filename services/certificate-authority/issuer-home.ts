import type { AuthorityNeeds } from "./custody/authority.ts";
import type { ChainedIssuer, Custody, IssuerCreation, UsableIssuer } from "./custody/custody.ts";
import type { AuthorityWish } from "./custody/make-issuer.ts";
import {
  createTokenIssuer,
  importTokenIssuer,
  installTokenIssuer,
  type KeyPlace,
  loadTokenIssuer,
  requestTokenIssuer,
} from "./custody/pkcs11/token-issuers.ts";
import type { Tokens } from "./custody/pkcs11/tokens.ts";
import type { IssuerRecord, KeyAlgorithm } from "./domain/issuer.ts";
import type { IssuerSettings } from "./issuer-settings.ts";

export interface Homes {
  readonly custody: Custody;
  /** Needed when an issuer names a token. */
  readonly tokens?: Tokens | undefined;
}

type Creation = Required<Pick<IssuerCreation, "algorithm" | "commonName" | "lifetimeSeconds">> & IssuerCreation;

/** Where an issuer's key lives, and what can be done with it there. Failures are CustodyErrors. */
export interface IssuerHome {
  /** Whether a crash may leave an issuer behind that nobody has on record; in a token a key is found by its label. */
  readonly keepsLeftOvers: boolean;
  create(creation: Creation): Promise<UsableIssuer>;
  load(record: Pick<IssuerRecord, "id" | "certificateDer" | "keyLabel">, now: Date): Promise<UsableIssuer>;
  import(files: NonNullable<IssuerSettings["import"]>, now: Date): Promise<ChainedIssuer>;
  request(wish: AuthorityWish & { readonly algorithm: KeyAlgorithm }): Promise<string>;
  install(chainPem: string, now: Date, needs: AuthorityNeeds): Promise<ChainedIssuer>;
  forgetRequest(): Promise<void>;
  /** Destroys the key of an issuer that is trusted no more. @returns whether that can be done here: not in a token. */
  forget(record: Pick<IssuerRecord, "id">): Promise<boolean>;
}

/** The home of an issuer's key: our own files, or the token that its settings name. */
export function issuerHome(settings: IssuerSettings, { custody, tokens }: Homes): IssuerHome {
  if (settings.token === undefined) return fileHome(settings.name, custody);
  if (tokens === undefined) throw new TypeError(`the issuer ${settings.name} names a token, but none was opened`);
  return tokenHome(settings.name, { token: tokens.get(settings.token), keyLabel: keyLabelOf(settings) });
}

/** What an issuer's key is called in its token. */
export function keyLabelOf({ name, keyLabel }: Pick<IssuerSettings, "name" | "keyLabel">): string {
  return keyLabel ?? `gatehouse-${name}`;
}

function fileHome(name: string, custody: Custody): IssuerHome {
  return {
    keepsLeftOvers: true,
    create: (creation) => custody.createIssuer(creation),
    load: ({ id }, now) => custody.loadIssuer(id, now),
    import: ({ keyFile, ...files }, now) => {
      if (keyFile === undefined) throw new TypeError(`the issuer ${name} is imported without a key`);
      return custody.importIssuer({ ...files, keyFile, now });
    },
    request: (wish) => custody.requestIssuer(name, wish),
    install: (chainPem, now, needs) => custody.installIssuer(name, chainPem, now, needs),
    forgetRequest: () => custody.forgetRequest(name),
    async forget({ id }) {
      await custody.forgetIssuer(id);
      return true;
    },
  };
}

function tokenHome(name: string, place: KeyPlace): IssuerHome {
  return {
    keepsLeftOvers: false,
    create: (creation) => createTokenIssuer(place, creation),
    load: ({ certificateDer, keyLabel = place.keyLabel }, now) =>
      loadTokenIssuer({ ...place, keyLabel }, certificateDer, now, `of the issuer ${name}`),
    import: (files, now) => importTokenIssuer(place, files, now),
    request: (wish) => requestTokenIssuer(place, wish),
    install: (chainPem, now, needs) => installTokenIssuer(place, chainPem, now, needs),
    forgetRequest: () => Promise.resolve(),
    forget: () => Promise.resolve(false),
  };
}
