import type { Connection } from "../connection.ts";

export interface NodeCertificateRow {
  readonly serial: string;
  readonly spkiSha256: string;
  readonly requester: string | null;
  readonly notAfterMilliseconds: number;
  readonly issuedMilliseconds: number;
  readonly state: "issued" | "revoked";
}

export const nodeCertificatesSql = {
  newest:
    "SELECT lower(hex(serial)) AS serial, lower(hex(spki_sha256)) AS spkiSha256, requester, " +
    "not_after_ms AS notAfterMilliseconds, issued_ms AS issuedMilliseconds, state " +
    "FROM certificates INDEXED BY certificates_by_node " +
    "WHERE node_name = CAST(? AS TEXT) AND signer_name = CAST(? AS TEXT) ORDER BY not_before_ms DESC LIMIT ?",
  namesAfter:
    "SELECT DISTINCT node_name FROM certificates INDEXED BY certificates_by_node " +
    "WHERE node_name > ? ORDER BY node_name LIMIT ?",
} as const;

/** The certificates of nodes, by name. */
export function nodeCertificatesReader(connection: Connection) {
  const newest = connection.prepare<[string, string, number], NodeCertificateRow>(nodeCertificatesSql.newest);
  const namesAfter = connection.prepare<[string, number], string>(nodeCertificatesSql.namesAfter).pluck();
  return {
    newest: (nodeName: string, signerName: string, limit: number): readonly NodeCertificateRow[] =>
      newest.all(nodeName, signerName, limit),
    /** Names of nodes that have certificates, in their order. */
    namesAfter: (nodeName: string, limit: number): readonly string[] => namesAfter.all(nodeName, limit),
  };
}
