import { createPublicKey } from "node:crypto";
import type { Logger } from "../../../shared/logging.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { ClassicalAlgorithm } from "../../domain/issuer.ts";
import type { RemoteKey, SignatureDigest } from "../../domain/remote-key.ts";
import { CustodyError } from "../custody-error.ts";
import { ecdsaSignatureDer } from "./ecdsa-signature.ts";
import type { TokenAddress, TokenAnswer, TokenOperation } from "./messages.ts";
import type { Pin } from "./pin.ts";
import { TokenFailure } from "./token-failure.ts";
import type { TokenThread } from "./token-thread.ts";

const CHECK_MILLISECONDS = 5000;
const FIRST_RETRY_MILLISECONDS = 500;
const LONGEST_RETRY_MILLISECONDS = 30_000;
/** A module that hangs must not keep the server from stopping. */
const CLOSING_MILLISECONDS = 2000;
/** Making an RSA key may take a device this much longer than a signature. */
const KEY_MAKING_FACTOR = 24;

export interface TokenParts {
  readonly address: TokenAddress;
  readonly thread: Pick<TokenThread, "ask">;
  readonly pin: Pin;
  readonly timeoutMilliseconds: number;
  readonly logger: Logger;
  /** Called when the token went away and when it is back. */
  readonly onChange: (token: Token) => void;
}

/** A token that keys are used in. While it is away it is looked for again and again; whoever asks meanwhile is refused at once. */
export class Token {
  readonly #parts: TokenParts;
  readonly #keys = new Map<string, TokenKey>();
  #problem: string | undefined;
  #connecting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryMilliseconds = FIRST_RETRY_MILLISECONDS;
  #isClosed = false;

  private constructor(parts: TokenParts) {
    this.#parts = parts;
  }

  /** @throws {CustodyError} KeyServiceUnavailable; PinRefused; TokenUnusable. */
  static async open(parts: TokenParts): Promise<Token> {
    const token = new Token(parts);
    try {
      await token.#connect();
    } catch (error) {
      throw token.#toCustodyError(error);
    }
    token.#schedule(CHECK_MILLISECONDS);
    return token;
  }

  get name(): string {
    return this.#parts.address.name;
  }

  /** Why it cannot be used now; undefined while it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * The private key of that label; one that was used before is known without asking the token.
   * @returns undefined when there is none.
   * @throws {CustodyError} as `open`.
   */
  async findKey(keyLabel: string): Promise<RemoteKey | undefined> {
    const known = this.#keys.get(keyLabel);
    if (known !== undefined) return known;
    try {
      return this.#keep(keyLabel, await this.#use({ kind: "findKey", token: this.name, keyLabel }));
    } catch (error) {
      throw this.#toCustodyError(error);
    }
  }

