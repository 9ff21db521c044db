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
import type { CommonParts, Upkeep } from "./upkeep.ts";

export interface AuthenticatorParts {
  readonly tokens: Pick<BootstrapTokens, "find">;
  readonly tokenHashKey: KeyObject;
  /** @throws when the DER is no certificate. */
  readonly readCertificate: (der: Uint8Array) => ClientCertificateFields;
  readonly isRevoked: ((fingerprint: string) => boolean) | undefined;
  /** Needed to tell users from front proxies, and from what else is below the same root. */
  readonly clusterCa: (() => ClusterCa) | undefined;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
}

export interface Authenticators {
  readonly list: readonly Authenticator[];
  /** PEM of the CAs besides the cluster's that the TLS layer must let through; empty for none. */
  readonly additionalCaPem: string;
  /** Reads changed files again and keeps issuers' keys fresh; for a schedule of a few seconds. Never throws. */
  maintain(): void;
  /** What `maintain` would take now, by the names of files and issuers. */
  due(): readonly string[];
}

/**
 * Makes the authenticators that are configured, in their order.
 *
 * @throws {AuthenticationSetupError} or {KubeconfigError} when a file that one of them needs cannot be used.
 */
export function createAuthenticators(
  settings: readonly AuthenticatorSettings[],
  parts: AuthenticatorParts,
): Authenticators {
  const upkeep: Upkeep[] = [];
  const { clock, logger } = parts;
  const common: CommonParts = { clock, logger, everyFewSeconds: (one) => void upkeep.push(one) };
  const clients = clientsOf(settings, parts.clusterCa);
  warnOfMissing(settings, logger);
  return {
    list: settings.map((entry) => create(entry, clients, parts, common)),
    additionalCaPem: clients.proxyCaPem,
    maintain: () => {
      for (const one of upkeep) one.maintain();
    },
    due: () => upkeep.flatMap((one) => one.due()),
  };
}

function create(
  { tokenFile, jwt, serviceAccount, tokenReview, frontProxy, bootstrapToken }: AuthenticatorSettings,
  clients: Clients,
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
  const read = createCertificateAuthenticator({ readCertificate, clock, anchors: clients.proxies });
  return frontProxyAuthenticator(frontProxy, read);
}

function clientCertificateAuthenticator(
  { readCertificate, clock, isRevoked }: AuthenticatorParts,
  clients: Clients,
): RequestAuthenticator {
  const read = createCertificateAuthenticator({ readCertificate, clock, isRevoked, anchors: clients.cluster });
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

/** The CAs of clients now, PEM. */
export interface ClusterCa {
  /** Those whose certificates are users. */
  readonly clientCaPem: string;
  /** Those and the CAs above them: what the TLS layer verifies against, which does not stop at an intermediate. */
  readonly tlsCaPem: string;
  /** CAs below those whose certificates are no users. */
  readonly strangerCaPem: string;
}

/** Told apart only where TLS lets others through as well: front proxies, and what else is below an intermediate's root. */
interface Clients {
  readonly cluster: (() => TrustAnchors | undefined) | undefined;
  readonly proxies: (() => TrustAnchors) | undefined;
  readonly proxyCaPem: string;
}

/** A CA that issued both kinds of certificate would let clients speak for each other. */
function clientsOf(settings: readonly AuthenticatorSettings[], clusterCa: (() => ClusterCa) | undefined): Clients {
  const frontProxy = settings.find((entry) => entry.frontProxy !== undefined)?.frontProxy;
  const cluster = clusterCa && clusterAnchors(clusterCa, frontProxy !== undefined);
  if (frontProxy === undefined) return { cluster, proxies: undefined, proxyCaPem: "" };
  const { certificateAuthorityFile: file } = frontProxy;
  const proxyCaPem = readText(file);
  const proxies = trustAnchorsOf(proxyCaPem, file);
  if (proxies.sharesKeyWith(trustAnchorsOf(clusterCa?.().tlsCaPem ?? "", "the cluster's CA"))) {
    throw new AuthenticationSetupError(
      `${file} holds the cluster's own CA, whose clients could then speak for everybody; give front proxies another`,
    );
  }
  return { cluster, proxies: () => proxies, proxyCaPem };
}

/** The anchors of users, read once for each state of the CAs; undefined while TLS lets nobody else through. */
function clusterAnchors(clusterCa: () => ClusterCa, hasFrontProxy: boolean): () => TrustAnchors | undefined {
  let known: { readonly pem: string; readonly anchors: TrustAnchors } | undefined;
  return () => {
    const { clientCaPem, tlsCaPem, strangerCaPem } = clusterCa();
    if (clientCaPem === tlsCaPem && strangerCaPem === "" && !hasFrontProxy) return undefined;
    const pem = clientCaPem + strangerCaPem;
    if (known?.pem !== pem) known = { pem, anchors: trustAnchorsOf(clientCaPem, "the cluster's CA", strangerCaPem) };
    return known.anchors;
  };
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
