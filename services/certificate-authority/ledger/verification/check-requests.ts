import type { CertificateSigningRequest } from "../../domain/certificate-signing-request.ts";
import { sha256Hex } from "../audit-chain.ts";
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
  readonly object: string;
}

interface LoggedChange extends Omit<ChangeHead, "object"> {
  readonly previousRevision: number | null;
  readonly hasPrevious: 0 | 1;
}

export const requestChecksSql = {
  requests: "SELECT name, uid, state, revision FROM requests WHERE name > ? ORDER BY name",
  changes:
    "SELECT c.revision AS revision, c.type AS type, c.name AS name, c.previous_revision AS previousRevision, " +
    "replaced.revision IS NOT NULL AS hasPrevious FROM changes AS c " +
    "LEFT JOIN changes AS replaced ON replaced.revision = c.previous_revision " +
    "WHERE c.revision > ? ORDER BY c.revision",
  lastOfName:
    "SELECT revision, type, name, object FROM changes INDEXED BY changes_by_name " +
    "WHERE name = ? ORDER BY revision DESC LIMIT 1",
  certificateOf:
    "SELECT lower(hex(fingerprint)) FROM certificates INDEXED BY certificates_by_request " +
    "WHERE request_name = ? AND request_uid = ? ORDER BY id DESC LIMIT 1",
  hasRequest: "SELECT 1 FROM requests WHERE name = ?",
  hasObject: "SELECT 1 FROM objects WHERE key = ?",
} as const;

/** The objects against the change log that holds them, and the log against its own numbering. */
export function checkRequests(connection: Connection, problems: Problems): undefined {
  const compactedRevision = createChangeLog(connection).compactedRevision();
  checkLog(connection, compactedRevision, problems);
  checkObjects(connection, problems);
}

function checkLog(connection: Connection, compactedRevision: number, problems: Problems): void {
  const lastOfName = connection.prepare<[string], ChangeHead>(requestChecksSql.lastOfName);
  const hasRequest = connection.prepare<[string]>(requestChecksSql.hasRequest);
  const hasObject = connection.prepare<[string]>(requestChecksSql.hasObject);
  let expected = compactedRevision + 1;
  for (const change of connection.prepare<[number], LoggedChange>(requestChecksSql.changes).iterate(0)) {
    const { revision, type, name, previousRevision, hasPrevious } = change;
    if (revision > compactedRevision) {
      if (revision !== expected) problems.add(`changes: revision ${revision} stands where ${expected} belongs`);
      expected = revision + 1;
      if (previousRevision !== null && hasPrevious === 0) {
        problems.add(`changes: revision ${revision} replaced revision ${previousRevision}, which is not there`);
      }
    }
    const isLast = lastOfName.get(name)?.revision === revision;
    const isPlainObject = name.includes("/");
    const stored = (isPlainObject ? hasObject : hasRequest).get(name);
    if (isLast && type !== "DELETED" && stored === undefined) {
      problems.add(
        `${isPlainObject ? "object" : "request"} ${name}: revision ${revision} stored it, and it is not there`,
      );
    }
  }
}

function checkObjects(connection: Connection, problems: Problems): void {
  const lastOfName = connection.prepare<[string], ChangeHead>(requestChecksSql.lastOfName);
  const certificateOf = connection.prepare<[string, string], string>(requestChecksSql.certificateOf).pluck();
  for (const row of connection.prepare<[string], WholeRequestRow>(requestChecksSql.requests).iterate("")) {
    const last = lastOfName.get(row.name);
    if (last === undefined || last.type === "DELETED" || last.revision !== row.revision) {
      problems.add(`request ${row.name}: it is not what the change log says it became`);
    } else if (!isConsistent(row, last.object)) {
      problems.add(`request ${row.name}: its columns and its object disagree`);
    } else {
      // The object is vouched for by no audit entry, but its certificate is.
      const issued = certificateOf.get(row.name, row.uid);
      if (issued === undefined || fingerprintIn(last.object) === issued) continue;
      problems.add(`request ${row.name}: its certificate is not the one on record, ${issued}`);
    }
  }
}

function isConsistent({ name, uid, state }: WholeRequestRow, object: string): boolean {
  try {
    const csr = JSON.parse(object) as CertificateSigningRequest;
    return csr.metadata.name === name && csr.metadata.uid === uid && stateOf(csr) === state;
  } catch {
    return false;
  }
}

/** Lower-case hex SHA-256 of the first certificate of an object's status, as its record has it; "" when there is none. */
function fingerprintIn(object: string): string {
  const { status } = JSON.parse(object) as CertificateSigningRequest;
  const pem = Buffer.from(status.certificate ?? "", "base64").toString("latin1");
  const [, base64] = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(pem) ?? [];
  return base64 === undefined ? "" : sha256Hex(Buffer.from(base64, "base64"));
}
