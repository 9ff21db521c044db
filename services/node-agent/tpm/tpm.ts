import { setTimeout as wait } from "node:timers/promises";
import { ALGORITHM, HASH_OCTETS } from "../../shared/tpm/algorithms.ts";
import { encodePcrSelection, PCR_BANKS, type PcrBank, type PcrSelection } from "../../shared/tpm/pcr-selection.ts";
import { encodePublic, type PublicArea } from "../../shared/tpm/public-area.ts";
import { TpmReader } from "../../shared/tpm/tpm-reader.ts";
import { sized, uint8, uint16, uint32 } from "../../shared/tpm/tpm-writer.ts";
import { failureOf, TpmFailure } from "./tpm-failure.ts";
import type { TpmTransport } from "./tpm-transport.ts";

/** TPM_ST. */
const TAG = { noSessions: 0x8001, sessions: 0x8002 } as const;
/** TPM_RH. */
export const HIERARCHY = { null: 0x40000007, endorsement: 0x4000000b } as const;
const PASSWORD_SESSION = 0x40000009;
const POLICY_SESSION = 0x01;
const CONTINUE_SESSION = 0x01;
const NV_INDICES = 0x01000000;
const CAPABILITY_HANDLES = 0x00000001;

/** Making an RSA key takes some chips most of a minute; nothing else takes long. */
const COMMAND_MILLISECONDS = 30_000;
const CREATION_MILLISECONDS = 180_000;

/** TPM_RC of a TPM that is busy for a moment: retry, testing, yielded. */
const BUSY: readonly number[] = [0x922, 0x90a, 0x908];
const FIRST_PAUSE_MILLISECONDS = 20;
const LONGEST_PAUSE_MILLISECONDS = 1000;

const MAXIMUM_HANDLES = 254;
/** The smallest buffer that TPMs have for NV contents. */
const NV_CHUNK_OCTETS = 512;
const MAXIMUM_NV_OCTETS = 16 * 1024;
const MAXIMUM_PARAMETER_OCTETS = 4096;

const BANK_BY_ALGORITHM = new Map<number, PcrBank>(PCR_BANKS.map((bank) => [ALGORITHM[bank], bank]));

/** What a command consists of besides its header. */
export interface TpmCommand {
  /** As the specification calls it. */
  readonly name: string;
  /** TPM_CC. */
  readonly code: number;
  readonly handles?: readonly number[];
  /** Sessions that authorise it, in order: a policy session, or undefined for an empty password. */
  readonly authorizations?: readonly (number | undefined)[];
  readonly parameters?: readonly Uint8Array[];
  /** Whether the response begins with a handle. */
  readonly givesHandle?: boolean;
  readonly milliseconds?: number;
}

export interface TpmResponse {
  /** 0 where the command gives none. */
  readonly handle: number;
  readonly parameters: TpmReader;
}

export interface CreatedKey {
  readonly handle: number;
  /** TPM2B_PUBLIC. */
  readonly tpm2bPublic: Buffer;
}

export interface TpmQuote {
  /** TPMS_ATTEST. */
  readonly attest: Buffer;
  /** TPMT_SIGNATURE. */
  readonly signature: Buffer;
}

/**
 * The commands of a TPM 2.0 that an attestation consists of. Every one throws a `TpmFailure` when the TPM refuses it or does
 * not answer in time, and a `TpmError` when it answers nonsense.
 *
 * Source: TPM 2.0 Library specification, part 3.
 */
export class Tpm {
  readonly #transport: TpmTransport;
  readonly #signal: AbortSignal;

  /** @param signal - breaks off everything. */
  constructor(transport: TpmTransport, signal: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
  }

  /** Handles of the NV indices there are, from `first` on, ascending. */
  async nvIndices(first: number): Promise<readonly number[]> {
    const { parameters } = await this.run({
      name: "TPM2_GetCapability",
      code: 0x17a,
      parameters: [CAPABILITY_HANDLES, Math.max(first, NV_INDICES), MAXIMUM_HANDLES].map(uint32),
    });
    parameters.readUint8("moreData");
    parameters.readUint32("capability");
    const count = parameters.readUint32("count");
    if (count > MAXIMUM_HANDLES) throw new TpmFailure("TPM2_GetCapability: more handles than were asked for");
    return Array.from({ length: count }, () => parameters.readUint32("handle"));
  }

