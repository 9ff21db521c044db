import { type ExpiryState, expiryStateAt } from "./expiry.ts";

/**
 * The newest certificate of each holder, in columns, the first to end first: what crosses from a thread without being
 * copied, and takes a hundred octets a holder. A holder is a node and a signer; of certificates of no node, a signer and the
 * names in it.
 */
export interface FleetColumns {
  readonly signerNames: readonly string[];
  /** Places in `signerNames`. */
  readonly signers: Uint16Array;
  /** Milliseconds since 1970. */
  readonly notBefore: Float64Array;
  readonly notAfter: Float64Array;
  /** Row identifiers: a later certificate has a greater one. */
  readonly ids: Float64Array;
  /** 32 octets each: SHA-256 of the DER. */
  readonly fingerprints: Uint8Array;
  /** UTF-8, one after the other, and where each ends. */
  readonly names: Uint8Array;
  readonly nameEnds: Uint32Array;
  /** Tells apart holders of one name that are no nodes; 0 for nodes. */
  readonly namesHashes: Uint32Array;
  /** 1 for a node, 0 for anybody else. */
  readonly isNode: Uint8Array;
  /** There were more holders than are kept. */
  readonly isCut: boolean;
  /** When it was read. */
  readonly observedAt: Date;
}

/** One holder and its newest certificate. */
export interface Holder {
  readonly index: number;
  readonly signerName: string;
  /** The node's name; for others the common name, or the first of the other names. */
  readonly name: string;
  readonly namesHash: number;
  readonly isNode: boolean;
  readonly certificateId: number;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const FINGERPRINT_BYTES = 32;
const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));
const utf8 = new TextDecoder();

export function holderAt(fleet: FleetColumns, index: number): Holder {
  const from = index === 0 ? 0 : (fleet.nameEnds[index - 1] ?? 0);
  return {
    index,
    signerName: signerAt(fleet, index),
    name: utf8.decode(fleet.names.subarray(from, fleet.nameEnds[index])),
    namesHash: fleet.namesHashes[index] ?? 0,
    isNode: fleet.isNode[index] === 1,
    certificateId: fleet.ids[index] ?? 0,
    notBefore: new Date(fleet.notBefore[index] ?? 0),
    notAfter: new Date(fleet.notAfter[index] ?? 0),
  };
}

/** The SHA-256 of a holder's newest certificate in lower-case hex; by itself, since most answers need none. */
export function fingerprintAt(fleet: FleetColumns, index: number): string {
  const octets = fleet.fingerprints.subarray(index * FINGERPRINT_BYTES, (index + 1) * FINGERPRINT_BYTES);
  let text = "";
  for (const octet of octets) text += HEX[octet] ?? "";
  return text;
}

export function signerAt(fleet: FleetColumns, index: number): string {
  return fleet.signerNames[fleet.signers[index] ?? 0] ?? "";
}

export function stateAt(fleet: FleetColumns, index: number, now: Date): ExpiryState {
  return expiryStateAt(fleet.notBefore[index] ?? 0, fleet.notAfter[index] ?? 0, now.getTime());
}

/** The place of the first holder whose certificate ends after (instant, id); the fleet stands in that order. */
export function firstAfter(fleet: FleetColumns, notAfter: number, id: number): number {
  let [low, high] = [0, fleet.ids.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const end = fleet.notAfter[middle] ?? 0;
    const isAfter = end > notAfter || (end === notAfter && (fleet.ids[middle] ?? 0) > id);
    if (isAfter) high = middle;
    else low = middle + 1;
  }
  return low;
}
