import { realpathSync } from "node:fs";
import type { Logger } from "../../../shared/logging.ts";
import { Pin, type PinSource } from "./pin.ts";
import type { TokenSettings } from "./settings.ts";
import { Token } from "./token.ts";
import { TokenThread } from "./token-thread.ts";

export interface TokensOptions {
  readonly settings: readonly TokenSettings[];
  /** What the environment variables hold that settings name. */
  readonly environment: (variable: string) => string | undefined;
  readonly logger: Logger;
}

/** The configured tokens, each connected. */
export interface Tokens {
  readonly all: readonly Token[];
  /** @throws {TypeError} for a name that is not configured. */
  get(name: string): Token;
  /** Tells from then on when a token went away or is back. */
  onChange(listener: (token: Token) => void): void;
  close(): Promise<void>;
}

/**
 * Connects to every configured token. A module has one thread, however many of its tokens are used.
 *
 * @throws {CustodyError} KeyServiceUnavailable when a token is not there; PinRefused, PinMissing; TokenUnusable when the
 *   optional package or the module is not there, or the token is not what is needed.
 */
export async function openTokens({ settings, environment, logger }: TokensOptions): Promise<Tokens> {
  const listeners: ((token: Token) => void)[] = [];
  const threads = new Map<string, TokenThread>();
  const tokens = new Map<string, Token>();
  const close = async (): Promise<void> => {
    await Promise.all([...tokens.values()].map((token) => token.close()));
    await Promise.all([...threads.values()].map((thread) => thread.close()));
  };

  function threadOf(modulePath: string): TokenThread {
    const path = canonical(modulePath);
    const thread = threads.get(path) ?? new TokenThread(path, logger);
    threads.set(path, thread);
    return thread;
  }

  async function open({ module, timeoutSeconds, pinFile, pinEnvironment, ...address }: TokenSettings): Promise<Token> {
    const source: PinSource =
      pinFile === undefined
        ? { variable: pinEnvironment ?? "", value: environment(pinEnvironment ?? "") }
        : { file: pinFile };
    return Token.open({
      address,
      thread: threadOf(module),
      pin: new Pin(source),
      timeoutMilliseconds: timeoutSeconds * 1000,
      logger,
      onChange: (token) => {
        for (const listener of listeners) listener(token);
      },
    });
  }

  try {
    for (const one of settings) tokens.set(one.name, await open(one));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    all: [...tokens.values()],
    get(name) {
      const token = tokens.get(name);
      if (token === undefined) throw new TypeError(`no token is called ${name}`);
      return token;
    },
    onChange: (listener) => void listeners.push(listener),
    close,
  };
}

/** Two names of one library are one module. What does not exist is left to the loader, which says so. */
function canonical(path: string): string {
  try {
    return path.includes("/") ? realpathSync(path) : path;
  } catch {
    return path;
  }
}
