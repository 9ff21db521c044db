import { createHash } from "node:crypto";

/** A log as firmware writes it; every part can be wrong. */
export interface WrittenEvent {
  readonly pcr: number;
  /** EV_NO_ACTION is 3, EV_SEPARATOR 4, EV_IPL 13. */
  readonly type?: number;
  readonly event?: Buffer;
  /** By algorithm; those of the event in SHA-1 and SHA-256 when absent. */
  readonly digests?: readonly (readonly [number, Buffer])[];
}

const SHA1 = 0x0004;
const SHA256 = 0x000b;

export const sha256 = (octets: Uint8Array): Buffer => createHash("sha256").update(octets).digest();

function uint32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32LE(value);
  return octets;
}

function uint16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16LE(value);
  return octets;
}

const withSize = (octets: Buffer): Buffer => Buffer.concat([uint32(octets.length), octets]);

/** TCG_EfiSpecIdEvent: what digests the others have, algorithm and octets. */
export function specificationEvent(
  algorithms: readonly (readonly [number, number])[] = [
    [SHA1, 20],
    [SHA256, 32],
  ],
  signature = "Spec ID Event03\0",
): Buffer {
  const inner = Buffer.concat([
    Buffer.from(signature),
    uint32(0),
    Buffer.of(0, 2, 0, 2),
    withCount(algorithms.map((sizes) => Buffer.concat(sizes.map(uint16)))),
    Buffer.of(0),
  ]);
  return Buffer.concat([uint32(0), uint32(3), Buffer.alloc(20), withSize(inner)]);
}

const withCount = (parts: readonly Buffer[]): Buffer => Buffer.concat([uint32(parts.length), ...parts]);

export function loggedEvent({ pcr, type = 13, event = Buffer.alloc(0), digests }: WrittenEvent): Buffer {
  const usual = [
    [SHA1, createHash("sha1").update(event).digest()],
    [SHA256, sha256(event)],
  ] as const;
  const encoded = (digests ?? usual).map(([algorithm, digest]) => Buffer.concat([uint16(algorithm), digest]));
  return Buffer.concat([uint32(pcr), uint32(type), withCount(encoded), withSize(event)]);
}

/** What says in which locality the TPM was started. */
export function startupLocality(locality: number): WrittenEvent {
  return {
    pcr: 0,
    type: 3,
    event: Buffer.concat([Buffer.from("StartupLocality\0"), Buffer.of(locality)]),
    digests: [
      [SHA1, Buffer.alloc(20)],
      [SHA256, Buffer.alloc(32)],
    ],
  };
}

export function eventLog(events: readonly WrittenEvent[]): Buffer {
  return Buffer.concat([specificationEvent(), ...events.map(loggedEvent)]);
}
