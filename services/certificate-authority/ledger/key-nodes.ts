import { LRUCache } from "lru-cache";
import type { Connection } from "./connection.ts";
import { certificatesReader } from "./tables/certificates-table.ts";

/** Some 200 octets each. */
const MAX_REMEMBERED = 10_000;

/** Which nodes a key was certified for. Asked twice for each certificate, so that the first answer is remembered. */
export interface KeyNodes {
  /** As `Certificates.otherNodeOfKey`. */
  otherNodeOf(spkiSha256: string, nodeName: string | undefined): string | undefined;
  /** To be called when a certificate for the key has been committed, before anybody is told. */
  recorded(spkiSha256: string): void;
}

/** Remembers for which node nobody else was found: an answer that only a new certificate for the key makes wrong. */
export function createKeyNodes(reader: Connection): KeyNodes {
  const table = certificatesReader(reader);
  const unshared = new LRUCache<string, string>({ max: MAX_REMEMBERED });
  return {
    otherNodeOf(spkiSha256, nodeName = "") {
      if (unshared.get(spkiSha256) === nodeName) return undefined;
      const other = table.otherNodeOfKey(spkiSha256, nodeName);
      if (other === undefined) unshared.set(spkiSha256, nodeName);
      return other;
    },
    recorded: (spkiSha256) => void unshared.delete(spkiSha256),
  };
}
