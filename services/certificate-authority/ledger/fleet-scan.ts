import type { SubjectAltNames } from "../domain/csr-facts.ts";
import type { FleetColumns } from "../domain/fleet.ts";
import { openForReading } from "./connection.ts";
import { type HolderRow, holdersReader, type OtherHolderRow } from "./tables/holders-table.ts";

export interface FleetScanTask {
  readonly file: string;
  /** Whose newest certificate ended before this is left out: a machine that is gone. */
  readonly endedBeforeMilliseconds: number;
  readonly nowMilliseconds: number;
}

/** Rows read at once. */
const PAGE = 2_000;
/** Holders beyond this are left out, nodes last; a hundred octets each. */
const MAXIMUM_HOLDERS = 4_000_000;

interface Found extends HolderRow {
  readonly name: string;
  readonly namesHash: number;
  readonly isNode: boolean;
}

/** Reads the newest certificate of each holder. Takes seconds for a million certificates: for a thread of its own. */
export function scanFleet({ file, endedBeforeMilliseconds, nowMilliseconds }: FleetScanTask): FleetColumns {
  const connection = openForReading(file);
  try {
    const table = holdersReader(connection);
    const isKept = (row: HolderRow): boolean => row.notAfterMilliseconds >= endedBeforeMilliseconds;
    const nodes = nodeHolders(table, isKept);
    const all = [...nodes, ...otherHolders(table, endedBeforeMilliseconds, MAXIMUM_HOLDERS - nodes.length)];
    all.sort((a, b) => a.notAfterMilliseconds - b.notAfterMilliseconds || a.id - b.id);
    return toColumns(all, all.length >= MAXIMUM_HOLDERS, new Date(nowMilliseconds));
  } finally {
    connection.close();
  }
}

type Table = ReturnType<typeof holdersReader>;

function nodeHolders(table: Table, isKept: (row: HolderRow) => boolean): readonly Found[] {
  const found: Found[] = [];
  for (let [nodeName, signerName] = ["", ""]; found.length < MAXIMUM_HOLDERS; ) {
    const page = table.held(nodeName, signerName, PAGE);
    for (const held of page) {
      const row = table.newest(held);
      if (row !== undefined && isKept(row)) found.push({ ...row, name: held.nodeName, namesHash: 0, isNode: true });
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    ({ nodeName, signerName } = last);
  }
  return found;
}

function otherHolders(table: Table, endedBeforeMilliseconds: number, limit: number): Iterable<Found> {
  const newest = new Map<string, Found>();
  for (let [end, id] = [endedBeforeMilliseconds - 1, Number.MAX_SAFE_INTEGER]; newest.size < limit; ) {
    const rows = table.ofOthers(end, id, PAGE);
    for (const row of rows) {
      const key = JSON.stringify([row.signerName, row.commonName, row.sans]);
      const known = newest.get(key);
      if (known === undefined || isNewer(row, known)) newest.set(key, toFound(row));
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) break;
    [end, id] = [last.notAfterMilliseconds, last.id];
  }
  return newest.values();
}

function isNewer(row: HolderRow, known: HolderRow): boolean {
  return (row.notBeforeMilliseconds - known.notBeforeMilliseconds || row.id - known.id) > 0;
}

function toFound(row: OtherHolderRow): Found {
  const { dnsNames, uris, ipAddresses, emailAddresses } = JSON.parse(row.sans) as SubjectAltNames;
  const name = row.commonName || (uris[0] ?? dnsNames[0] ?? ipAddresses[0] ?? emailAddresses[0] ?? "");
  return { ...row, name, namesHash: hashOf(row.sans), isNode: false };
}

/** FNV-1a, never 0. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0 || 1;
}

function toColumns(found: readonly Found[], isCut: boolean, observedAt: Date): FleetColumns {
  const signerNames = [...new Set(found.map(({ signerName }) => signerName))];
  const places = new Map(signerNames.map((name, place) => [name, place]));
  const names = Buffer.from(found.map(({ name }) => name).join(""));
  const fingerprints = new Uint8Array(found.length * 32);
  const nameEnds = new Uint32Array(found.length);
  let end = 0;
  for (const [index, { name, fingerprint }] of found.entries()) {
    end += Buffer.byteLength(name);
    nameEnds[index] = end;
    fingerprints.set(fingerprint.subarray(0, 32), index * 32);
  }
  return {
    signerNames,
    signers: Uint16Array.from(found, ({ signerName }) => places.get(signerName) ?? 0),
    notBefore: Float64Array.from(found, (row) => row.notBeforeMilliseconds),
    notAfter: Float64Array.from(found, (row) => row.notAfterMilliseconds),
    ids: Float64Array.from(found, ({ id }) => id),
    ...{ fingerprints, nameEnds, isCut, observedAt },
    names: new Uint8Array(names),
    namesHashes: Uint32Array.from(found, ({ namesHash }) => namesHash),
    isNode: Uint8Array.from(found, ({ isNode }) => (isNode ? 1 : 0)),
  };
}
