import type { z } from "zod";
import type { tpm2Hello, tpm2Params, tpm2Proof } from "../../shared/attestation/proofs.ts";
import { MAXIMUM_CERTIFICATES, octetsOf } from "../../shared/attestation/wire.ts";
import { DerError, DerReader, encodingOf, TAG } from "../../shared/der/der-reader.ts";
import { parseQuote } from "../../shared/tpm/attest.ts";
import { type PcrSelection, type PcrValues, pcrDigest, selectedPcrs } from "../../shared/tpm/pcr-selection.ts";
import { ATTRIBUTE, keyOf, machineIdOf, type PublicArea, parsePublic } from "../../shared/tpm/public-area.ts";
import {
  ATTESTATION_TEMPLATE,
  ENDORSEMENT_TEMPLATES,
  type EndorsementTemplateName,
  templateOf,
} from "../../shared/tpm/templates.ts";
import { TpmError } from "../../shared/tpm/tpm-reader.ts";
import { type CreatedKey, Tpm } from "./tpm.ts";
import { TpmFailure } from "./tpm-failure.ts";
import type { TpmTransport } from "./tpm-transport.ts";

/** Where some vendors put the CAs between the certificate of the endorsement key and their root. */
const CHAIN_INDICES = { first: 0x01c00100, last: 0x01c001ff };
const FIRST_INDEX = 0x01c00000;

/** Values may change between a quote and the reading of them; then both are made anew. */
const QUOTE_ATTEMPTS = 3;

export interface TpmIdentity {
  /** What the challenge is asked for with. */
  readonly hello: z.input<typeof tpm2Hello>;
  /** What the authority will call this machine, and what an inventory lists it by. */
  readonly machineId: string;
  readonly endorsementKey: EndorsementTemplateName;
}

export interface IdentityOptions {
  /** Which endorsement key; the first that the vendor has certified when absent, and `rsa2048` where it has none. */
  readonly endorsementKey?: EndorsementTemplateName | undefined;
  /** DER; for TPMs whose certificate is not in the TPM. The endorsement key's first, then CAs above it. */
  readonly certificates?: readonly Buffer[] | undefined;
  readonly signal: AbortSignal;
}

