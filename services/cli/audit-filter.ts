import { type Command, InvalidArgumentError } from "commander";
import { parseDuration } from "../shared/duration.ts";
import type { AuditEvent } from "./api-types.ts";

/** What the record is searched for; what is absent does not matter. */
export interface AuditFilter {
  /** A duration back from now, or an RFC 3339 time. */
  readonly since?: string;
  readonly user?: string;
  readonly verb?: string;
  readonly resource?: string;
  readonly name?: string;
}

export function withAuditFilter(command: Command): Command {
  return command
    .option("--since <time>", "only what is younger, e.g. 2h, 7d or 2026-01-31T12:00:00Z", checkSince)
    .option("--user <name>", "only what this user did")
    .option("--verb <verb>", "only this verb: of requests with --file (create, update …), else of entries (issued …)")
    .option(
      "--resource <name>",
      "only about this: a resource with --file, else archive, attestation, binding, certificate, clusterrole, " +
        "clusterrolebinding, credential, crl, decision, issuer, key, machine, node, request or token",
    )
    .option("--name <name>", "only about the thing of this name");
}

/** When what is asked for begins. */
export function instantOf({ since }: AuditFilter, now: Date): Date | undefined {
  if (since === undefined) return undefined;
  const seconds = parseDuration(since);
  return seconds === undefined ? new Date(since) : new Date(now.getTime() - seconds * 1000);
}

function checkSince(text: string): string {
  const isTime = /^\d{4}-\d{2}-\d{2}T/.test(text) && !Number.isNaN(Date.parse(text));
  if (!isTime && parseDuration(text) === undefined) {
    throw new InvalidArgumentError("Give a duration such as 90m, 24h or 7d, or a time such as 2026-01-31T12:00:00Z.");
  }
  return text;
}

/** Whether an event of the log is looked for: a user counts as itself and as whom it impersonated. */
export function eventMatcher(filter: AuditFilter, now: Date): (event: AuditEvent) => boolean {
  const { user, verb, resource, name } = filter;
  const from = instantOf(filter, now)?.getTime();
  return (event) => {
    const users = [event.user?.username, event.impersonatedUser?.username];
    if (user !== undefined && !users.includes(user)) return false;
    if (verb !== undefined && event.verb !== verb) return false;
    if (resource !== undefined && !resourcesOf(event).includes(resource)) return false;
    if (name !== undefined && event.objectRef?.name !== name) return false;
    return from === undefined || Date.parse(event.stageTimestamp ?? "") >= from;
  };
}

/** `csr` and `csr/approval` for a subresource, so that either finds it. */
export function resourcesOf({ objectRef = {} }: AuditEvent): readonly string[] {
  const { resource = "", subresource } = objectRef;
  return subresource === undefined ? [resource] : [resource, `${resource}/${subresource}`];
}
