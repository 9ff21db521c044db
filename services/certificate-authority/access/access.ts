import { createSecretKey } from "node:crypto";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import type { Authorizer } from "../domain/authorization.ts";
import type { BootstrapTokens } from "../domain/ports.ts";
import { type Credentials, type IdentificationDependencies, identify } from "./authenticate.ts";
import { type ClusterCa, createAuthenticators } from "./authenticators/create.ts";
import type { AuthenticatorSettings } from "./authenticators/settings.ts";
import { chainAuthorizers } from "./authorization/chain.ts";
import { type AuthorizerParts, createAuthorizers } from "./authorization/create.ts";
import type { AuthorizerSettings } from "./authorization/settings.ts";
import { type BootstrapSecrets, createBootstrapSecrets } from "./bootstrap-secrets.ts";
import type { ClientCertificateFields } from "./client-certificate.ts";
import { impersonate } from "./impersonation.ts";
import type { PolicyRule } from "./rbac/objects.ts";
import type { RbacPolicy } from "./rbac/policy.ts";
import { createTokenAdministration, type TokenAdministration } from "./token-administration.ts";
import { followTokens } from "./token-feed.ts";
import { createTokenSeal } from "./token-seal.ts";

export interface Identity {
  /** Who the request acts as, after impersonation. */
  readonly user: UserInfo;
  /** Whose credentials they were. */
  readonly authenticated: UserInfo;
}

/** Lists what somebody may do; for SelfSubjectRulesReview. */
export interface RuleLister {
  /** False when others than RBAC have a say, who do not list what they allow. */
  readonly isComplete: boolean;
  /** Every rule that holds for the user, cluster-wide and, when `namespace` is not empty, in that namespace. */
  rulesFor(user: UserInfo, namespace: string): readonly PolicyRule[];
}

export interface AccessDependencies {
  /** Who may call, in the order in which they are asked; certificates and then bootstrap tokens when absent. */
  readonly authentication?: readonly AuthenticatorSettings[];
  /** Who decides what callers may do, in the order in which they are asked; RBAC alone when absent. */
  readonly authorization?: readonly AuthorizerSettings[];
  /** Told about each question to an authorization webhook. */
  readonly observeWebhook?: AuthorizerParts["observe"];
  /** The CAs of clients now; without it whoever passes the TLS layer is one. */
  readonly clusterCa?: () => ClusterCa;
  readonly tokens: BootstrapTokens;
  /** 32 bytes or more, derived for this purpose alone. */
  readonly tokenHashKey: Uint8Array;
  /** 32 bytes, derived for this purpose alone: the secrets of tokens to attest with are kept under it. */
  readonly attestationTokenKey: Uint8Array;
  /** 32 bytes, derived for this purpose alone; without it the secrets of tokens that sign are not kept. */
  readonly tokenSealKey?: Uint8Array | undefined;
  /** @throws when the DER is no certificate. */
  readonly readCertificate: (der: Uint8Array) => ClientCertificateFields;
  /** By fingerprint, lower-case hex; without it no certificate is. */
  readonly isRevoked?: (fingerprint: string) => boolean;
  /** Roles and bindings, prepared for asking. */
  readonly policy: RbacPolicy;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  /** Slows down guessing of bearer tokens. */
  readonly rateLimiter?: { requireAttemptsLeft(remoteAddress: string): void };
}

export interface Access {
  /**
   * @throws {StatusError} Unauthorized for credentials that name nobody; TooManyRequests; BadRequest and Forbidden for
   *   impersonation.
   */
  readonly authenticate: (credentials: Credentials) => Promise<Identity>;
  readonly authorizer: Authorizer & RuleLister;
  readonly tokenAdministration: TokenAdministration;
  /** Bootstrap tokens as Secrets. */
  readonly bootstrapSecrets: BootstrapSecrets;
  /** PEM of the CAs besides the cluster's whose client certificates TLS must let through; empty for none. */
  readonly additionalClientCaPem: string;
  /** Reads changed files again and keeps issuers' keys fresh; for a schedule of a few seconds. Never throws. */
  maintain(): void;
  /** What `maintain` would take now, by the names of files and issuers. */
  dueUpkeep(): readonly string[];
}

const DEFAULT_AUTHENTICATION: readonly AuthenticatorSettings[] = [{ clientCertificate: {} }, { bootstrapToken: {} }];
const DEFAULT_AUTHORIZATION: readonly AuthorizerSettings[] = [{ type: "RBAC" }];
const MIN_HASH_KEY_BYTES = 32;

/**
 * Builds the room that answers who is calling and whether they may.
 *
 * @throws {AuthenticationSetupError} or {KubeconfigError} when a file that an authenticator or authorizer needs cannot be
 *   used.
 */
export function createAccess(deps: AccessDependencies): Access {
  const { clock, logger, policy } = deps;
  const { tokens, feed } = followTokens(deps.tokens, clock);
  if (deps.tokenHashKey.length < MIN_HASH_KEY_BYTES) {
    throw new Error(`tokenHashKey must have at least ${MIN_HASH_KEY_BYTES} bytes`);
  }
  const tokenHashKey = createSecretKey(deps.tokenHashKey);
  const authorization = deps.authorization ?? DEFAULT_AUTHORIZATION;
  const observe = deps.observeWebhook;
  const decide = chainAuthorizers(createAuthorizers(authorization, { rbac: policy, clock, logger, observe }));
  const isComplete = authorization.every(({ type }) => type === "RBAC");
  const { readCertificate, isRevoked } = deps;
  const authenticators = createAuthenticators(deps.authentication ?? DEFAULT_AUTHENTICATION, {
    ...{ tokens, tokenHashKey, readCertificate, isRevoked, clock, logger },
    clusterCa: deps.clusterCa,
  });
  const identification: IdentificationDependencies = {
    authenticators: authenticators.list,
    beforeGuess: (remoteAddress) => deps.rateLimiter?.requireAttemptsLeft(remoteAddress),
    onRefused: ({ authenticator, judges, reason }, remoteAddress) =>
      logger.info(
        { remoteAddress, authenticator, reason },
        judges === "token" ? "bearer token refused" : "client certificate refused",
      ),
  };
  const seal = deps.tokenSealKey && createTokenSeal(createSecretKey(deps.tokenSealKey));
  const attestationSeal = createTokenSeal(createSecretKey(deps.attestationTokenKey));
  const tokenAdministration = createTokenAdministration({
    ...{ tokens, tokenHashKey, seal, attestationSeal, clock, logger },
  });
  return {
    async authenticate(credentials) {
      const identified = identify(credentials, identification);
      const authenticated = identified instanceof Promise ? await identified : identified;
      credentials.onAuthenticated?.(authenticated);
      const { impersonation } = credentials;
      const user =
        impersonation === undefined ? authenticated : await impersonate(authenticated, impersonation, decide);
      return { authenticated, user };
    },
    authorizer: {
      authorize: decide,
      isComplete,
      rulesFor: (user, namespace) => policy.rulesFor(user, namespace),
    },
    additionalClientCaPem: authenticators.additionalCaPem,
    maintain: () => authenticators.maintain(),
    dueUpkeep: () => authenticators.due(),
    tokenAdministration,
    bootstrapSecrets: createBootstrapSecrets({
      tokens: tokenAdministration,
      feed,
      clock,
      authorizer: { authorize: decide },
    }),
  };
}
