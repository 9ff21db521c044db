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
 * @throws {StatusError} Unauthorized, without saying why; its cause does.
 */
export async function identify(credentials: Credentials, deps: IdentificationDependencies): Promise<UserInfo> {
  const token = bearerTokenOf(credentials.authorization);
  const judged = new Judgement(credentials.remoteAddress, deps);
  for (const authenticator of deps.authenticators) {
    const outcome = judged.ask(authenticator, credentials, token);
    // Most answers are there at once, and waiting for them would cost every request a turn.
    const user = judged.userOf(authenticator, outcome instanceof Promise ? await outcome : outcome);
    if (user !== undefined) return user;
  }
  return judged.conclude(token !== undefined);
}

/** One round of questions about one caller. */
class Judgement {
  readonly #deps: IdentificationDependencies;
  readonly #remoteAddress: string;
  readonly #refusals: Refusal[] = [];
  #hasGuessed = false;

  constructor(remoteAddress: string, deps: IdentificationDependencies) {
    this.#remoteAddress = remoteAddress;
    this.#deps = deps;
  }

  ask(
    authenticator: Authenticator,
    shown: ShownByRequest,
    token: string | undefined,
  ): Outcome | Promise<Outcome> | undefined {
    if (authenticator.judges === "request") return authenticator.authenticate(shown);
    if (token === undefined || token.length > MAXIMUM_TOKEN_LENGTH) return undefined;
    if (!this.#hasGuessed) this.#deps.beforeGuess(this.#remoteAddress);
    this.#hasGuessed = true;
    return authenticator.authenticate(token);
  }

  userOf({ name, judges }: Authenticator, outcome: Outcome | undefined): UserInfo | undefined {
    if (outcome?.kind === "user") return outcome.user;
    if (outcome?.kind === "refused") this.#refuse({ authenticator: name, judges, reason: outcome.reason });
    return undefined;
  }

  /** What is left when nobody was named. */
  conclude(showedToken: boolean): UserInfo {
    if (showedToken && !this.#refusals.some(({ judges }) => judges === "token")) {
      this.#refuse({ authenticator: "", judges: "token", reason: "no authenticator knows the token" });
    }
    if (this.#refusals.length === 0) return ANONYMOUS;
    const cause = new Error(this.#refusals.map(({ reason }) => reason).join("; "));
    throw new StatusError("Unauthorized", "Unauthorized", { cause });
  }

  #refuse(refusal: Refusal): void {
    this.#refusals.push(refusal);
    this.#deps.onRefused(refusal, this.#remoteAddress);
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
