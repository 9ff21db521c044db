/**
 * How a secret lies on disk. Version 2, which is written:
 *
 *     octets 0…3   "GHSE"
 *     octet  4     version, 2
 *     octet  5     number of the provider that sealed it
 *     octets 6…9   length of the fields, big endian
 *     then         the fields, each after its length in two octets: they say which key, and never hold a secret
 *     then         the body, as the provider writes it
 *
 * Version 1, which is read: "GHSE", 1, the 8 octets of the id of an `aesgcm` key, the body.
 *
 * Everything before the body is the header. Header and label are authenticated together with the secret, so that one
 * sealed secret cannot stand in for another and no header can be altered; only `identity` has no key to do so with.
 */
const MAGIC = Buffer.from("GHSE", "latin1");
const VERSION_1 = 1;
const VERSION_2 = 2;
const KEY_ID_LENGTH = 8;
const PREFIX_LENGTH_1 = MAGIC.length + 1;
const PREFIX_LENGTH_2 = MAGIC.length + 2 + 4;

/** Numbers of the providers on disk, never given twice. */
const PROVIDER_NUMBERS = { aesgcm: 1, aescbc: 2, secretbox: 3, identity: 4, kms: 5 } as const;

/** What Kubernetes' EncryptionConfiguration calls them. */
export type ProviderName = keyof typeof PROVIDER_NUMBERS;

/** What a sealed secret is for and how it is called. Opening with another label fails. */
export interface Label {
  readonly purpose: string;
  readonly name: string;
}

export interface Envelope {
  readonly version: 1 | 2;
  readonly provider: ProviderName;
  readonly fields: readonly Buffer[];
  readonly header: Buffer;
  readonly body: Buffer;
}

/** Why a file is no envelope that can be opened here. */
export type Unreadable = { readonly kind: "otherVersion"; readonly version: number } | { readonly kind: "damaged" };

export function parseEnvelope(
  content: Uint8Array,
): { readonly kind: "parsed"; readonly envelope: Envelope } | Unreadable {
  const bytes = Buffer.from(content);
  if (bytes.length <= MAGIC.length || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return { kind: "damaged" };
  const version = bytes.readUInt8(MAGIC.length);
  if (version !== VERSION_1 && version !== VERSION_2) return { kind: "otherVersion", version };
  const envelope = version === VERSION_1 ? parseVersion1(bytes) : parseVersion2(bytes);
  return envelope === undefined ? { kind: "damaged" } : { kind: "parsed", envelope };
}

function parseVersion1(bytes: Buffer): Envelope | undefined {
  const headerLength = PREFIX_LENGTH_1 + KEY_ID_LENGTH;
  if (bytes.length < headerLength) return undefined;
  const header = bytes.subarray(0, headerLength);
  const fields = [Buffer.alloc(0), header.subarray(PREFIX_LENGTH_1)];
  return { version: 1, provider: "aesgcm", fields, header, body: bytes.subarray(headerLength) };
}

function parseVersion2(bytes: Buffer): Envelope | undefined {
  if (bytes.length < PREFIX_LENGTH_2) return undefined;
  const provider = providerOf(bytes.readUInt8(MAGIC.length + 1));
  const headerLength = PREFIX_LENGTH_2 + bytes.readUInt32BE(MAGIC.length + 2);
  if (provider === undefined || bytes.length < headerLength) return undefined;
  const header = bytes.subarray(0, headerLength);
  const fields = splitFields(header.subarray(PREFIX_LENGTH_2));
  return fields && { version: 2, provider, fields, header, body: bytes.subarray(headerLength) };
}

function splitFields(bytes: Buffer): readonly Buffer[] | undefined {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 2 > bytes.length) return undefined;
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return undefined;
    fields.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return fields;
}

function providerOf(number: number): ProviderName | undefined {
  const entry = Object.entries(PROVIDER_NUMBERS).find(([, known]) => known === number);
  return entry?.[0] as ProviderName | undefined;
}

/** What stands before the body. @param fields - each at most 65535 octets; text is UTF-8. */
export function encodeHeader(provider: ProviderName, fields: readonly (string | Uint8Array)[]): Buffer {
  const encoded = fields.flatMap((field) => {
    const bytes = Buffer.from(field);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    return [length, bytes];
  });
  const joined = Buffer.concat(encoded);
  const fieldsLength = Buffer.alloc(4);
  fieldsLength.writeUInt32BE(joined.length);
  return Buffer.concat([MAGIC, Buffer.of(VERSION_2, PROVIDER_NUMBERS[provider]), fieldsLength, joined]);
}

/** What is authenticated beside the secret. The header tells its own length, so no two pairs give the same octets. */
export function additionalData(header: Uint8Array, { purpose, name }: Label): Buffer {
  return Buffer.concat([header, Buffer.from(`${purpose}\0${name}`)]);
}
