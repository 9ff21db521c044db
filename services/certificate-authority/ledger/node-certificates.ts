import { hash } from "node:crypto";
import type { NodeCertificate } from "../domain/ports.ts";
import type { Connection } from "./connection.ts";
import { createKeyFilter } from "./key-filter.ts";
import { type NodeCertificateRow, nodeCertificatesReader } from "./tables/node-certificates-table.ts";

/** As many as a guard counts in an hour, at most. */
const MAXIMUM_FOUND = 1000;
/** Names that are read at a time while the filter is filled. */
const FILL_STEP = 1000;

/** The certificates of nodes. Most joins are a node's first, and cost no look into the index. */
export interface NodeCertificates {
  /** As `Certificates.ofNode`. */
  of(nodeName: string, signerName: string): readonly NodeCertificate[];
  /** To be called when a certificate for the node has been committed, before anybody is told. */
  recorded(nodeName: string): void;
}

/** Until all names on record were read, a few at a time, every name is looked up. */
export function createNodeCertificates(reader: Connection): NodeCertificates {
  const table = nodeCertificatesReader(reader);
  const known = createKeyFilter();
  let isFilled = false;
  /** Several guards ask about one name, one after the other. */
  let last = { nodeName: "", digest: digestOf("") };

  function mayBeKnown(nodeName: string): boolean {
    if (last.nodeName !== nodeName) last = { nodeName, digest: digestOf(nodeName) };
    return known.mayHold(last.digest);
  }

  function fill(after: string): void {
    if (!reader.open) return;
    const names = table.namesAfter(after, FILL_STEP);
    for (const name of names) known.add(digestOf(name));
    const lastName = names.at(-1);
    if (lastName === undefined) isFilled = true;
    else setImmediate(fill, lastName);
  }

  fill("");
  return {
    of(nodeName, signerName) {
      if (isFilled && !mayBeKnown(nodeName)) return [];
      return table.newest(nodeName, signerName, MAXIMUM_FOUND).map(toNodeCertificate);
    },
    recorded: (nodeName) => known.add(digestOf(nodeName)),
  };
}

function digestOf(nodeName: string): string {
  return hash("sha256", nodeName, "hex");
}

function toNodeCertificate(row: NodeCertificateRow): NodeCertificate {
  const { serial, spkiSha256, requester, notAfterMilliseconds, issuedMilliseconds, state } = row;
  return {
    ...{ serial, spkiSha256, state },
    requester: requester ?? undefined,
    notAfter: new Date(notAfterMilliseconds),
    issuedAt: new Date(issuedMilliseconds),
  };
}
