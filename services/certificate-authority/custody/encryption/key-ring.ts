import type { KmsKey } from "../kms/kms-key.ts";
import { type Envelope, type Label, parseEnvelope, type Unreadable } from "./envelope.ts";
import type { SealingKey } from "./sealing-key.ts";

export type Opening =
  | { readonly kind: "opened"; readonly secret: Buffer }
  | { readonly kind: "otherKey"; readonly sealedWith: string }
  | Unreadable;

/** All keys of one encryption configuration in its order: the first seals, every one opens. */
export class KeyRing {
  /** Where the keys came from, for messages. */
  readonly origin: string;
  readonly first: SealingKey;
  readonly #keys: readonly SealingKey[];
  readonly #keyServices: readonly KmsKey[];

  /** @param keys - at least one. */
  constructor(origin: string, keys: readonly [SealingKey, ...SealingKey[]]) {
    this.origin = origin;
    this.#keys = keys;
    [this.first] = keys;
    this.#keyServices = keys.filter(isKeyService);
  }

  /** Of all keys, in their order. */
  get providers(): readonly SealingKey["provider"][] {
    return this.#keys.map(({ provider }) => provider);
  }

  /** The keys that somebody else keeps. */
  get keyServices(): readonly KmsKey[] {
    return this.#keyServices;
  }

  seal(label: Label, secret: Uint8Array): Promise<Buffer> {
    return this.first.seal(label, secret);
  }

  /** @throws {CustodyError} KeyServiceUnavailable, KeyServiceFailed. */
  async open(label: Label, content: Uint8Array): Promise<Opening> {
    const parsed = parseEnvelope(content);
    if (parsed.kind !== "parsed") return parsed;
    const key = this.#keyOf(parsed.envelope);
    if (key === undefined) return { kind: "otherKey", sealedWith: describeKeyOf(parsed.envelope) };
    const secret = await key.open(label, parsed.envelope);
    return secret === undefined ? { kind: "damaged" } : { kind: "opened", secret };
  }

  /** Whether sealing this content again would change neither its key nor its format. */
  async isCurrent(content: Uint8Array): Promise<boolean> {
    const parsed = parseEnvelope(content);
    if (parsed.kind !== "parsed" || !this.first.owns(parsed.envelope)) return false;
    return this.first.isCurrent(parsed.envelope);
  }

  /** The key that opens this content, if it is one of these. */
  keyFor(content: Uint8Array): SealingKey | undefined {
    const parsed = parseEnvelope(content);
    return parsed.kind === "parsed" ? this.#keyOf(parsed.envelope) : undefined;
  }

  /** What the keys are, for messages: `aesgcm key "one" (id 0011…)`. */
  describe(): string {
    return `${this.#keys.map(describeKey).join(", ")} of ${this.origin}`;
  }

  close(): void {
    for (const key of this.#keyServices) key.close();
  }

  #keyOf(envelope: Envelope): SealingKey | undefined {
    return this.#keys.find((key) => key.owns(envelope));
  }
}

function isKeyService(key: SealingKey): key is KmsKey {
  return key.provider === "kms";
}

function describeKey({ provider, name }: SealingKey): string {
  return name === "" ? provider : `${provider} "${name}"`;
}

/** The key that sealed an envelope, as its header has it. */
function describeKeyOf({ version, provider, fields }: Envelope): string {
  if (provider === "identity") return "identity, that is not encrypted at all";
  const [, id = Buffer.alloc(0)] = fields;
  const name = fields[0]?.toString() ?? "";
  if (provider === "kms") return `kms "${name}" under its key ${JSON.stringify(id.toString())}`;
  const named = version === 1 ? "" : ` "${name}"`;
  return `${provider}${named} with the key id ${id.toString("hex")}`;
}
