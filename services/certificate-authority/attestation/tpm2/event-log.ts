import { createHash } from "node:crypto";
import { ALGORITHM } from "../../../shared/tpm/algorithms.ts";
import { PCR_BANKS, PCR_COUNT, type PcrBank, type PcrValues } from "../../../shared/tpm/pcr-selection.ts";
import { TpmError } from "../../../shared/tpm/tpm-reader.ts";

/** One thing that the firmware measured: which digests went into which PCR. What it says about them is not verified by anything. */
interface LoggedEvent {
  readonly pcr: number;
  readonly digests: ReadonlyMap<PcrBank, Buffer>;
}

export interface EventLog {
  readonly events: readonly LoggedEvent[];
  /** Locality that started the TPM: PCR 0 begins with it. */
  readonly startupLocality: number;
}

const EV_NO_ACTION = 3;
const SPEC_ID = "Spec ID Event03\0";
const STARTUP_LOCALITY = "StartupLocality\0";
const SHA1_OCTETS = 20;
const MAXIMUM_ALGORITHMS = 16;
const MAXIMUM_DIGEST_OCTETS = 64;
const MAXIMUM_LOCALITY = 4;
const BANK_BY_ALGORITHM = new Map<number, PcrBank>(PCR_BANKS.map((bank) => [ALGORITHM[bank], bank]));

/**
 * Reads a crypto-agile event log. Time and memory are bounded by its length.
 *
 * @throws {TpmError} when it is cut off, has anything behind it, or lacks a digest that it says it has.
 *
 * Source: TCG PC Client Platform Firmware Profile, section 10 ("Event Logging").
 */
export function parseEventLog(log: Buffer): EventLog {
  const reader = new LogReader(log);
  const sizes = readSpecification(reader);
  const events: LoggedEvent[] = [];
  let startupLocality = 0;
  while (!reader.isAtEnd()) {
    const pcr = reader.uint32("pcrIndex");
    const type = reader.uint32("eventType");
    const digests = readDigests(reader, sizes);
    const event = reader.octets(reader.uint32("eventSize"), "event");
    if (type === EV_NO_ACTION) startupLocality = localityOf(event) ?? startupLocality;
    else if (pcr < PCR_COUNT) events.push({ pcr, digests });
    else throw new TpmError(`event log: there is no PCR ${pcr}`);
  }
  return { events, startupLocality };
}

/** The values that PCRs 0 to 15 have when a machine has done what its log says. */
export function replay({ events, startupLocality }: EventLog): PcrValues {
  const values = new Map<PcrBank, Map<number, Buffer>>();
  for (const bank of PCR_BANKS) {
    const ofBank = new Map<number, Buffer>();
    for (const { pcr, digests } of events) {
      const digest = digests.get(bank);
      if (digest === undefined) continue;
      const before = ofBank.get(pcr) ?? initialValue(pcr, digest.length, startupLocality);
      ofBank.set(pcr, createHash(bank).update(before).update(digest).digest());
    }
    values.set(bank, ofBank);
  }
  return values;
}

/** What a PCR that firmware extends holds before it is. @param octets - of a digest of its bank. */
export function initialValue(pcr: number, octets: number, startupLocality: number): Buffer {
  const value = Buffer.alloc(octets);
  if (pcr === 0) value[octets - 1] = startupLocality;
  return value;
}

/** The first event, in the older format, says which digests the others have: algorithm to octets. */
function readSpecification(reader: LogReader): ReadonlyMap<number, number> {
  reader.uint32("pcrIndex");
  if (reader.uint32("eventType") !== EV_NO_ACTION) throw new TpmError("event log: it does not say what format it has");
  reader.octets(SHA1_OCTETS, "digest");
  const inner = new LogReader(reader.octets(reader.uint32("eventSize"), "event"));
  if (inner.octets(SPEC_ID.length, "signature").toString("latin1") !== SPEC_ID)
    throw new TpmError("event log: only the crypto-agile format is understood");
  inner.octets(8, "specification");
  const count = inner.uint32("numberOfAlgorithms");
  if (count === 0 || count > MAXIMUM_ALGORITHMS) throw new TpmError(`event log: ${count} kinds of digests`);
  const sizes = new Map<number, number>();
  for (let index = 0; index < count; index += 1) {
    const algorithm = inner.uint16("algorithmId");
    const octets = inner.uint16("digestSize");
    const bank = BANK_BY_ALGORITHM.get(algorithm);
    const isRight = bank === undefined || createHash(bank).digest().length === octets;
    if (sizes.has(algorithm) || octets > MAXIMUM_DIGEST_OCTETS || !isRight)
      throw new TpmError("event log: digests of impossible kinds");
    sizes.set(algorithm, octets);
  }
  inner.octets(inner.uint8("vendorInfoSize"), "vendorInfo");
  inner.expectEnd("specification");
  return sizes;
}

function readDigests(reader: LogReader, sizes: ReadonlyMap<number, number>): ReadonlyMap<PcrBank, Buffer> {
  const count = reader.uint32("digestCount");
  if (count !== sizes.size) throw new TpmError("event log: an event lacks digests, or has too many");
  const seen = new Set<number>();
  const digests = new Map<PcrBank, Buffer>();
  for (let index = 0; index < count; index += 1) {
    const algorithm = reader.uint16("algorithmId");
    const size = sizes.get(algorithm);
    if (size === undefined || seen.has(algorithm)) throw new TpmError("event log: a digest of another kind");
    seen.add(algorithm);
    const digest = reader.octets(size, "digest");
    const bank = BANK_BY_ALGORITHM.get(algorithm);
    if (bank !== undefined) digests.set(bank, digest);
  }
  return digests;
}

function localityOf(event: Buffer): number | undefined {
  if (event.length !== STARTUP_LOCALITY.length + 1) return undefined;
  if (event.toString("latin1", 0, STARTUP_LOCALITY.length) !== STARTUP_LOCALITY) return undefined;
  const locality = event[STARTUP_LOCALITY.length] ?? 0;
  if (locality > MAXIMUM_LOCALITY) throw new TpmError(`event log: there is no locality ${locality}`);
  return locality;
}

/** Unlike everything else of TPMs, logs are little-endian. */
class LogReader {
  readonly #log: Buffer;
  #at = 0;

  constructor(log: Buffer) {
    this.#log = log;
  }

  isAtEnd(): boolean {
    return this.#at === this.#log.length;
  }

  uint8(what: string): number {
    return this.octets(1, what).readUInt8();
  }

  uint16(what: string): number {
    return this.octets(2, what).readUInt16LE();
  }

  uint32(what: string): number {
    return this.octets(4, what).readUInt32LE();
  }

  octets(length: number, what: string): Buffer {
    const end = this.#at + length;
    if (end > this.#log.length) throw new TpmError(`event log: ${what} is cut off`);
    const taken = this.#log.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  expectEnd(what: string): void {
    if (!this.isAtEnd()) throw new TpmError(`event log: ${what} has trailing octets`);
  }
}
