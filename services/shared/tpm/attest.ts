import { HASH_OCTETS } from "./algorithms.ts";
import { TpmError, TpmReader } from "./tpm-reader.ts";

/** TPM_GENERATED_VALUE: what a TPM signs itself begins with it, and a restricted key signs nothing else that does. */
const MAGIC = 0xff544347;
const TYPE = { certify: 0x8017, quote: 0x8018 } as const;

const MAXIMUM_NAME_OCTETS = 2 + HASH_OCTETS.sha512;
const MAXIMUM_EXTRA_OCTETS = 2 + HASH_OCTETS.sha512;
const MAXIMUM_BANKS = 16;
const MAXIMUM_BITMAP_OCTETS = 4;

interface AttestHeader {
  /** What the caller asked to have signed with it. */
  readonly extraData: Buffer;
  /** Resets since the TPM was cleared. */
  readonly resetCount: number;
  readonly restartCount: number;
  readonly firmwareVersion: bigint;
}

export interface Quote extends AttestHeader {
  /** TPML_PCR_SELECTION as it was signed. */
  readonly pcrSelect: Buffer;
  readonly pcrDigest: Buffer;
}

export interface Certification extends AttestHeader {
  /** Name of the object that the TPM certifies to hold. */
  readonly name: Buffer;
}

/** Reads a TPMS_ATTEST of TPM2_Quote. @throws {TpmError} Source: TPM 2.0 Library specification, part 2, section 10.12. */
export function parseQuote(attest: Uint8Array): Quote {
  const reader = new TpmReader(attest);
  const header = readHeader(reader, TYPE.quote);
  const quote = { ...header, pcrSelect: readSelection(reader), pcrDigest: readDigest(reader) };
  reader.expectEnd("TPMS_QUOTE_INFO");
  return quote;
}

/** Reads a TPMS_ATTEST of TPM2_Certify. @throws {TpmError} */
export function parseCertification(attest: Uint8Array): Certification {
  const reader = new TpmReader(attest);
  const header = readHeader(reader, TYPE.certify);
  const name = reader.readSized(MAXIMUM_NAME_OCTETS, "name");
  reader.readSized(MAXIMUM_NAME_OCTETS, "qualifiedName");
  reader.expectEnd("TPMS_CERTIFY_INFO");
  return { ...header, name };
}

function readHeader(reader: TpmReader, expectedType: number): AttestHeader {
  if (reader.readUint32("magic") !== MAGIC) throw new TpmError("magic: a TPM did not make this");
  const type = reader.readUint16("type");
  if (type !== expectedType)
    throw new TpmError(`type: 0x${type.toString(16)} is not 0x${expectedType.toString(16)}, which was asked for`);
  reader.readSized(MAXIMUM_NAME_OCTETS, "qualifiedSigner");
  const extraData = reader.readSized(MAXIMUM_EXTRA_OCTETS, "extraData");
  reader.readUint64("clock");
  const resetCount = reader.readUint32("resetCount");
  const restartCount = reader.readUint32("restartCount");
  if (reader.readUint8("safe") > 1) throw new TpmError("safe: not a boolean");
  return { extraData, resetCount, restartCount, firmwareVersion: reader.readUint64("firmwareVersion") };
}

function readSelection(reader: TpmReader): Buffer {
  const before = reader.rest;
  const banks = reader.readUint32("pcrSelect");
  if (banks > MAXIMUM_BANKS) throw new TpmError(`pcrSelect: ${banks} banks`);
  for (let bank = 0; bank < banks; bank += 1) {
    reader.readUint16("pcrSelect");
    const octets = reader.readUint8("pcrSelect");
    if (octets > MAXIMUM_BITMAP_OCTETS) throw new TpmError(`pcrSelect: ${octets} octets of one bank`);
    reader.readOctets(octets, "pcrSelect");
  }
  return before.subarray(0, before.length - reader.rest.length);
}

function readDigest(reader: TpmReader): Buffer {
  return reader.readSized(HASH_OCTETS.sha512, "pcrDigest");
}
