import type { Clock } from "../shared/clock.ts";
import { StatusError } from "../shared/status-error.ts";
import { ConfigurationError } from "./configuration.ts";
import type { Custody, UsableIssuer } from "./custody/custody.ts";
import { CustodyError } from "./custody/custody-error.ts";
import type { Tokens } from "./custody/pkcs11/tokens.ts";
import type { ConfiguredIssuer, ConfiguredIssuers } from "./domain/issuer.ts";
import type { AuditTrail, Issuers } from "./domain/ports.ts";
import { issuerHome } from "./issuer-home.ts";
import { constraintsOf, recordOf, type Selection } from "./issuer-selection.ts";
import {
  type IssuerSettings,
  issuersInOrder,
  pathLengthOf,
  requirementsOf,
  type SigningSettings,
  signerNamesOf,
} from "./issuer-settings.ts";
import type { LiveIssuers } from "./live-issuers.ts";

export interface IssuerAdministrationDependencies {
  readonly settings: SigningSettings;
  readonly live: LiveIssuers;
  readonly custody: Custody;
  /** Needed when an issuer names a token. */
  readonly tokens?: Tokens | undefined;
  readonly issuers: Issuers;
  readonly audit: Pick<AuditTrail, "append">;
  readonly clock: Clock;
}

/** What administrators see of the issuers, and how one that is signed elsewhere gets its certificate. */
export function issuerAdministration(deps: IssuerAdministrationDependencies): ConfiguredIssuers {
  const { settings, live, clock } = deps;
  const all = issuersInOrder(settings);

  function externalIssuer(name: string): IssuerSettings {
    const found = all.find((issuer) => issuer.name === name);
    if (found?.externallySigned === true) return found;
    throw new StatusError(
      "Conflict",
      `the issuer ${name} is not signed elsewhere; set its externallySigned to ask for a certificate`,
    );
  }

  async function note(kind: string, subject: string, actor: string, details: Readonly<Record<string, unknown>>) {
    await deps.audit.append({ at: clock.now(), actor, kind, subject, details });
  }

  return {
    list: () => [...live.selections.values()].map((selection) => describe(selection, settings)),

    async requestCertificate(name, requestedBy) {
      const issuer = externalIssuer(name);
      const { commonName, keyAlgorithm: algorithm } = issuer;
      const wish = {
        algorithm,
        commonName,
        pathLength: pathLengthOf(issuer, all),
        nameConstraints: constraintsOf(issuer),
      };
      // One at a time: two first calls would make two keys, and one would be lost.
      const requestPem = await live.exclusively(() => issuerHome(issuer, deps).request(wish)).catch(rethrow);
      await note("issuer.requested", name, requestedBy, { commonName });
      return requestPem;
    },

    async install(name, chainPem, installedBy) {
      const issuer = externalIssuer(name);
      const home = issuerHome(issuer, deps);
      await live.exclusively(async () => {
        const now = clock.now();
        const chained = await home
          .install(chainPem, now, requirementsOf(issuer, all, constraintsOf(issuer)))
          .catch(rethrow);
        await deps.issuers.record(recordOf(issuer, chained, "generated", now));
        await note("issuer.installed", chained.issuer.description.id, installedBy, { name });
      });
      await live.refresh().catch(rethrow);
      // Last: until here a crash finds the key by its request, and installing the same chain again goes on.
      await home.forgetRequest();
    },
  };
}

function describe(selection: Selection, { signers }: SigningSettings): ConfiguredIssuer {
  const { name } = selection.settings;
  const signerNames = signerNamesOf(name, signers);
  if (selection.kind === "awaited") {
    const state = selection.reason === "AwaitingCertificate" ? "awaitingCertificate" : "awaitingIssuer";
    return { name, state, id: undefined, problem: selection.message, signerNames };
  }
  const { id } = selection.chained.issuer.description;
  const away = problemOfKey(selection.chained.issuer.privateKey);
  if (away !== undefined) return { name, state: "awaitingToken", id, problem: away, signerNames };
  return { name, state: "ready", id, problem: selection.problem, signerNames };
}

function problemOfKey(key: UsableIssuer["privateKey"]): string | undefined {
  return "spkiDer" in key ? key.problem : undefined;
}

/** What custody says of a chain, and the configuration of what follows from it, is the administrator's to read. */
function rethrow(cause: unknown): never {
  if (cause instanceof CustodyError && cause.code === "KeyServiceUnavailable")
    throw new StatusError("ServiceUnavailable", cause.message, { cause });
  if (cause instanceof CustodyError || cause instanceof ConfigurationError)
    throw new StatusError("BadRequest", cause.message, { cause });
  throw cause;
}
