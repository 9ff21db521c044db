import { randomBytes } from "node:crypto";
import type { PKCS11, Template } from "pkcs11js";
import type { ClassicalAlgorithm } from "../../domain/issuer.ts";
import type { SignatureDigest } from "../../domain/remote-key.ts";
import { CK, keyPairTemplates } from "./key-templates.ts";
import type { TokenKeyFacts } from "./messages.ts";
import { curveSpki, rsaSpki } from "./public-key.ts";
import { signatureInput } from "./signature-input.ts";
import { TokenFailure } from "./token-failure.ts";

const SERIAL_SESSION = 4;
const READ_WRITE = 2;
const USER = 1;
const LOGGED_IN = new Set([1, 3]);
const FINAL_TRY = 0x20000;
const LOCKED = 0x40000;
const MAXIMUM_SIGNATURE_OCTETS = 2048;
const KEY_ID_OCTETS = 16;

interface Key {
  readonly handle: Buffer;
  readonly keyType: number;
  readonly facts: TokenKeyFacts;
}

/** A session with one token, logged in. Calls block; they belong on a thread of their own. */
export class TokenSession {
  readonly #module: PKCS11;
  readonly #slot: Buffer;
  readonly #session: Buffer;
  readonly #keys = new Map<string, Key>();

  private constructor(module: PKCS11, slot: Buffer, session: Buffer) {
    this.#module = module;
    this.#slot = slot;
    this.#session = session;
  }

  /**
   * Opens a session and logs in, trying the PIN once.
   *
   * @param flags - CK_TOKEN_INFO.flags: a PIN that is wrong once more must not lock the token.
   * @throws {TokenFailure} pinRefused; lost.
   */
  static open(module: PKCS11, { slot, flags }: { slot: Buffer; flags: number }, pin: string): TokenSession {
    if ((flags & LOCKED) !== 0) throw new TokenFailure("pinRefused", "the token has locked its PIN");
    if ((flags & FINAL_TRY) !== 0)
      throw new TokenFailure(
        "pinRefused",
        "one more wrong PIN would lock the token, so none was tried; log in with another tool first",
      );
    const session = module.C_OpenSession(slot, SERIAL_SESSION);
    try {
      if (!LOGGED_IN.has(module.C_GetSessionInfo(session).state)) module.C_Login(session, USER, pin);
      return new TokenSession(module, slot, session);
    } catch (error) {
      module.C_CloseSession(session);
      throw error;
    }
  }

  close(): void {
    try {
      this.#module.C_CloseSession(this.#session);
    } catch {
      // It went with the token.
    }
  }

