import type { RequestAsCreated } from "../domain/recorded-request.ts";
import type { Connection } from "./connection.ts";
import {
  archivedRequestsSql,
  fromArchivedRequestRow,
  type StoredArchivedRequestRow,
} from "./tables/archived-requests-table.ts";
import { requestsReader } from "./tables/requests-table.ts";

/**
 * Finds a request as it was created, in the archive once it was deleted; undefined when it is kept no longer.
 * A name belongs to one request after the other, a uid to one alone.
 */
export function keptRequests(connection: Connection): (name: string, uid: string) => RequestAsCreated | undefined {
  const stored = requestsReader(connection);
  const archivedByUid = connection.prepare<[string], StoredArchivedRequestRow>(archivedRequestsSql.byUid);
  return (name, uid) => {
    const row = stored.byName(name);
    if (row?.uid === uid) {
      const { metadata, spec } = JSON.parse(row.object) as RequestAsCreated;
      return { metadata, spec };
    }
    const archived = archivedByUid.get(uid);
    return archived && fromArchivedRequestRow(archived);
  };
}