  /** Everything that is stored in an index which may be read with an empty password, as those of certificates may. */
  async readNv(index: number): Promise<Buffer> {
    const size = await this.#nvSize(index);
    const parts: Buffer[] = [];
    for (let offset = 0; offset < size; offset += NV_CHUNK_OCTETS) {
      const { parameters } = await this.run({
        name: "TPM2_NV_Read",
        code: 0x14e,
        handles: [index, index],
        authorizations: [undefined],
        parameters: [Math.min(NV_CHUNK_OCTETS, size - offset), offset].map(uint16),
      });
      parts.push(parameters.readSized(NV_CHUNK_OCTETS, "data"));
    }
    return Buffer.concat(parts);
  }

  async #nvSize(index: number): Promise<number> {
    const { parameters } = await this.run({ name: "TPM2_NV_ReadPublic", code: 0x169, handles: [index] });
    const nvPublic = new TpmReader(parameters.readSized(MAXIMUM_PARAMETER_OCTETS, "nvPublic"));
    nvPublic.readUint32("nvIndex");
    nvPublic.readUint16("nameAlg");
    nvPublic.readUint32("attributes");
    nvPublic.readSized(HASH_OCTETS.sha512, "authPolicy");
    const size = nvPublic.readUint16("dataSize");
    if (size > MAXIMUM_NV_OCTETS) throw new TpmFailure(`the NV index 0x${index.toString(16)} has ${size} octets`);
    return size;
  }

  /** A primary key from the endorsement seed: of the same template always the same. Flush it. */
  async createEndorsementPrimary(template: PublicArea): Promise<CreatedKey> {
    const noSensitive = sized(sized(), sized());
    const { handle, parameters } = await this.run({
      name: "TPM2_CreatePrimary",
      code: 0x131,
      handles: [HIERARCHY.endorsement],
      authorizations: [undefined],
      parameters: [noSensitive, encodePublic(template), sized(), uint32(0)],
      givesHandle: true,
      milliseconds: CREATION_MILLISECONDS,
    });
    return { handle, tpm2bPublic: sized(parameters.readSized(MAXIMUM_PARAMETER_OCTETS, "outPublic")) };
  }

  /** A session whose policy holds that the endorsement hierarchy's password (an empty one) is known. Flush it. */
  async startEndorsementPolicy(): Promise<number> {
    const { handle } = await this.run({
      name: "TPM2_StartAuthSession",
      code: 0x176,
      handles: [HIERARCHY.null, HIERARCHY.null],
      parameters: [
        sized(Buffer.alloc(HASH_OCTETS.sha256)),
        sized(),
        uint8(POLICY_SESSION),
        uint16(ALGORITHM.null),
        uint16(ALGORITHM.sha256),
      ],
      givesHandle: true,
    });
    try {
      await this.run({
        name: "TPM2_PolicySecret",
        code: 0x151,
        handles: [HIERARCHY.endorsement, handle],
        authorizations: [undefined],
        parameters: [sized(), sized(), sized(), uint32(0)],
      });
      return handle;
    } catch (error) {
      await this.flush(handle);
      throw error;
    }
  }

  /**
   * What was wrapped for the endorsement key and the name of the other key.
   *
   * @param policySession - that authorises the endorsement key; undefined for an empty password.
   * @param credential - TPM2B_ID_OBJECT, then TPM2B_ENCRYPTED_SECRET.
   */
  async activateCredential(
    keyHandle: number,
    endorsementHandle: number,
    policySession: number | undefined,
    credential: readonly [Uint8Array, Uint8Array],
  ): Promise<Buffer> {
    const { parameters } = await this.run({
      name: "TPM2_ActivateCredential",
      code: 0x147,
      handles: [keyHandle, endorsementHandle],
      authorizations: [undefined, policySession],
      parameters: credential,
    });
    return parameters.readSized(HASH_OCTETS.sha512, "certInfo");
  }

  /** @param qualifyingData - at most 64 octets; the quote has them as `extraData`. */
  async quote(keyHandle: number, qualifyingData: Uint8Array, selection: PcrSelection): Promise<TpmQuote> {
    const { parameters } = await this.run({
      name: "TPM2_Quote",
      code: 0x158,
      handles: [keyHandle],
      authorizations: [undefined],
      parameters: [sized(qualifyingData), uint16(ALGORITHM.null), encodePcrSelection(selection)],
    });
    return { attest: parameters.readSized(MAXIMUM_PARAMETER_OCTETS, "quoted"), signature: parameters.rest };
  }

  /** The values of these PCRs; those that the TPM does not have are missing. */
  async readPcrs(selection: PcrSelection): Promise<ReadonlyMap<PcrBank, ReadonlyMap<number, Buffer>>> {
    const values = new Map<PcrBank, Map<number, Buffer>>();
    for (const bank of PCR_BANKS) {
      const ofBank = new Map<number, Buffer>();
      let wanted = selection[bank] ?? [];
      // A response has eight values at most.
      while (wanted.length > 0) {
        const read = await this.#readSomePcrs(bank, wanted);
        if (read.size === 0) break;
        for (const [number, value] of read) ofBank.set(number, value);
        wanted = wanted.filter((number) => !read.has(number));
      }
      if (ofBank.size > 0) values.set(bank, ofBank);
    }
    return values;
  }

  async #readSomePcrs(bank: PcrBank, numbers: readonly number[]): Promise<ReadonlyMap<number, Buffer>> {
    const parameter = encodePcrSelection({ [bank]: numbers });
    const { parameters } = await this.run({ name: "TPM2_PCR_Read", code: 0x17e, parameters: [parameter] });
    parameters.readUint32("pcrUpdateCounter");
    const read = readNumbers(parameters, bank);
    const count = parameters.readUint32("pcrValues");
    if (count !== read.length) throw new TpmFailure("TPM2_PCR_Read: values and their numbers do not fit together");
    return new Map(read.map((number) => [number, parameters.readSized(HASH_OCTETS[bank], "pcrValues")]));
  }

  /** Frees a key or a session. What cannot be freed any more is left to the resource manager. */
  async flush(handle: number): Promise<void> {
    try {
      await this.run({ name: "TPM2_FlushContext", code: 0x165, parameters: [uint32(handle)] });
    } catch (error) {
      if (!(error instanceof TpmFailure)) throw error;
    }
  }

  /** Runs any command, again while the TPM is busy. */
  async run(command: TpmCommand): Promise<TpmResponse> {
    const limit = AbortSignal.timeout(command.milliseconds ?? COMMAND_MILLISECONDS);
    const signal = AbortSignal.any([limit, this.#signal]);
    const encoded = encodeCommand(command);
    for (let pause = FIRST_PAUSE_MILLISECONDS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS)) {
      const response = await this.#transport.exchange(encoded, signal);
      const code = response.readUInt32BE(6);
      if (code === 0) return decodeResponse(response, command);
      if (!BUSY.includes(code)) throw failureOf(command.name, code);
      await wait(pause);
      if (signal.aborted) throw new TpmFailure(`${command.name}: the TPM stayed busy`, code);
    }
  }
}

