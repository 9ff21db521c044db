import { readFileSync } from "node:fs";
import type { JWTPayload, LocalJWKSet } from "jose";
import { z } from "zod";
import { boundAudience } from "../../shared/attestation/bind.ts";
import { tokenProof } from "../../shared/attestation/proofs.ts";
import { httpsClient } from "../../shared/https-exchange.ts";
import { type KeySet, KeysUnavailableError, parseJwks } from "../../shared/jwt/key-set.ts";
import { RemoteKeySet } from "../../shared/jwt/remote-key-set.ts";
import { SignedTokenError, TOKEN_SKEW_SECONDS, verifySignedToken } from "../../shared/jwt/signed-token.ts";
import { ReloadedFile } from "./anchors.ts";
import type { AttestorTools, ProofInput } from "./attestor.ts";
import { noHello } from "./no-hello.ts";
import { denied } from "./refusal.ts";

const KEYS_TIMEOUT_MILLISECONDS = 5_000;
const MAXIMUM_ANSWER_BYTES = 512 * 1024;

const path = z.string().min(1).max(4096);

/** An https URL without user, query and fragment. */
export const plainHttpsUrl = z
  .string()
  .max(512)
  .refine(isPlainHttpsUrl, "must be an https URL without user, query and fragment");

function isPlainHttpsUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return protocol === "https:" && username === "" && password === "" && search === "" && hash === "";
}

/** Where an issuer's keys are. */
export const tokenKeysSchema = z
  .strictObject({
    /** A JSON Web Key Set; read again when it changes. Nothing is fetched then. */
    file: path.optional(),
    /** The URL of one, wherever it is. */
    url: plainHttpsUrl.optional(),
    /** PEM, read at the start: whom to trust when keys are fetched. What the system trusts when absent. */
    certificateAuthorityFile: path.optional(),
  })
  .refine(({ file, url }) => file === undefined || url === undefined, "must have either file or url");

export type TokenKeysSettings = z.infer<typeof tokenKeysSchema>;

/** Settings of every attestor that takes an issuer's tokens. */
export const tokenShape = {
  /** How long ago a token may have been made. */
  maximumTokenAgeSeconds: z.int().min(10).max(3600).default(300),
  /** How far the issuer's clock may be off. */
  clockSkewSeconds: z.int().min(0).max(300).default(TOKEN_SKEW_SECONDS),
  /**
   * Less safe: tokens for this audience are taken too, though it does not hold bind. Whoever has seen such a token can show it, so
   * that it counts once for each machine.
   */
  replayableAudience: z.string().min(1).max(512).optional(),
};

export interface TokenIssuer {
  readonly issuer: string;
  readonly keys: TokenKeysSettings;
  readonly algorithms: readonly string[];
  readonly maximumTokenAgeSeconds: number;
  readonly clockSkewSeconds: number;
  readonly replayableAudience?: string | undefined;
}

export interface VerifiedToken {
  readonly claims: JWTPayload;
  /** Whether its audience holds bind. */
  readonly isFresh: boolean;
}

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveTokenKeysPaths(keys: TokenKeysSettings, resolve: (path: string) => string): TokenKeysSettings {
  const { file, certificateAuthorityFile } = keys;
  return {
    ...keys,
    ...(file !== undefined && { file: resolve(file) }),
    ...(certificateAuthorityFile !== undefined && { certificateAuthorityFile: resolve(certificateAuthorityFile) }),
  };
}

/** Verifies the tokens of one issuer whose audience is this attestation, or the one that may be replayed. */
export class IdentityTokens {
  readonly #issuer: TokenIssuer;
  readonly #audience: string;
  readonly #keys: KeySet & { close(): void };

  /** @throws {Error} when the file of CAs cannot be read. */
  constructor(issuer: TokenIssuer, tools: AttestorTools) {
    this.#issuer = issuer;
    this.#audience = tools.audience;
    this.#keys = keySetOf(issuer, tools);
  }

  /** @throws {AttestationRefusal} */
  async verify({ hello, proof, bind, now }: ProofInput): Promise<VerifiedToken> {
    noHello.parse(hello);
    const { token } = tokenProof.parse(proof);
    const { issuer, algorithms, clockSkewSeconds, maximumTokenAgeSeconds, replayableAudience } = this.#issuer;
    const bound = boundAudience(this.#audience, bind);
    this.#keys.maintain();
    const claims = await verifySignedToken(token, {
      ...{ issuer, algorithms, keys: this.#keys, clock: { now: () => now } },
      audiences: replayableAudience === undefined ? [bound] : [bound, replayableAudience],
      skewSeconds: clockSkewSeconds,
      maximumAgeSeconds: maximumTokenAgeSeconds,
    }).catch(refuse);
    return { claims, isFresh: onlyAudience(claims) === bound };
  }

  close(): void {
    this.#keys.close();
  }
}

function refuse(error: unknown): never {
  throw error instanceof SignedTokenError ? denied(error.message, error) : error;
}

/** A token that others take too could be theirs to show. */
function onlyAudience({ aud = [] }: JWTPayload): string | undefined {
  const [only, ...others] = [aud].flat();
  if (others.length > 0) throw denied("the token has several audiences");
  return only;
}

function keySetOf({ issuer, keys }: TokenIssuer, { clock, logger }: AttestorTools): KeySet & { close(): void } {
  if (keys.file !== undefined) return fileKeySet(keys.file);
  const { url, certificateAuthorityFile: caFile } = keys;
  const client = httpsClient({
    caPem: caFile === undefined ? undefined : readFileSync(caFile, "utf8"),
    timeoutMilliseconds: KEYS_TIMEOUT_MILLISECONDS,
    maximumBytes: MAXIMUM_ANSWER_BYTES,
  });
  const set = new RemoteKeySet({
    ...{ issuer, discoveryUrl: undefined, jwksUrl: url, staysAtOrigin: true, clock, logger },
    exchange: async (target, message) => (await client.exchange(target, message)).body.toString("utf8"),
  });
  return {
    current: () => set.current(),
    renewed: () => set.renewed(),
    maintain: () => set.maintain(),
    due: () => set.due(),
    close: () => client.close(),
  };
}

/** Keys that are withdrawn from the file count no more at once, and none do while it is broken. */
function fileKeySet(file: string): KeySet & { close(): void } {
  const reloaded = new ReloadedFile(file, (bytes) => parseJwks(bytes.toString("utf8")));
  return {
    current(): LocalJWKSet {
      try {
        return reloaded.current;
      } catch (error) {
        throw new KeysUnavailableError((error as Error).message, { cause: error });
      }
    },
    renewed: async () => undefined,
    maintain() {},
    due: () => [],
    close() {},
  };
}
