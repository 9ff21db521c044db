import type { SubjectAltNames } from "../../domain/csr-facts.ts";
import type { Connection } from "../connection.ts";

/** Longer ones are no DNS names, and are left out, as empty ones are. */
const MAXIMUM_NAME = 253;

/** Who holds a name now, other than a node. */
export interface NameHolderRow {
  readonly serial: string;
  readonly signerName: string;
  readonly nodeName: string | null;
  readonly commonName: string;
  readonly notAfterMilliseconds: number;
}

export const certificateNamesSql = {
  insert: "INSERT OR IGNORE INTO certificate_names (name, not_after_ms, certificate_id) VALUES (?, ?, ?)",
  has: "SELECT 1 FROM certificate_names WHERE name = ? AND not_after_ms = ? AND certificate_id = ?",
  count: "SELECT count(*) FROM certificate_names WHERE name > ''",
  otherHolders:
    "SELECT lower(hex(serial)) AS serial, signer_name AS signerName, node_name AS nodeName, common_name AS commonName, " +
    "certificates.not_after_ms AS notAfterMilliseconds " +
    "FROM certificate_names CROSS JOIN certificates ON certificates.id = certificate_id " +
    "WHERE name = CAST(? AS TEXT) AND certificate_names.not_after_ms >= CAST(? AS INTEGER) " +
    "AND state = 'issued' AND node_name IS NOT CAST(? AS TEXT) LIMIT 100",
} as const;

/** The names of a certificate as they are looked up: each once, DNS names in lower case. */
export function heldNames({ dnsNames, ipAddresses }: Pick<SubjectAltNames, "dnsNames" | "ipAddresses">) {
  const names = new Set(ipAddresses);
  for (const name of dnsNames) if (name !== "" && name.length <= MAXIMUM_NAME) names.add(name.toLowerCase());
  return names;
}

export function certificateNamesReader(connection: Connection) {
  const otherHolders = connection.prepare<[string, number, string], NameHolderRow>(certificateNamesSql.otherHolders);
  return {
    /** Certificates of that name that are valid at the time and not of that node. */
    otherHolders: (name: string, nodeName: string, nowMilliseconds: number): readonly NameHolderRow[] =>
      otherHolders.all(name, nowMilliseconds, nodeName),
  };
}

export function certificateNamesWriter(connection: Connection) {
  const insert = connection.prepare<[string, number, number | bigint]>(certificateNamesSql.insert);
  return {
    record(sans: string, notAfterMilliseconds: number, certificateId: number | bigint): void {
      // Certificates of clients have none, and joins are many.
      if (sans === NO_NAMES) return;
      for (const name of heldNames(JSON.parse(sans) as SubjectAltNames)) {
        insert.run(name, notAfterMilliseconds, certificateId);
      }
    },
  };
}

const NO_NAMES = JSON.stringify({ dnsNames: [], emailAddresses: [], ipAddresses: [], uris: [] });
