import type { ApiObject, ResourceName } from "../../domain/api-object.ts";
import type { IssuerRecord } from "../../domain/issuer.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  type ClusterRole,
  type ClusterRoleBinding,
} from "../../domain/rbac/objects.ts";
import { type Connection, openForReading } from "../connection.ts";
import { LedgerOpenError } from "../ledger-open-error.ts";
import { MIGRATIONS } from "../migrations/all.ts";
import { requireKnownHistory } from "../migrations/migrate.ts";
import { fromStoredJson } from "../stored-object.ts";
import { type AuditRow, auditSql } from "../tables/audit-table.ts";
import { issuersReader, toIssuerRecord } from "../tables/issuers-table.ts";
import { objectsReader } from "../tables/objects-table.ts";
import { requestsSql } from "../tables/requests-table.ts";

/** What a look at a ledger shows at once, without reading all of it. */
export interface LedgerSnapshot {
  /** Migrations applied, and those that this version knows. */
  readonly schema: { readonly applied: number; readonly known: number };
  /** Of the main file. */
  readonly bytes: number;
  readonly auditEntries: number;
  /** Of the newest audit entry; undefined in an empty ledger. */
  readonly newestEntryAt: Date | undefined;
  readonly storedRequests: number;
  readonly issuers: readonly IssuerRecord[];
  readonly clusterRoles: readonly ClusterRole[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
}

/**
 * Reads a few facts of a ledger through a connection that cannot write.
 *
 * @throws {LedgerOpenError} when the file is no ledger, cannot be read, or its migrations are not ours.
 */
export function takeSnapshot(file: string): LedgerSnapshot {
  const connection = openForReading(file);
  try {
    connection.exec("BEGIN");
    const applied = requireKnownHistory(connection, MIGRATIONS, file);
    if (applied !== MIGRATIONS.length) {
      throw new LedgerOpenError(
        "migrationMissing",
        `${file} has ${applied} migrations of ${MIGRATIONS.length}: it was written by an older version; start this version on it once`,
      );
    }
    return factsOf(connection, applied);
  } finally {
    connection.close();
  }
}

function factsOf(connection: Connection, applied: number): LedgerSnapshot {
  const head = connection.prepare<[], AuditRow>(auditSql.head).get();
  return {
    schema: { applied, known: MIGRATIONS.length },
    bytes: pragma(connection, "page_count") * pragma(connection, "page_size"),
    auditEntries: head?.sequence ?? 0,
    newestEntryAt: head && instantOf(head.payload),
    storedRequests: connection.prepare<[], number>(requestsSql.count).pluck().get() ?? 0,
    issuers: issuersReader(connection).all().map(toIssuerRecord),
    clusterRoles: objectsOf<ClusterRole>(connection, CLUSTER_ROLES),
    clusterRoleBindings: objectsOf<ClusterRoleBinding>(connection, CLUSTER_ROLE_BINDINGS),
  };
}

function objectsOf<T extends ApiObject>(connection: Connection, { resource, group }: ResourceName): readonly T[] {
  const rows = objectsReader(connection).withPrefix(`${resource}.${group}/`);
  return rows.map(({ object, revision }) => fromStoredJson<T>(object, revision));
}

function pragma(connection: Connection, name: string): number {
  return Number(connection.pragma(name, { simple: true }));
}

function instantOf(payload: string): Date | undefined {
  const { at } = JSON.parse(payload) as { at?: unknown };
  const instant = new Date(typeof at === "string" ? at : Number.NaN);
  return Number.isNaN(instant.getTime()) ? undefined : instant;
}
