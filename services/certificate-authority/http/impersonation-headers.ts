import type { IncomingMessage } from "node:http";
import { extraKey, headerText } from "../../shared/header-text.ts";
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
 * Extra keys are percent-decoded; one that is not valid percent-encoding is taken as it stands. Values are UTF-8.
 *
 * @returns undefined when there is no such header.
 * @throws {StatusError} BadRequest when there are too many values.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation.go.
 */
export function impersonationOf(request: IncomingMessage): Impersonation | undefined {
  const names = Object.keys(request.headers).filter((name) => name.startsWith("impersonate-"));
  if (names.length === 0) return undefined;
  // Only `headersDistinct` keeps repeated headers apart: a group's name may contain a comma.
  const valuesOf = (name: string): string[] => (request.headersDistinct[name] ?? []).map(headerText);
  const extra: Record<string, string[]> = Object.create(null);
  let count = 0;
  for (const name of names) {
    const values = valuesOf(name);
    count += values.length;
    if (count > MAX_VALUES) throw new StatusError("BadRequest", `more than ${MAX_VALUES} impersonation headers`);
    if (name.startsWith(EXTRA_PREFIX)) extra[extraKey(name.slice(EXTRA_PREFIX.length))] = values;
  }
  const [user] = valuesOf("impersonate-user");
  const [uid] = valuesOf("impersonate-uid");
  return { user, uid, groups: valuesOf("impersonate-group"), extra };
}