function encodeCommand({ code, handles = [], authorizations = [], parameters = [] }: TpmCommand): Buffer {
  const parts: Uint8Array[] = handles.map(uint32);
  if (authorizations.length > 0) {
    const area = Buffer.concat(authorizations.map(authorization));
    parts.push(uint32(area.length), area);
  }
  const body = Buffer.concat([...parts, ...parameters]);
  const tag = authorizations.length > 0 ? TAG.sessions : TAG.noSessions;
  return Buffer.concat([uint16(tag), uint32(body.length + 10), uint32(code), body]);
}

/** TPMS_AUTH_COMMAND without nonce and HMAC. */
function authorization(session: number | undefined): Buffer {
  return Buffer.concat([uint32(session ?? PASSWORD_SESSION), sized(), uint8(CONTINUE_SESSION), sized()]);
}

function decodeResponse(response: Buffer, { authorizations = [], givesHandle = false }: TpmCommand): TpmResponse {
  const reader = new TpmReader(response.subarray(10));
  const handle = givesHandle ? reader.readUint32("handle") : 0;
  if (authorizations.length === 0) return { handle, parameters: reader };
  const size = reader.readUint32("parameterSize");
  return { handle, parameters: new TpmReader(reader.readOctets(size, "parameters")) };
}

/** The numbers of a TPML_PCR_SELECTION that has one bank. */
function readNumbers(reader: TpmReader, bank: PcrBank): readonly number[] {
  const numbers: number[] = [];
  const count = reader.readUint32("pcrSelectionOut");
  if (count > 1) throw new TpmFailure("TPM2_PCR_Read: more banks than were asked for");
  for (let entry = 0; entry < count; entry += 1) {
    if (BANK_BY_ALGORITHM.get(reader.readUint16("hash")) !== bank)
      throw new TpmFailure("TPM2_PCR_Read: another bank than was asked for");
    const bits = reader.readOctets(reader.readUint8("sizeofSelect"), "pcrSelect");
    for (let number = 0; number < bits.length * 8; number += 1)
      if (((bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0) numbers.push(number);
  }
  return numbers;
}
