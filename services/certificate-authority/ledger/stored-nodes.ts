import type { NodeInventory } from "../domain/inventory.ts";
import type { Connection } from "./connection.ts";
import { toCertificateSummary } from "./tables/certificate-row.ts";
import { certificatesReader } from "./tables/certificates-table.ts";
import { nodeNamesReader } from "./tables/node-names-table.ts";

/** The nodes of the ledger. */
export function storedNodes(reader: Connection): NodeInventory {
  const names = nodeNamesReader(reader);
  const certificates = certificatesReader(reader);
  return {
    namesAfter: (nodeName, limit) => names.namesAfter(nodeName, limit),
    newestOf: (nodeName) =>
      names.signersOf(nodeName).flatMap((signerName) => {
        const row = certificates.latestListed(nodeName, signerName);
        return row === undefined ? [] : [toCertificateSummary(row)];
      }),
  };
}
