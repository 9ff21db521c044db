import type { KeyObject } from "node:crypto";
import type { Clock } from "../../shared/clock.ts";
import { BOUND_NODE_EXTRA, type UserInfo } from "../../shared/user-info.ts";
import { type BootstrapTokenRecord, hasUsage } from "../domain/bootstrap-token.ts";
import type { BootstrapTokens } from "../domain/ports.ts";
import { withAuthenticatedGroup } from "./groups.ts";
import { isBootstrapGroup } from "./token-rules.ts";
import { equalHashes, hashToken, parseToken } from "./token-secret.ts";

const BOOTSTRAPPERS_GROUP = "system:bootstrappers";
const BOOTSTRAP_USER_PREFIX = "system:bootstrap:";
const NO_HASH = new Uint8Array(32);

/** A stored token as the store gives it out: the same object until the token changes. */
type StoredToken = NonNullable<ReturnType<BootstrapTokens["find"]>>;

/** A token that was found right, and whose it is. Goes with the stored token. */
interface Proof {
  /** Not hashed, since hashing costs more than all else here: who can read this memory can read the CA's key. */
  readonly bearer: Buffer;
  /** Under which key it was found right. */
  readonly tokenHashKey: KeyObject;
  readonly user: UserInfo;
}

const proofs = new WeakMap<StoredToken, Proof>();

export interface BootstrapTokenDependencies {
  readonly tokens: Pick<BootstrapTokens, "find">;
  readonly tokenHashKey: KeyObject;
  readonly clock: Clock;
}

/**
 * Tells whose token it is. The store is asked every time: a token that was deleted or has expired is refused by the very
 * next request.
 *
 * Source: kubernetes plugin/pkg/auth/authenticator/token/bootstrap/bootstrap.go.
 *
 * @returns undefined for anything that is not a token of ours now, without saying which check failed.
 */
export function authenticateBootstrapToken(deps: BootstrapTokenDependencies, bearer: string): UserInfo | undefined {
  const parts = parseToken(bearer);
  if (parts === undefined) return undefined;
  const found = deps.tokens.find(parts.id);
  // The keyed hash is made once for a token that a whole herd shows; a wrong secret never gets around it.
  const shown = Buffer.from(bearer, "latin1");
  const known = found && proofs.get(found);
  if (known?.tokenHashKey === deps.tokenHashKey && equalHashes(known.bearer, shown)) {
    return found && !isExpired(found.token, deps.clock.now()) ? known.user : undefined;
  }
  // An unknown id costs the same hash and comparison as a known one, so that timing does not list the ids.
  const secretMatches = equalHashes(hashToken(deps.tokenHashKey, parts), found?.secretHash ?? NO_HASH);
  if (found === undefined || !secretMatches) return undefined;
  const { token } = found;
  if (token.id !== parts.id || isExpired(token, deps.clock.now())) return undefined;
  if (!hasUsage(token, "authentication") || !token.extraGroups.every(isBootstrapGroup)) return undefined;
  const user = userOf(token);
  proofs.set(found, { bearer: shown, tokenHashKey: deps.tokenHashKey, user });
  return user;
}

/** From the instant it names, a token is expired. */
function isExpired({ expiresAt }: BootstrapTokenRecord, now: Date): boolean {
  return expiresAt !== undefined && expiresAt.getTime() <= now.getTime();
}

function userOf({ id, extraGroups, nodeName }: BootstrapTokenRecord): UserInfo {
  const groups = [...new Set([BOOTSTRAPPERS_GROUP, ...extraGroups])].sort();
  return withAuthenticatedGroup({
    username: `${BOOTSTRAP_USER_PREFIX}${id}`,
    uid: "",
    groups,
    extra: nodeName === undefined ? {} : { [BOUND_NODE_EXTRA]: [nodeName] },
  });
}
