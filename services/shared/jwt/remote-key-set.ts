import type { LocalJWKSet } from "jose";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import type { HttpsExchange } from "../https-exchange.ts";
import type { Logger } from "../logging.ts";
import { type KeySet, KeysUnavailableError, parseJwks } from "./key-set.ts";

export interface RemoteKeySetOptions {
  /** The `iss` of the tokens, and what the discovery document must call itself. */
  readonly issuer: string;
  /** Where the discovery document is, when not below the issuer's URL. */
  readonly discoveryUrl: string | undefined;
  /** Where the keys are; then nothing is discovered. */
  readonly jwksUrl?: string | undefined;
  /** Whether the keys that are discovered have to be at the issuer's origin. */
  readonly staysAtOrigin?: boolean | undefined;
  readonly exchange: HttpsExchange;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn">;
}

/** Between two attempts, however many tokens ask for keys that are not here. */
const COOLDOWN_SECONDS = 30;
/** After this the keys are fetched again, in the background. */
const REFRESH_SECONDS = 600;
/**
 * While the issuer cannot be reached its last keys are used for so long and no longer: who can cut us off must not keep
 * a withdrawn key alive.
 */
const USABLE_SECONDS = 3_600;

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string() });

/**
 * The keys of an OpenID provider, found by its discovery document unless their place is known.
 *
 * Source: OpenID Connect Discovery 1.0 sections 3 and 4.
 */
export class RemoteKeySet implements KeySet {
  readonly #options: RemoteKeySetOptions;
  #keys: LocalJWKSet | undefined;
  /** Milliseconds since the epoch. */
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #fetching: Promise<LocalJWKSet> | undefined;
  #problem = "";

  constructor(options: RemoteKeySetOptions) {
    this.#options = options;
  }

  current(): LocalJWKSet | Promise<LocalJWKSet> {
    if (this.#keys !== undefined && this.#secondsSince(this.#fetchedAt) <= USABLE_SECONDS) return this.#keys;
    if (this.#fetching !== undefined) return this.#fetching;
    if (this.#mayTry()) return this.#fetch();
    throw new KeysUnavailableError(`the keys of ${this.#options.issuer} cannot be had: ${this.#problem}`);
  }

  async renewed(): Promise<LocalJWKSet | undefined> {
    if (this.#fetching === undefined && !this.#mayTry()) return undefined;
    return (this.#fetching ?? this.#fetch()).catch(() => undefined);
  }

  due(): readonly string[] {
    const isWell = this.#fetching !== undefined || this.#secondsSince(this.#fetchedAt) < REFRESH_SECONDS;
    return isWell || !this.#mayTry() ? [] : [this.#options.issuer];
  }

  maintain(): void {
    if (this.due().length === 0) return;
    // What goes wrong has been logged, and the next round tries again.
    this.#fetch().catch(() => undefined);
  }

  #secondsSince(instant: number): number {
    return (this.#options.clock.now().getTime() - instant) / 1000;
  }

  #mayTry(): boolean {
    const seconds = this.#secondsSince(this.#triedAt);
    // A clock that was set back must not keep us waiting.
    return seconds >= COOLDOWN_SECONDS || seconds < 0;
  }

  #fetch(): Promise<LocalJWKSet> {
    this.#triedAt = this.#options.clock.now().getTime();
    const fetching = this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    this.#fetching = fetching;
    return fetching;
  }

  async #fetchOnce(): Promise<LocalJWKSet> {
    const { issuer, exchange, clock, logger, jwksUrl } = this.#options;
    try {
      const url = jwksUrl === undefined ? await this.#discover() : new URL(jwksUrl);
      const keys = parseJwks(await exchange(url, { method: "GET" }));
      if (this.#keys === undefined || this.#problem !== "") logger.info({ issuer }, "the issuer's keys were fetched");
      this.#keys = keys;
      this.#fetchedAt = clock.now().getTime();
      this.#problem = "";
      return keys;
    } catch (error) {
      const { message } = error as Error;
      this.#problem = message;
      logger.warn({ issuer, problem: message }, "the issuer's keys cannot be fetched");
      throw new KeysUnavailableError(`the keys of ${issuer} cannot be fetched: ${message}`, { cause: error });
    }
  }

  async #discover(): Promise<URL> {
    const { issuer, discoveryUrl, exchange, staysAtOrigin = false } = this.#options;
    const url = new URL(discoveryUrl ?? `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    const parsed = discoverySchema.safeParse(JSON.parse(await exchange(url, { method: "GET" })));
    if (!parsed.success) throw new Error(`${url.href} is no discovery document`);
    const { issuer: named, jwks_uri: location } = parsed.data;
    if (named !== issuer) throw new Error(`${url.href} is the document of another issuer, ${JSON.stringify(named)}`);
    if (!URL.canParse(location) || new URL(location).protocol !== "https:") {
      throw new Error(`${url.href} names a jwks_uri that is no https URL`);
    }
    const { origin } = new URL(issuer);
    if (staysAtOrigin && new URL(location).origin !== origin) {
      throw new Error(`${url.href} names a jwks_uri that is not at ${origin}`);
    }
    return new URL(location);
  }
}