/** What `answerTpmChallenge` answers. */
export interface TpmChallenge {
  /** What the challenge was asked for with. */
  readonly hello: z.input<typeof tpm2Hello>;
  readonly params: z.output<typeof tpm2Params>;
  /** 32 octets, see `bindOf`. */
  readonly bind: Uint8Array;
  /** The firmware's log, where the challenge asks for it; Linux has it in /sys/kernel/security/tpm0/binary_bios_measurements. */
  readonly eventLog?: Buffer | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads who this TPM is: the endorsement key with its vendor's certificate, and our attestation key. Changes nothing in it.
 *
 * @throws {TpmFailure} with words an operator can act on.
 */
export async function readTpmIdentity(transport: TpmTransport, options: IdentityOptions): Promise<TpmIdentity> {
  return await explained(() => readIdentity(transport, options));
}

async function readIdentity(transport: TpmTransport, options: IdentityOptions): Promise<TpmIdentity> {
  const tpm = new Tpm(transport, options.signal);
  const indices = await tpm.nvIndices(FIRST_INDEX);
  const template = chooseTemplate(options.endorsementKey, indices);
  const ekCerts = options.certificates ?? (await readCertificates(tpm, template.nvIndex, indices));
  const ekPub = await publicOf(tpm, template.area);
  const akPub = await publicOf(tpm, ATTESTATION_TEMPLATE);
  const hello = {
    ekCerts: ekCerts.slice(0, MAXIMUM_CERTIFICATES).map(textOf),
    ekPub: textOf(ekPub),
    akPub: textOf(akPub),
  };
  return { hello, machineId: machineIdOf(keyOf(parsePublic(ekPub))), endorsementKey: template.name };
}

/**
 * Proves that both keys are in this TPM, and what its PCRs are.
 *
 * @throws {TpmFailure} with words an operator can act on.
 */
export async function answerTpmChallenge(
  transport: TpmTransport,
  challenge: TpmChallenge,
): Promise<z.input<typeof tpm2Proof>> {
  return await explained(() => answerChallenge(transport, challenge));
}

async function answerChallenge(
  transport: TpmTransport,
  { hello, params, bind, eventLog, signal }: TpmChallenge,
): Promise<z.input<typeof tpm2Proof>> {
  if (params.eventLog && eventLog === undefined)
    throw new TpmFailure("the authority asks for the firmware's event log, and there is none");
  const template = templateOf(parsePublic(octetsOf(hello.ekPub)));
  if (template === undefined) throw new TpmFailure("the endorsement key is of no template that is known here");
  const tpm = new Tpm(transport, signal);
  const credential = [octetsOf(params.credentialBlob), octetsOf(params.encryptedSecret)] as const;
  return await holding(tpm, await tpm.createEndorsementPrimary(ATTESTATION_TEMPLATE), async (attestationKey) => {
    const secret = await activate(tpm, attestationKey, template.area, credential);
    const { values, attest, signature } = await quote(tpm, attestationKey, bind, params.pcrs);
    return {
      secret: textOf(secret),
      attest: textOf(attest),
      signature: textOf(signature),
      pcrs: Object.fromEntries([...values].map(([bank, ofBank]) => [bank, textsOf(ofBank)])),
      ...(params.eventLog && eventLog !== undefined ? { eventLog: textOf(eventLog) } : {}),
    };
  });
}

/** What cannot be read is a failure of the TPM as well. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TpmError)
      throw new TpmFailure(`the TPM answers what cannot be understood: ${error.message}`, undefined, { cause: error });
    if (error instanceof DerError)
      throw new TpmFailure(`the TPM holds a certificate that cannot be read: ${error.message}`, undefined, {
        cause: error,
      });
    throw error;
  }
}

function chooseTemplate(wanted: EndorsementTemplateName | undefined, indices: readonly number[]) {
  const isChosen = ({ name, nvIndex }: (typeof ENDORSEMENT_TEMPLATES)[number]) =>
    wanted === undefined ? indices.includes(nvIndex) : name === wanted;
  return ENDORSEMENT_TEMPLATES.find(isChosen) ?? ENDORSEMENT_TEMPLATES[0];
}

/** The certificate of the endorsement key, then the CAs above it; none where the vendor left none. */
async function readCertificates(tpm: Tpm, nvIndex: number, indices: readonly number[]): Promise<readonly Buffer[]> {
  if (!indices.includes(nvIndex)) return [];
  const certificates = certificatesIn(await tpm.readNv(nvIndex)).slice(0, 1);
  const parts: Buffer[] = [];
  for (const index of indices)
    if (index >= CHAIN_INDICES.first && index <= CHAIN_INDICES.last) parts.push(await tpm.readNv(index));
  return [...certificates, ...certificatesIn(Buffer.concat(parts))];
}

/** Contents of NV are as long as their index, not as what was put there: what comes after a certificate is padding. */
function certificatesIn(contents: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  const reader = DerReader.over(contents);
  while (reader.isNext(TAG.sequence) && reader.remaining > 2) found.push(encodingOf(reader.readAny("certificate")));
  return found;
}

async function publicOf(tpm: Tpm, template: PublicArea): Promise<Buffer> {
  return await holding(tpm, await tpm.createEndorsementPrimary(template), async ({ tpm2bPublic }) => tpm2bPublic);
}

async function activate(
  tpm: Tpm,
  attestationKey: CreatedKey,
  template: PublicArea,
  credential: readonly [Uint8Array, Uint8Array],
): Promise<Buffer> {
  return await holding(tpm, await tpm.createEndorsementPrimary(template), async (endorsementKey) => {
    const [one, other] = [attestationKey.handle, endorsementKey.handle];
    if (!needsPolicy(template)) return await tpm.activateCredential(one, other, undefined, credential);
    return await holding(tpm, { handle: await tpm.startEndorsementPolicy() }, async ({ handle }) =>
      tpm.activateCredential(one, other, handle, credential),
    );
  });
}

async function quote(tpm: Tpm, key: CreatedKey, bind: Uint8Array, selection: PcrSelection) {
  const { scheme } = parsePublic(key.tpm2bPublic);
  const hash = scheme?.hash ?? "sha256";
  for (let attempt = 0; attempt < QUOTE_ATTEMPTS; attempt += 1) {
    const quoted = await tpm.quote(key.handle, bind, selection);
    const values = await tpm.readPcrs(selection);
    const digest = pcrDigest(selection, values, hash);
    if (digest === undefined)
      throw new TpmFailure(`the TPM does not have all PCRs that are asked for: ${listed(selection)}`);
    if (parseQuote(quoted.attest).pcrDigest.equals(digest)) return { ...quoted, values };
  }
  throw new TpmFailure("the PCRs change all the time: try again when the machine has started up");
}

function listed(selection: PcrSelection): string {
  return selectedPcrs(selection)
    .map(({ bank, number }) => `${bank}:${number}`)
    .join(", ");
}

/** Whether a key is used with its policy rather than with its password. */
function needsPolicy({ attributes }: PublicArea): boolean {
  return (attributes & ATTRIBUTE.userWithAuth) === 0;
}

/** Uses what has a handle and frees it, whatever happens. */
async function holding<K extends { readonly handle: number }, T>(
  tpm: Tpm,
  held: K,
  use: (held: K) => Promise<T>,
): Promise<T> {
  try {
    return await use(held);
  } finally {
    await tpm.flush(held.handle);
  }
}

function textsOf(values: PcrValues extends ReadonlyMap<unknown, infer V> ? V : never): Record<string, string> {
  return Object.fromEntries([...values].map(([number, value]) => [String(number), textOf(value)]));
}

function textOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64url");
}
