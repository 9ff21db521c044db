import type { KeyObject } from "node:crypto";
import { joinTokenKey } from "../../shared/attestation/possession.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { isStatusError, StatusError } from "../../shared/status-error.ts";
import { type BootstrapTokenRecord, hasUsage } from "../domain/bootstrap-token.ts";
import type { GivenToken } from "../domain/bootstrap-token-secret.ts";
import type { BootstrapTokens, StoredBootstrapToken } from "../domain/ports.ts";
import { type NewBootstrapToken, requireValidToken } from "./token-rules.ts";
import type { TokenSeal } from "./token-seal.ts";
import { equalHashes, hashToken, randomTokenId, randomTokenSecret } from "./token-secret.ts";

/** Two random ids meet once in 46,000 tokens; five meetings in a row are a broken store. */
const MAX_ID_TRIES = 5;

/** Makes and removes bootstrap tokens. Who may do so is decided before it is called. */
export interface TokenAdministration {
  /**
   * Resolves once the token is durable. `token` (`<id>.<secret>`) is the only copy of the secret.
   *
   * @throws {StatusError} Invalid naming every problem; AlreadyExists when the id that was asked for is taken.
   */
  create(
    wanted: NewBootstrapToken,
    createdBy: string,
  ): Promise<{ readonly record: BootstrapTokenRecord; readonly token: string }>;
  /**
   * Stores a token that its maker chose, whose form was checked. The secret of one that signs is kept, sealed.
   * @throws {StatusError} AlreadyExists; Forbidden for one that signs when such secrets are not kept.
   */
  adopt(given: GivenToken, createdBy: string): Promise<BootstrapTokenRecord>;
  /** Whether tokens may sign. */
  readonly keepsSigningSecrets: boolean;
  /**
   * Changes description, groups, expiry, usages, labels and annotations; the rest of `token` does not matter.
   * @param expectedRevision - as `revisionOf` tells it of the token that was read.
   * @throws {StatusError} NotFound; Conflict when it was changed meanwhile.
   */
  change(token: BootstrapTokenRecord, expectedRevision: number, changedBy: string): Promise<void>;
  /** What proofs of attestation are made with; undefined for tokens of other use. The token may have expired. */
  attestationToken(id: string): { readonly record: BootstrapTokenRecord; readonly key: Buffer } | undefined;
  /** @returns undefined when the secret was not kept. */
  secretOf(id: string): string | undefined;
  /** The same of a token that may be gone. */
  openedSecretOf(stored: StoredBootstrapToken): string | undefined;
  /** Whether the token has this secret; compared in constant time. */
  isSecretOf(id: string, secret: string): boolean;
  /** In the store's order, those that expired and were not swept yet included. */
  list(): Promise<readonly BootstrapTokenRecord[]>;
  /** @returns false when there was none. */
  remove(id: string, removedBy: string): Promise<boolean>;
  /** Removes what has expired; returns the ids. For a schedule: expired tokens are refused at once in any case. */
  removeExpired(): Promise<readonly string[]>;
}

export interface TokenAdministrationDependencies {
  readonly tokens: BootstrapTokens;
  readonly tokenHashKey: KeyObject;
  /** Secrets of tokens that sign are kept with it; undefined when they are not. */
  readonly seal?: TokenSeal | undefined;
  /** Those of tokens to attest with are kept with this, and shown to nobody. */
  readonly attestationSeal: TokenSeal;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info">;
}

export function createTokenAdministration(deps: TokenAdministrationDependencies): TokenAdministration {
  const { tokens, clock, logger, seal } = deps;
  const openedSecretOf = ({ token, sealedSecret }: StoredBootstrapToken): string | undefined =>
    sealedSecret && hasUsage(token, "signing") ? seal?.open(token.id, sealedSecret) : undefined;
  return {
    async create(wanted, createdBy) {
      requireValidToken(wanted);
      const record = recordOf(wanted, createdBy, clock.now());
      const created = await store(deps, record, wanted.id === undefined ? MAX_ID_TRIES : 1);
      logger.info({ tokenId: created.record.id, createdBy, nodeName: wanted.nodeName }, "bootstrap token created");
      return created;
    },
    async adopt({ secret, groups, ...given }, createdBy) {
      const { id, usages } = given;
      const isKept = usages.includes("signing");
      if (isKept && seal === undefined) throw new StatusError("Forbidden", "secrets of tokens that sign are not kept");
      const record = { ...given, extraGroups: groups, nodeName: undefined, createdAt: clock.now(), createdBy };
      const sealed = isKept ? seal?.seal({ id, secret }) : undefined;
      await tokens.create(record, hashToken(deps.tokenHashKey, { id, secret }), sealed);
      logger.info({ tokenId: id, createdBy, usages }, "bootstrap token stored");
      return tokens.find(id)?.token ?? record;
    },
    keepsSigningSecrets: seal !== undefined,
    async change(token, expectedRevision, changedBy) {
      await tokens.update(token, expectedRevision, changedBy);
      logger.info({ tokenId: token.id, changedBy }, "bootstrap token changed");
    },
    attestationToken(id) {
      const stored = tokens.find(id);
      if (stored?.sealedSecret === undefined || !hasUsage(stored.token, "attestation")) return undefined;
      const secret = deps.attestationSeal.open(id, stored.sealedSecret);
      return secret === undefined ? undefined : { record: stored.token, key: joinTokenKey(secret) };
    },
    secretOf(id) {
      const stored = tokens.find(id);
      return stored && openedSecretOf(stored);
    },
    openedSecretOf,
    isSecretOf(id, secret) {
      const stored = tokens.find(id);
      return stored !== undefined && equalHashes(hashToken(deps.tokenHashKey, { id, secret }), stored.secretHash);
    },
    list: () => tokens.list(),
    async remove(id, removedBy) {
      const removed = await tokens.remove(id, removedBy);
      if (removed) logger.info({ tokenId: id, removedBy }, "bootstrap token removed");
      return removed;
    },
    async removeExpired() {
      const ids = await tokens.removeExpired(clock.now());
      if (ids.length > 0) logger.info({ tokenIds: ids }, "expired bootstrap tokens removed");
      return ids;
    },
  };
}

function recordOf(wanted: NewBootstrapToken, createdBy: string, now: Date): BootstrapTokenRecord {
  const { id, description, ttlSeconds, groups, nodeName, use } = wanted;
  return {
    ...(use !== undefined && { usages: [use] }),
    id: id ?? randomTokenId(),
    description,
    extraGroups: [...new Set(groups)].sort(),
    nodeName,
    createdAt: now,
    expiresAt: ttlSeconds === undefined ? undefined : new Date(now.getTime() + ttlSeconds * 1000),
    createdBy,
  };
}

async function store(
  { tokens, tokenHashKey, attestationSeal }: TokenAdministrationDependencies,
  first: BootstrapTokenRecord,
  tries: number,
) {
  let record = first;
  for (let left = tries; ; left -= 1) {
    const parts = { id: record.id, secret: randomTokenSecret() };
    try {
      const sealed = hasUsage(record, "attestation") ? attestationSeal.seal(parts) : undefined;
      await tokens.create(record, hashToken(tokenHashKey, parts), sealed);
      return { record, token: `${parts.id}.${parts.secret}` };
    } catch (error) {
      if (left <= 1 || !isStatusError(error, "AlreadyExists")) throw error;
      record = { ...record, id: randomTokenId() };
    }
  }
}