  /** @throws {TokenFailure} lost when the token is gone, or somebody logged out. */
  check(): void {
    if (!LOGGED_IN.has(this.#module.C_GetSessionInfo(this.#session).state))
      throw new TokenFailure("lost", "the user was logged out");
    this.#module.C_GetTokenInfo(this.#slot);
    for (const keyLabel of this.#keys.keys()) {
      if (this.#find(CK.classPrivateKey, [{ type: CK.attributeLabel, value: keyLabel }]).length === 0)
        throw new TokenFailure("lost", `the key "${keyLabel}" is gone`);
    }
  }

  /** @returns undefined when the token holds no such private key. */
  findKey(keyLabel: string): TokenKeyFacts | undefined {
    return this.#key(keyLabel)?.facts;
  }

  /** Makes a pair of keys inside the token. It can sign, and never be read. */
  makeKey(keyLabel: string, algorithm: ClassicalAlgorithm): TokenKeyFacts {
    const { mechanism, publicTemplate, privateTemplate } = keyPairTemplates(
      algorithm,
      keyLabel,
      randomBytes(KEY_ID_OCTETS),
    );
    const writing = this.#module.C_OpenSession(this.#slot, SERIAL_SESSION | READ_WRITE);
    try {
      this.#module.C_GenerateKeyPair(writing, mechanism, publicTemplate, privateTemplate);
    } finally {
      this.#module.C_CloseSession(writing);
    }
    const made = this.findKey(keyLabel);
    if (made === undefined)
      throw new TokenFailure("refused", `the token made the key "${keyLabel}" and does not show it`);
    return made;
  }

  sign(keyLabel: string, digest: SignatureDigest, data: Uint8Array): Uint8Array {
    const key = this.#key(keyLabel);
    if (key === undefined) throw new TokenFailure("lost", `the key "${keyLabel}" is gone`);
    const { mechanism, input } = signatureInput(key.keyType, digest, data);
    this.#module.C_SignInit(this.#session, { mechanism }, key.handle);
    return Uint8Array.from(this.#module.C_Sign(this.#session, input, Buffer.alloc(MAXIMUM_SIGNATURE_OCTETS)));
  }

  #key(keyLabel: string): Key | undefined {
    const known = this.#keys.get(keyLabel);
    if (known !== undefined) return known;
    const handles = this.#find(CK.classPrivateKey, [{ type: CK.attributeLabel, value: keyLabel }]);
    const [handle, ...more] = handles;
    if (handle === undefined) return undefined;
    if (more.length > 0)
      throw new TokenFailure(
        "refused",
        `the token holds several private keys called "${keyLabel}"; name one that is alone`,
      );
    this.#requireGuarded(handle, keyLabel);
    const key = {
      handle,
      keyType: this.#number(handle, CK.attributeKeyType),
      facts: { spkiDer: this.#spki(handle, keyLabel) },
    };
    this.#keys.set(keyLabel, key);
    return key;
  }

  /** A CA's key that can be taken out of its token is as good as a file. */
  #requireGuarded(key: Buffer, keyLabel: string): void {
    const isSensitive = this.#flag(key, CK.attributeSensitive);
    if (isSensitive && !this.#flag(key, CK.attributeExtractable) && this.#flag(key, CK.attributeSign)) return;
    throw new TokenFailure(
      "refused",
      `the key "${keyLabel}" must sign, be sensitive and not be extractable; let one be made here under another label, or make ` +
        "it anew in the token",
    );
  }

  #spki(privateKey: Buffer, keyLabel: string): Buffer {
    const keyType = this.#number(privateKey, CK.attributeKeyType);
    if (keyType === CK.keyTypeRsa) {
      return rsaSpki(this.#value(privateKey, CK.attributeModulus), this.#value(privateKey, CK.attributePublicExponent));
    }
    const id = this.#value(privateKey, CK.attributeId);
    const [publicKey] = this.#find(CK.classPublicKey, [{ type: CK.attributeId, value: id }]);
    if (publicKey === undefined)
      throw new TokenFailure(
        "refused",
        `the token holds no public key with the id of the private key "${keyLabel}"; add it`,
      );
    return curveSpki(this.#value(publicKey, CK.attributeEcParameters), this.#value(publicKey, CK.attributeEcPoint));
  }

  #find(objectClass: number, template: Template): Buffer[] {
    this.#module.C_FindObjectsInit(this.#session, [{ type: CK.attributeClass, value: objectClass }, ...template]);
    try {
      return this.#module.C_FindObjects(this.#session, 2);
    } finally {
      this.#module.C_FindObjectsFinal(this.#session);
    }
  }

  #value(object: Buffer, type: number): Buffer {
    const [attribute] = this.#module.C_GetAttributeValue(this.#session, object, [{ type }]);
    if (attribute === undefined)
      throw new TokenFailure("refused", `the token does not tell attribute ${type} of a key`);
    return attribute.value;
  }

  #flag(object: Buffer, type: number): boolean {
    return this.#value(object, type).some((octet) => octet !== 0);
  }

  #number(object: Buffer, type: number): number {
    const value = this.#value(object, type);
    return value.readUIntLE(0, Math.min(value.length, 6));
  }
}
