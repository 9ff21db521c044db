import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { BootstrapTokens } from "../../domain/ports.ts";
import { authenticateBootstrapToken } from "../bootstrap-token-authenticator.ts";
import { type ClientCertificateFields, createCertificateAuthenticator } from "../client-certificate.ts";
import {
  AuthenticationSetupError,
  type Authenticator,
  NOBODY,
  type RequestAuthenticator,
  refused,
  type TokenAuthenticator,
} from "./authenticator.ts";
import { createJwt, createServiceAccount, createTokenFile, createTokenReview } from "./create-token-authenticators.ts";
import { frontProxyAuthenticator } from "./front-proxy.ts";
import type { AuthenticatorSettings } from "./settings.ts";
import { type TrustAnchors, trustAnchorsOf } from "./trust-anchors.ts";
import type { CommonParts } from "./upkeep.ts";

export interface AuthenticatorParts {
  readonly tokens: Pick<BootstrapTokens, "find">;
  readonly tokenHashKey: KeyObject;
  /** @throws when the DER is no certificate. */
  readonly readCertificate: (der: Uint8Array) => ClientCertificateFields;
  readonly isRevoked: ((fingerprint: string) => boolean) | undefined;
  /** The CAs whose client certificates are users; needed to tell them from front proxies. */
  readonly clusterCaPem: string | undefined;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
}

export interface Authenticators {
  readonly list: readonly Authenticator[];
  /** PEM of the CAs besides the cluster's that the TLS layer must let through; empty for none. */
  readonly additionalCaPem: string;
  /** Reads changed files again and keeps issuers' keys fresh; for a schedule of a few seconds. Never throws. */
  maintain(): void;
}

/**
 * Makes the authenticators that are configured, in their order.
 *
 * @throws {AuthenticationSetupError} or {WebhookKubeconfigError} when a file that one of them needs cannot be used.
 */
export function createAuthenticators(
  settings: readonly AuthenticatorSettings[],
  parts: AuthenticatorParts,
): Authenticators {
  const upkeep: (() => void)[] = [];
  const { clock, logger } = parts;
  const common: CommonParts = { clock, logger, everyFewSeconds: (work) => void upkeep.push(work) };
  const clients = clientsOf(settings, parts.clusterCaPem);
  warnOfMissing(settings, logger);
  return {
    list: settings.map((entry) => create(entry, clients, parts, common)),
    additionalCaPem: clients?.proxyCaPem ?? "",
    maintain: () => {
      for (const work of upkeep) work();
    },
  };
}

function create(
  { tokenFile, jwt, serviceAccount, tokenReview, frontProxy, bootstrapToken }: AuthenticatorSettings,
  clients: Clients | undefined,
  parts: AuthenticatorParts,
  common: CommonParts,
): Authenticator {
  if (tokenFile) return createTokenFile(tokenFile.file, common);
  if (jwt) return createJwt(jwt, common);
  if (serviceAccount) return createServiceAccount(serviceAccount, common);
  if (tokenReview) return createTokenReview(tokenReview, common);
  if (bootstrapToken) return bootstrapTokenAuthenticator(parts);
  if (frontProxy === undefined) return clientCertificateAuthenticator(parts, clients);
  const { readCertificate, clock } = parts;
  const read = createCertificateAuthenticator({ readCertificate, clock, anchors: clients?.proxies });
  return frontProxyAuthenticator(frontProxy, read);
}

function clientCertificateAuthenticator(
  { readCertificate, clock, isRevoked }: AuthenticatorParts,
  clients: Clients | undefined,
): RequestAuthenticator {
  const read = createCertificateAuthenticator({ readCertificate, clock, isRevoked, anchors: clients?.cluster });
  return {
    name: "clientCertificate",
    judges: "request",
    authenticate: ({ clientCertificateDer, intermediatesDer }) => {
      if (clientCertificateDer === undefined) return NOBODY;
      const identity = read(clientCertificateDer, intermediatesDer);
      if (identity.kind === "foreign") return refused("the client certificate is not from a CA of this cluster", false);
      return identity.kind === "refused" ? refused(identity.reason, false) : identity;
    },
  };
}

function bootstrapTokenAuthenticator({ tokens, tokenHashKey, clock }: AuthenticatorParts): TokenAuthenticator {
  return {
    name: "bootstrapToken",
    judges: "token",
    authenticate: (token) => {
      const user = authenticateBootstrapToken({ tokens, tokenHashKey, clock }, token);
      return user === undefined ? NOBODY : { kind: "user", user };
    },
  };
}

/** Told apart only where there are front proxies; else there is one kind of client certificate. */
interface Clients {
  readonly cluster: TrustAnchors;
  readonly proxies: TrustAnchors;
  readonly proxyCaPem: string;
}

/** A CA that issued both kinds of certificate would let clients speak for each other. */
function clientsOf(settings: readonly AuthenticatorSettings[], clusterCaPem = ""): Clients | undefined {
  const frontProxy = settings.find((entry) => entry.frontProxy !== undefined)?.frontProxy;
  if (frontProxy === undefined) return undefined;
  const { certificateAuthorityFile: file } = frontProxy;
  const proxyCaPem = readText(file);
  const proxies = trustAnchorsOf(proxyCaPem, file);
  const cluster = trustAnchorsOf(clusterCaPem, "the cluster's CA");
  if (proxies.sharesKeyWith(cluster)) {
    throw new AuthenticationSetupError(
      `${file} holds the cluster's own CA, whose clients could then speak for everybody; give front proxies another`,
    );
  }
  return { cluster, proxies, proxyCaPem };
}

function warnOfMissing(settings: readonly AuthenticatorSettings[], logger: Pick<Logger, "warn">): void {
  if (settings.some(({ clientCertificate }) => clientCertificate !== undefined)) return;
  logger.warn("authentication has no clientCertificate: nodes cannot renew, and admin.kubeconfig lets nobody in");
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AuthenticationSetupError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
