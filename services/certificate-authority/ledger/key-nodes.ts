import { LRUCache } from "lru-cache";
import type { Connection } from "./connection.ts";
import { createKeyFilter } from "./key-filter.ts";
import { certificatesReader } from "./tables/certificates-table.ts";

/** Some 200 octets each. */
const MAX_REMEMBERED = 10_000;
/** Keys that are read at a time while the filter is filled: a millisecond's worth. */
const FILL_STEP = 1_000;

/** Which nodes a key was certified for. Asked twice for each certificate, so that the first answer is remembered. */
export interface KeyNodes {
  /** As `Certificates.otherNodeOfKey`. */
  otherNodeOf(spkiSha256: string, nodeName: string | undefined): string | undefined;
  /** To be called when a certificate for the key has been committed, before anybody is told. */
  recorded(spkiSha256: string): void;
}

/**
 * Remembers for which node nobody else was found, an answer that only a new certificate for the key makes wrong, and
 * which keys are new: most are, and the index, whose pages every commit makes stale, is not asked about them. Until all
 * keys on record were read, a few at a time, every key is looked up.
 */
export function createKeyNodes(reader: Connection): KeyNodes {
  const table = certificatesReader(reader);
  const unshared = new LRUCache<string, string>({ max: MAX_REMEMBERED });
  const known = createKeyFilter();
  let isFilled = false;

  function fill(after: string): void {
    if (!reader.open) return;
    const keys = table.keysAfter(after, FILL_STEP);
    for (const key of keys) known.add(key);
    const last = keys.at(-1);
    if (last === undefined) isFilled = true;
    else setImmediate(fill, last);
  }

  fill("");
  return {
    otherNodeOf(spkiSha256, nodeName = "") {
      if (isFilled && !known.mayHold(spkiSha256)) return undefined;
      if (unshared.get(spkiSha256) === nodeName) return undefined;
      const other = table.otherNodeOfKey(spkiSha256, nodeName);
      if (other === undefined) unshared.set(spkiSha256, nodeName);
      return other;
    },
    recorded(spkiSha256) {
      known.add(spkiSha256);
      unshared.delete(spkiSha256);
    },
  };
}
