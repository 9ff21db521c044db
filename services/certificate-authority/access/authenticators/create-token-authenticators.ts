import type { LocalJWKSet } from "jose";
import { httpsExchange } from "../../../shared/https-exchange.ts";
import { type KeySet, parseJwks, parsePublicKeys } from "../../../shared/jwt/key-set.ts";
import { RemoteKeySet } from "../../../shared/jwt/remote-key-set.ts";
import type { TokenAuthenticator } from "./authenticator.ts";
import { userReader } from "./claim-mappings.ts";
import { FileKeySet } from "./file-key-set.ts";
import type { JwtSettings, ServiceAccountSettings } from "./jwt-settings.ts";
import { reviewTargetOf } from "./review-target.ts";
import { serviceAccountOfClaims } from "./service-account-claims.ts";
import type { TokenReviewSettings } from "./settings.ts";
import { signedTokenAuthenticator } from "./signed-token-authenticator.ts";
import { cacheTokens } from "./token-cache.ts";
import { tokenFileAuthenticator } from "./token-file.ts";
import { tokenReviewAuthenticator } from "./token-review.ts";
import { trustAnchorsOf } from "./trust-anchors.ts";
import type { CommonParts } from "./upkeep.ts";

/** How long a checked signature counts without being checked again; a withdrawn key counts no longer than this. */
const SIGNED_TOKEN_SECONDS = 10;
/** A hash is dear. The file's changes and the entry's own expiry end it sooner. */
const TOKEN_FILE_SECONDS = 3_600;
const FAILURE_SECONDS = 10;
const KEYS_TIMEOUT_MILLISECONDS = 5_000;
const MAXIMUM_ANSWER_BYTES = 512 * 1024;

/** @throws {AuthenticationSetupError} when the file cannot be used. */
export function createTokenFile(file: string, { clock, logger, everyFewSeconds }: CommonParts): TokenAuthenticator {
  const { authenticator, upkeep } = tokenFileAuthenticator({ file, clock, logger, onChange: () => cached.forget() });
  const cached = cacheTokens(authenticator, {
    successSeconds: TOKEN_FILE_SECONDS,
    failureSeconds: FAILURE_SECONDS,
    clock,
  });
  everyFewSeconds(upkeep);
  return cached;
}

/** @throws {AuthenticationSetupError} when the key file or the CA cannot be used. */
export function createJwt(settings: JwtSettings, parts: CommonParts): TokenAuthenticator {
  const { issuer, jwksFile, claimMappings } = settings;
  const { clock, logger } = parts;
  const prefixes = { username: claimMappings.username.prefix, groups: claimMappings.groups?.prefix };
  for (const [name, prefix] of Object.entries(prefixes)) {
    if (prefix !== "") continue;
    const setting = `claimMappings.${name}.prefix`;
    logger.warn({ issuer: issuer.url, setting }, "an empty prefix: this issuer's names can meet those of others");
  }
  const keys = jwksFile === undefined ? remoteKeys(issuer, parts) : fileKeys([jwksFile], parseFirst, parts);
  const rules = { issuer: issuer.url, audiences: issuer.audiences, keys, clock };
  return cachedBriefly(signedTokenAuthenticator("jwt", rules, userReader(settings)), parts);
}

/** @throws {AuthenticationSetupError} when a key file cannot be used. */
export function createServiceAccount(settings: ServiceAccountSettings, parts: CommonParts): TokenAuthenticator {
  const { issuer, audiences, keyFiles = [], jwksFile } = settings;
  parts.logger.warn(
    { issuer },
    "service accounts' tokens are good until they expire, whatever the cluster deletes meanwhile; tokenReview asks it",
  );
  const keys =
    jwksFile === undefined ? fileKeys(keyFiles, parsePublicKeys, parts) : fileKeys([jwksFile], parseFirst, parts);
  const rules = { issuer, audiences, keys, clock: parts.clock };
  return cachedBriefly(signedTokenAuthenticator("serviceAccount", rules, serviceAccountOfClaims), parts);
}

/** @throws {AuthenticationSetupError} or {KubeconfigError} when a file cannot be used. */
export function createTokenReview(settings: TokenReviewSettings, { clock }: CommonParts): TokenAuthenticator {
  const { audiences, timeoutSeconds, cacheSuccessSeconds, cacheFailureSeconds } = settings;
  const target = reviewTargetOf(settings);
  const exchange = httpsExchange({
    caPem: target.caPem,
    certificatePem: target.clientCertificatePem,
    privateKeyPem: target.clientKeyPem,
    serverName: target.tlsServerName,
    timeoutMilliseconds: timeoutSeconds * 1000,
    maximumBytes: MAXIMUM_ANSWER_BYTES,
  });
  return cacheTokens(tokenReviewAuthenticator({ target, exchange, audiences }), {
    successSeconds: cacheSuccessSeconds,
    failureSeconds: cacheFailureSeconds,
    clock,
  });
}

const parseFirst = ([text = ""]: readonly string[]): LocalJWKSet => parseJwks(text);

function cachedBriefly(inner: TokenAuthenticator, { clock }: CommonParts): TokenAuthenticator {
  return cacheTokens(inner, { successSeconds: SIGNED_TOKEN_SECONDS, failureSeconds: FAILURE_SECONDS, clock });
}

function remoteKeys(
  { url, discoveryURL, certificateAuthority: caPem }: JwtSettings["issuer"],
  { clock, logger, everyFewSeconds }: CommonParts,
): KeySet {
  if (caPem !== undefined) trustAnchorsOf(caPem, `certificateAuthority of ${url}`);
  const limits = { timeoutMilliseconds: KEYS_TIMEOUT_MILLISECONDS, maximumBytes: MAXIMUM_ANSWER_BYTES };
  const exchange = httpsExchange({ caPem, ...limits });
  const keys = new RemoteKeySet({ issuer: url, discoveryUrl: discoveryURL, exchange, clock, logger });
  everyFewSeconds(keys);
  return keys;
}

function fileKeys(
  paths: readonly string[],
  parse: (texts: readonly string[]) => LocalJWKSet,
  { logger, everyFewSeconds }: CommonParts,
): KeySet {
  const keys = new FileKeySet(paths, parse, logger);
  everyFewSeconds(keys);
  return keys;
}
