import { StatusError } from "../../shared/status-error.ts";
import { issuerPayload } from "./administrative-writes.ts";
import type { AuditWrites } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import type { ReportTrust, RotateIssuer } from "./operations.ts";
import { issuerCertificatesSql } from "./tables/issuer-certificates-table.ts";
import { issuersReader, issuersWriter, type StoredIssuerRow } from "./tables/issuers-table.ts";
import { trustReportsWriter } from "./tables/trust-reports-table.ts";

/** Steps of an issuer's rotation, each with its audit entries, inside the caller's transaction. Nothing is written before all of it was judged. */
export function rotationWrites(connection: Connection, audit: AuditWrites) {
  const issuers = issuersWriter(connection);
  const stored = issuersReader(connection);
  const trust = trustReportsWriter(connection);
  const anyLive = connection.prepare<[string, number]>(issuerCertificatesSql.anyLive);

  function find(id: string): StoredIssuerRow {
    const row = stored.byId(id);
    if (row !== undefined) return row;
    throw new StatusError("NotFound", `no issuer ${id} is on record`);
  }

  function move(kind: string, row: StoredIssuerRow, { actor, atMilliseconds, details }: RotateIssuer): void {
    const at = new Date(atMilliseconds);
    issuers.move(row, audit.append(issuerPayload(kind, row, { at, actor, details })));
    if (row.endedMilliseconds !== null) audit.endedIssuers.add(row.id);
  }

  function prepare({ issuer, actor, atMilliseconds, details }: RotateIssuer): void {
    if (issuer === undefined || stored.byId(issuer.id) !== undefined) return;
    const other = stored.all().find((row) => row.name === issuer.name && stateOf(row) === "prepared");
    if (other !== undefined)
      throw conflict(`${issuer.name} has ${other.id} prepared already; activate or abandon it first`);
    const entry = { at: new Date(atMilliseconds), actor, details };
    issuers.insert(issuer, audit.append(issuerPayload("issuer.prepared", issuer, entry)));
  }

  function activate(operation: RotateIssuer): void {
    const rows = operation.ids.map(find).filter(({ slot }) => slot !== "active");
    for (const row of rows) requireState(row, "prepared", "be activated");
    for (const row of rows) {
      const former = stored.activeOf(row.name);
      if (former !== undefined) move("issuer.replaced", { ...former, slot: "old" }, operation);
      move("issuer.activated", { ...row, slot: "active" }, operation);
    }
  }

  function abandon(operation: RotateIssuer): void {
    const rows = operation.ids.map(find).filter((row) => stateOf(row) !== "abandoned");
    for (const row of rows) requireState(row, "prepared", "be abandoned");
    for (const row of rows)
      move("issuer.abandoned", { ...row, endedMilliseconds: operation.atMilliseconds }, operation);
  }

  function retire(operation: RotateIssuer): void {
    const rows = operation.ids.map(find).filter((row) => stateOf(row) !== "retired");
    for (const row of rows) {
      requireState(row, "old", "be retired");
      if (!operation.despite) requireUnused(row, operation.atMilliseconds);
    }
    for (const row of rows) move("issuer.retired", { ...row, endedMilliseconds: operation.atMilliseconds }, operation);
  }

  /** Asked once more where nothing can come in between. */
  function requireUnused({ id, certificatePem }: StoredIssuerRow, now: number): void {
    if (anyLive.get(id, now) !== undefined) throw conflict(`the issuer ${id} has live certificates`);
    const isBelow = (row: StoredIssuerRow): boolean =>
      row.endedMilliseconds === null &&
      row.notAfterMilliseconds >= now &&
      row.ancestorsPem.includes(certificatePem.trim());
    const below = stored.all().find(isBelow);
    if (below !== undefined) throw conflict(`the issuer ${below.name} (${below.id}) is below ${id} and in use`);
  }

  function rotate(operation: RotateIssuer): undefined {
    const steps = { prepare, activate, retire, abandon };
    steps[operation.step](operation);
  }

  return {
    rotate,
    reportTrust(operation: ReportTrust): undefined {
      trust.report(operation);
    },
  };
}

function stateOf({ slot, endedMilliseconds }: StoredIssuerRow): string {
  if (endedMilliseconds === null) return slot;
  return slot === "prepared" ? "abandoned" : "retired";
}

function requireState(row: StoredIssuerRow, wanted: string, what: string): void {
  const state = stateOf(row);
  if (state !== wanted) throw conflict(`the issuer ${row.id} is ${state}; only one that is ${wanted} can ${what}`);
}

function conflict(message: string): StatusError {
  return new StatusError("Conflict", message);
}