  /**
   * Makes a pair of keys inside, for nothing but signing and never to leave.
   * @throws {CustodyError} as `open`.
   */
  async makeKey(keyLabel: string, algorithm: ClassicalAlgorithm): Promise<RemoteKey> {
    const limit = this.#parts.timeoutMilliseconds * KEY_MAKING_FACTOR;
    try {
      // A session of now: a token that has just come back may not show its keys in an older one.
      await this.#connect();
      const present = this.#keep(keyLabel, await this.#ask({ kind: "findKey", token: this.name, keyLabel }));
      if (present !== undefined) return present;
      const made = this.#keep(
        keyLabel,
        await this.#ask({ kind: "makeKey", token: this.name, keyLabel, algorithm }, limit),
      );
      if (made === undefined) throw new TokenFailure("refused", `it did not make the key "${keyLabel}"`);
      this.#parts.logger.info({ token: this.name, keyLabel, algorithm }, "made a key inside the token");
      return made;
    } catch (error) {
      throw this.#toCustodyError(error);
    }
  }

  /** @throws {StatusError} ServiceUnavailable while the token is away. */
  async sign(keyLabel: string, digest: SignatureDigest, data: Uint8Array): Promise<Uint8Array> {
    try {
      const answer = await this.#use({ kind: "sign", token: this.name, keyLabel, digest, data });
      if (answer.kind !== "signed") throw new TokenFailure("refused", "it did not sign");
      return answer.signature;
    } catch (cause) {
      const details = { retryAfterSeconds: 1 };
      throw new StatusError("ServiceUnavailable", `the token ${this.name} did not sign`, { cause, details });
    }
  }

  /** @throws {CustodyError} KeyServiceUnavailable while it is away. */
  requireWell(): void {
    if (this.#problem !== undefined) throw new CustodyError("KeyServiceUnavailable", this.#problem);
  }

  /** Ends the session, unless the token is away: then the module may not even answer. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#problem !== undefined) return;
    const limit = Math.min(this.#parts.timeoutMilliseconds, CLOSING_MILLISECONDS);
    await this.#ask({ kind: "disconnect", token: this.name }, limit).catch(() => undefined);
  }

  /** A session that ended costs one new login, unnoticed by those who ask; a token that is gone is away from then on. */
  async #use(operation: TokenOperation): Promise<TokenAnswer> {
    this.requireWell();
    try {
      return await this.#ask(operation);
    } catch (error) {
      if (!isLost(error)) throw error;
    }
    try {
      await this.#reconnect();
      return await this.#ask(operation);
    } catch (error) {
      if (isAway(error)) this.#leave(error);
      throw error;
    }
  }

  #ask(operation: TokenOperation, limit = this.#parts.timeoutMilliseconds): Promise<TokenAnswer> {
    return this.#parts.thread.ask(operation, limit);
  }

  /** Whoever needs a new session meanwhile shares it: one login, one try of the PIN. */
  #reconnect(): Promise<void> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<void> {
    const { address, pin } = this.#parts;
    const given = await pin.read();
    try {
      await this.#ask({ kind: "connect", token: address, pin: given });
    } catch (error) {
      if (error instanceof TokenFailure && error.kind === "pinRefused") pin.refused(given);
      throw error;
    }
    for (const [keyLabel, key] of this.#keys) await this.#requireSameKey(keyLabel, key);
  }

  /** Another token of the same name must not sign in its place, nor be thought of as the one that came back. */
  async #requireSameKey(keyLabel: string, key: TokenKey): Promise<void> {
    const answer = await this.#ask({ kind: "findKey", token: this.name, keyLabel });
    const found = answer.kind === "key" ? answer.key : undefined;
    if (found === undefined) throw new TokenFailure("lost", `it has no key "${keyLabel}"`);
    if (!Buffer.from(found.spkiDer).equals(key.spkiDer))
      throw new TokenFailure("lost", `its key "${keyLabel}" is another one`);
  }

  #keep(keyLabel: string, answer: TokenAnswer): RemoteKey | undefined {
    if (answer.kind !== "key" || answer.key === undefined) return undefined;
    const key = new TokenKey(this, keyLabel, Buffer.from(answer.key.spkiDer));
    this.#keys.set(keyLabel, key);
    return key;
  }

  #leave(error: unknown): void {
    if (this.#problem !== undefined || this.#isClosed) return;
    this.#problem = this.#toCustodyError(error).message;
    this.#retryMilliseconds = FIRST_RETRY_MILLISECONDS;
    this.#parts.logger.error(
      { token: this.name, reason: this.#problem },
      "a token is away; what its keys are to sign waits for it",
    );
    this.#parts.onChange(this);
    this.#schedule(this.#retryMilliseconds);
  }

  #return(): void {
    this.#problem = undefined;
    this.#parts.logger.info({ token: this.name }, "the token is back");
    this.#parts.onChange(this);
  }

  #schedule(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#look(), milliseconds);
    this.#timer.unref();
  }

  /** Finds out that the token is gone when nobody asks anything of it, and that it is back. */
  async #look(): Promise<void> {
    try {
      if (this.#problem === undefined) await this.#use({ kind: "check", token: this.name });
      else {
        await this.#reconnect();
        this.#return();
      }
      this.#schedule(CHECK_MILLISECONDS);
    } catch {
      // What it is was told when the token left.
      if (this.#problem === undefined) return this.#schedule(CHECK_MILLISECONDS);
      this.#retryMilliseconds = Math.min(2 * this.#retryMilliseconds, LONGEST_RETRY_MILLISECONDS);
      this.#schedule(this.#retryMilliseconds);
    }
  }

  #toCustodyError(error: unknown): CustodyError {
    if (error instanceof CustodyError) return error;
    const { message, kind = "lost" } = error as Partial<TokenFailure> & Error;
    const { pin } = this.#parts;
    switch (kind) {
      case "pinRefused":
        return new CustodyError(
          "PinRefused",
          `the token ${this.name} refused the PIN in ${pin.origin} (${message}); it was tried once and is not tried again. Correct it there`,
          { cause: error },
        );
      case "refused":
        return new CustodyError("TokenUnusable", `the token ${this.name} cannot be used: ${message}`, { cause: error });
      case "lost":
        return new CustodyError(
          "KeyServiceUnavailable",
          `the token ${this.name} is away: ${message}; check its module, address and connection`,
          { cause: error },
        );
      default:
        return kind satisfies never;
    }
  }
}

/** A private key inside a token. */
class TokenKey implements RemoteKey {
  readonly kind = "remote";
  readonly spkiDer: Buffer;
  readonly #token: Token;
  readonly #keyLabel: string;
  readonly #isEcdsa: boolean;

  constructor(token: Token, keyLabel: string, spkiDer: Buffer) {
    this.#token = token;
    this.#keyLabel = keyLabel;
    this.spkiDer = spkiDer;
    this.#isEcdsa = createPublicKey({ key: spkiDer, format: "der", type: "spki" }).asymmetricKeyType === "ec";
  }

  get problem(): string | undefined {
    return this.#token.problem;
  }

  async sign(digest: SignatureDigest, data: Uint8Array, encoding: "der" | "ieee-p1363"): Promise<Uint8Array> {
    const signature = await this.#token.sign(this.#keyLabel, digest, data);
    return this.#isEcdsa && encoding === "der" ? ecdsaSignatureDer(signature) : signature;
  }
}

function isLost(error: unknown): boolean {
  return error instanceof TokenFailure && error.kind === "lost";
}

/** A refused PIN is as good as a token that is gone: nothing signs until somebody has put it right. */
function isAway(error: unknown): boolean {
  return error instanceof CustodyError || (error instanceof TokenFailure && error.kind !== "refused");
}
