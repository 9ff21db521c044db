import type { Connection } from "../connection.ts";

export const nodeNamesSql = {
  next:
    "SELECT node_name FROM certificates INDEXED BY certificates_by_node " +
    "WHERE node_name > CAST(? AS TEXT) ORDER BY node_name LIMIT 1",
  nextSigner:
    "SELECT signer_name FROM certificates INDEXED BY certificates_by_node " +
    "WHERE node_name = CAST(? AS TEXT) AND signer_name > CAST(? AS TEXT) ORDER BY signer_name LIMIT 1",
} as const;

/** The names of nodes, and of a node's signers: one look into the index each, however many certificates a node has. */
export function nodeNamesReader(connection: Connection) {
  const next = connection.prepare<[string], string>(nodeNamesSql.next).pluck();
  const nextSigner = connection.prepare<[string, string], string>(nodeNamesSql.nextSigner).pluck();
  return {
    namesAfter(nodeName: string, limit: number): readonly string[] {
      return chain(nodeName, limit, (last) => next.get(last));
    },
    signersOf(nodeName: string): readonly string[] {
      return chain("", Number.POSITIVE_INFINITY, (last) => nextSigner.get(nodeName, last));
    },
  };
}

function chain(start: string, limit: number, nextAfter: (last: string) => string | undefined): readonly string[] {
  const found: string[] = [];
  for (let last = nextAfter(start); last !== undefined && found.length < limit; last = nextAfter(last))
    found.push(last);
  return found;
}
