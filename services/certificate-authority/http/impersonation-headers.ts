import type { IncomingMessage } from "node:http";
import { StatusError } from "../../shared/status-error.ts";

/** What `Impersonate-*` headers ask for. Source: kubernetes staging/src/k8s.io/api/authentication/v1/types.go. */
export interface Impersonation {
  readonly user: string | undefined;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

const EXTRA_PREFIX = "impersonate-extra-";
const MAX_VALUES = 256;

/**
 * @returns undefined when there is no such header.
 * @throws {StatusError} BadRequest when an extra key is not valid percent-encoding or there are too many values.
 */
export function impersonationOf(request: IncomingMessage): Impersonation | undefined {
  const names = Object.keys(request.headers).filter((name) => name.startsWith("impersonate-"));
  if (names.length === 0) return undefined;
  // Only `headersDistinct` keeps repeated headers apart: a group's name may contain a comma.
  const headers = request.headersDistinct;
  const extra: Record<string, string[]> = Object.create(null);
  let count = 0;
  for (const name of names) {
    const values = headers[name] ?? [];
    count += values.length;
    if (count > MAX_VALUES) throw new StatusError("BadRequest", `more than ${MAX_VALUES} impersonation headers`);
    if (name.startsWith(EXTRA_PREFIX)) extra[decodeKey(name.slice(EXTRA_PREFIX.length))] = values;
  }
  const [user] = headers["impersonate-user"] ?? [];
  const [uid] = headers["impersonate-uid"] ?? [];
  return { user, uid, groups: headers["impersonate-group"] ?? [], extra };
}

function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded).toLowerCase();
  } catch (cause) {
    throw new StatusError("BadRequest", `header Impersonate-Extra-${encoded} is not valid percent-encoding`, { cause });
  }
}
