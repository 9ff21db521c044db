import { StatusError } from "../../shared/status-error.ts";
import { ANONYMOUS, type UserInfo } from "../../shared/user-info.ts";
import type { Authenticator, Outcome, ShownByRequest } from "./authenticators/authenticator.ts";
import type { Impersonation } from "./impersonation.ts";

/** What a caller shows of itself. */
export interface Credentials extends ShownByRequest {
  /** The `Authorization` header as it came. */
  readonly authorization: string | undefined;
  readonly impersonation?: Impersonation | undefined;
  readonly remoteAddress: string;
  /** Told who the credentials are, before impersonation is judged. */
  readonly onAuthenticated?: ((user: UserInfo) => void) | undefined;
}

export interface IdentificationDependencies {
  /** In the order in which they are asked. */
  readonly authenticators: readonly Authenticator[];
  /** Called before a bearer token is looked at. @throws {StatusError} TooManyRequests */
  readonly beforeGuess: (remoteAddress: string) => void;
  /** `reason` never holds a secret. */
  readonly onRefused: (refusal: Refusal, remoteAddress: string) => void;
}

export interface Refusal {
  readonly authenticator: string;
  readonly judges: Authenticator["judges"];
  readonly reason: string;
}

/** Longer ones are refused unread. */
const MAXIMUM_TOKEN_LENGTH = 16_384;

/**
 * Whose credentials they are: the authenticators are asked in their order, and the first that names somebody wins, as in
 * kube-apiserver. So where certificates come first a valid certificate makes a wrong token harmless, and a valid token a
 * refused certificate. Who shows nothing is anonymous; credentials that were shown and name nobody are refused even
 * where anonymous callers are let in.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/union/union.go,
 * staging/src/k8s.io/apiserver/pkg/authentication/token/union/union.go, pkg/kubeapiserver/authenticator/config.go.
 *
 * @returns at once unless an authenticator has to ask elsewhere: waiting would cost every request a turn.
 * @throws {StatusError} Unauthorized, without saying why; its cause does. What is promised rejects with the same.
 */
export function identify(credentials: Credentials, deps: IdentificationDependencies): UserInfo | Promise<UserInfo> {
  return new Judgement(credentials, deps).askFrom(0);
}

/** One round of questions about one caller. */
class Judgement {
  readonly #deps: IdentificationDependencies;
  readonly #shown: Credentials;
  readonly #token: string | undefined;
  readonly #refusals: Refusal[] = [];
  #hasGuessed = false;

  constructor(credentials: Credentials, deps: IdentificationDependencies) {
    this.#shown = credentials;
    this.#token = bearerTokenOf(credentials.authorization);
    this.#deps = deps;
  }

  /** Asks the authenticator of this index and those after it. */
  askFrom(index: number): UserInfo | Promise<UserInfo> {
    const authenticator = this.#deps.authenticators[index];
    if (authenticator === undefined) return this.#conclude();
    const outcome = this.#ask(authenticator);
    const userOrNext = (known: Outcome | undefined) => this.#userOf(authenticator, known) ?? this.askFrom(index + 1);
    return outcome instanceof Promise ? outcome.then(userOrNext) : userOrNext(outcome);
  }

  #ask(authenticator: Authenticator): Outcome | Promise<Outcome> | undefined {
    if (authenticator.judges === "request") return authenticator.authenticate(this.#shown);
    const token = this.#token;
    if (token === undefined || token.length > MAXIMUM_TOKEN_LENGTH) return undefined;
    if (!this.#hasGuessed) this.#deps.beforeGuess(this.#shown.remoteAddress);
    this.#hasGuessed = true;
    return authenticator.authenticate(token);
  }

  #userOf({ name, judges }: Authenticator, outcome: Outcome | undefined): UserInfo | undefined {
    if (outcome?.kind === "user") return outcome.user;
    if (outcome?.kind === "refused") this.#refuse({ authenticator: name, judges, reason: outcome.reason });
    return undefined;
  }

  /** What is left when nobody was named. */
  #conclude(): UserInfo {
    if (this.#token !== undefined && !this.#refusals.some(({ judges }) => judges === "token")) {
      this.#refuse({ authenticator: "", judges: "token", reason: "no authenticator knows the token" });
    }
    if (this.#refusals.length === 0) return ANONYMOUS;
    const cause = new Error(this.#refusals.map(({ reason }) => reason).join("; "));
    throw new StatusError("Unauthorized", "Unauthorized", { cause });
  }

  #refuse(refusal: Refusal): void {
    this.#refusals.push(refusal);
    this.#deps.onRefused(refusal, this.#shown.remoteAddress);
  }
}

/**
 * Another scheme, or none, counts as no token at all.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/bearertoken/bearertoken.go.
 */
function bearerTokenOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const [scheme = "", token = ""] = authorization.trim().split(" ", 2);
  return scheme.toLowerCase() === "bearer" && token !== "" ? token : undefined;
}
