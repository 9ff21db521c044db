import { statSync } from "node:fs";
import { parseDocument } from "yaml";
import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";
import { isStaticToken, isStaticTokenHash, parseStaticToken } from "../../../shared/static-token.ts";
import { StatusError } from "../../../shared/status-error.ts";
import { ANONYMOUS } from "../../../shared/user-info.ts";
import { withAuthenticatedGroup } from "../groups.ts";
import { NOBODY, type Outcome, refused, type TokenAuthenticator } from "./authenticator.ts";
import type { Upkeep } from "./upkeep.ts";
import { WatchedFiles } from "./watched-file.ts";

const MAXIMUM_ENTRIES = 10_000;
/** Hashes computed at once; each takes a thread of the pool that file access also needs. */
const MAXIMUM_AT_ONCE = 2;
/** Attempts beyond these are turned away: memory and time for hashing end somewhere. */
const MAXIMUM_WAITING = 64;
const WRITABLE_BY_OTHERS = 0o022;

const entrySchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9]{8}$/, "must be eight characters of a-z and 0-9, as in the token"),
  hash: z.string().refine(isStaticTokenHash, "must be a hash that `gatehouse token hash` made"),
  user: z
    .string()
    .min(1)
    .refine((name) => name !== ANONYMOUS.username, `must not be ${ANONYMOUS.username}`),
  uid: z.string().default(""),
  groups: z.array(z.string().min(1)).default([]),
  expires: z.iso.datetime({ offset: true }).optional(),
});

export type TokenFileEntry = z.infer<typeof entrySchema>;

const fileSchema = z.array(entrySchema).max(MAXIMUM_ENTRIES).nullable();

export interface TokenFileDependencies {
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  readonly onChange: () => void;
}

/**
 * Tokens that stand, hashed, in a YAML list.
 *
 * @throws {AuthenticationSetupError} when the file cannot be read or used.
 */
export function tokenFileAuthenticator(deps: TokenFileDependencies): {
  readonly authenticator: TokenAuthenticator;
  readonly upkeep: Upkeep;
} {
  const { file, clock, logger, onChange } = deps;
  const watched = new WatchedFiles({ paths: [file], parse: ([text = ""]) => parseTokenFile(text), logger, onChange });
  warnOfWriters(file, logger);
  const inTurn = limited(MAXIMUM_AT_ONCE, MAXIMUM_WAITING);
  async function authenticate(token: string): Promise<Outcome> {
    const parts = parseStaticToken(token);
    if (parts === undefined) return NOBODY;
    const entry = watched.current.get(parts.id);
    if (entry === undefined) return refused(`no token ${parts.id} is in the file`);
    const expires = entry.expires === undefined ? undefined : new Date(entry.expires);
    if (expires !== undefined && expires <= clock.now()) return refused(`the token ${parts.id} has expired`);
    const isRight = await inTurn(() => isStaticToken(parts, entry.hash));
    if (!isRight) return refused(`the secret of token ${parts.id} is wrong`);
    const { user: username, uid, groups } = entry;
    const user = withAuthenticatedGroup({ username, uid, groups, extra: {} });
    return { kind: "user", user, ...(expires !== undefined && { validUntil: expires }) };
  }
  const upkeep: Upkeep = { maintain: () => watched.reload(), due: () => watched.due() };
  return { authenticator: { name: "tokenFile", judges: "token", authenticate }, upkeep };
}

/** The lines of a token file by their ids. @throws {Error} naming what is wrong; no hash is in the message. */
export function parseTokenFile(text: string): ReadonlyMap<string, TokenFileEntry> {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw new Error(`not valid YAML: ${problem.code}`);
  const parsed = fileSchema.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  const entries = new Map<string, TokenFileEntry>();
  for (const entry of parsed.data ?? []) {
    if (entries.has(entry.id)) throw new Error(`the id ${entry.id} occurs twice`);
    entries.set(entry.id, entry);
  }
  return entries;
}

function warnOfWriters(file: string, logger: Pick<Logger, "warn">): void {
  const { mode } = statSync(file);
  if ((mode & WRITABLE_BY_OTHERS) === 0) return;
  logger.warn(
    { file, mode: (mode & 0o777).toString(8) },
    "others than its owner may write the token file, and so let themselves in",
  );
}

/** Runs at most `atOnce` pieces of work at a time. @throws {StatusError} TooManyRequests when too many wait already. */
function limited(atOnce: number, maximumWaiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= atOnce) {
      if (waiting.length >= maximumWaiting) {
        throw new StatusError("TooManyRequests", "too many logins at once", { details: { retryAfterSeconds: 1 } });
      }
      // Whoever ends hands its place on.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
