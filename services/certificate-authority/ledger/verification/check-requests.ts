import type { CertificateSigningRequest } from "../../domain/certificate-signing-request.ts";
import { createChangeLog } from "../change-log.ts";
import type { Connection } from "../connection.ts";
import { stateOf } from "../stored-object.ts";
import type { ChangeType } from "../tables/changes-table.ts";
import type { RequestRow, RequestState } from "../tables/requests-table.ts";
import type { Problems } from "./problems.ts";

type WholeRequestRow = RequestRow & { readonly state: RequestState };

interface ChangeHead {
  readonly revision: number;
  readonly type: ChangeType;
  readonly name: string;
}

export const requestChecksSql = {
  requests: "SELECT name, uid, state, revision, object FROM requests WHERE name > ? ORDER BY name",
  changes: "SELECT revision, type, name FROM changes WHERE revision > ? ORDER BY revision",
  lastOfName:
    "SELECT revision, type, name, object FROM changes INDEXED BY changes_by_name " +
    "WHERE name = ? ORDER BY revision DESC LIMIT 1",
  hasRequest: "SELECT 1 FROM requests WHERE name = ?",
} as const;

/** The objects against their change log, and the log against its own numbering. */
export function checkRequests(connection: Connection, problems: Problems): undefined {
  const compactedRevision = createChangeLog(connection).compactedRevision();
  checkLog(connection, compactedRevision, problems);
  checkObjects(connection, compactedRevision, problems);
}

function checkLog(connection: Connection, compactedRevision: number, problems: Problems): void {
  const lastOfName = connection.prepare<[string], ChangeHead>(requestChecksSql.lastOfName);
  const hasRequest = connection.prepare<[string]>(requestChecksSql.hasRequest);
  let expected = compactedRevision + 1;
  for (const { revision, type, name } of connection
    .prepare<[number], ChangeHead>(requestChecksSql.changes)
    .iterate(0)) {
    if (revision !== expected) problems.add(`changes: revision ${revision} stands where ${expected} belongs`);
    expected = revision + 1;
    const isLast = lastOfName.get(name)?.revision === revision;
    if (isLast && type !== "DELETED" && hasRequest.get(name) === undefined) {
      problems.add(`request ${name}: revision ${revision} stored it, and it is not there`);
    }
  }
}

function checkObjects(connection: Connection, compactedRevision: number, problems: Problems): void {
  const lastOfName = connection.prepare<[string], ChangeHead & { object: string }>(requestChecksSql.lastOfName);
  for (const row of connection.prepare<[string], WholeRequestRow>(requestChecksSql.requests).iterate("")) {
    const last = lastOfName.get(row.name);
    const isAsLogged = last
      ? last.type !== "DELETED" && last.revision === row.revision && last.object === row.object
      : row.revision <= compactedRevision;
    if (!isAsLogged) problems.add(`request ${row.name}: it is not what the change log says it became`);
    if (!isConsistent(row)) problems.add(`request ${row.name}: its columns and its object disagree`);
  }
}

function isConsistent({ name, uid, state, object }: WholeRequestRow): boolean {
  try {
    const csr = JSON.parse(object) as CertificateSigningRequest;
    return csr.metadata.name === name && csr.metadata.uid === uid && stateOf(csr) === state;
  } catch {
    return false;
  }
}
