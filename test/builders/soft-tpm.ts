import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { ALGORITHM, HASH_OCTETS, type TpmHash } from "../../services/shared/tpm/algorithms.ts";
import { encodePcrSelection, type PcrSelection, pcrDigest } from "../../services/shared/tpm/pcr-selection.ts";
import { encodePublic, nameOf, type PublicArea, type UniqueKey } from "../../services/shared/tpm/public-area.ts";
import { ATTESTATION_TEMPLATE, ENDORSEMENT_TEMPLATES } from "../../services/shared/tpm/templates.ts";
import { sized, uint8, uint16, uint32 } from "../../services/shared/tpm/tpm-writer.ts";
import type { ChainCertificate } from "./certificate-chain.ts";
import {
  buildChainAuthority,
  buildChainCertificate,
  type ChainCertificateArguments,
  extension,
} from "./certificate-chain.ts";
import { attributeDer, extensionDer } from "./csr.ts";
import { element, sequence, setOf } from "./der.ts";

export const EK_CERTIFICATE = "2.23.133.8.1";

/** A key with its public area; of no TPM, so that it signs whatever it is told to. */
export interface SoftKey {
  readonly privateKey: KeyObject;
  readonly area: PublicArea;
  /** TPM2B_PUBLIC. */
  readonly tpm2bPublic: Buffer;
}

/** @param area - of which the key is replaced. */
export function softKey(area: PublicArea): SoftKey {
  const { privateKey } =
    area.key.type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: area.key.bits })
      : generateKeyPairSync("ec", { namedCurve: area.key.curve });
  const filled = { ...area, key: uniqueOf(area.key, privateKey) };
  return { privateKey, area: filled, tpm2bPublic: encodePublic(filled) };
}

function uniqueOf(template: UniqueKey, privateKey: KeyObject): UniqueKey {
  const { n = "", x = "", y = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  const octets = (text: string) => Buffer.from(text, "base64url");
  return template.type === "rsa" ? { ...template, modulus: octets(n) } : { ...template, x: octets(x), y: octets(y) };
}

export function softEndorsementKey(name: (typeof ENDORSEMENT_TEMPLATES)[number]["name"] = "p256"): SoftKey {
  const template = ENDORSEMENT_TEMPLATES.find((one) => one.name === name);
  if (template === undefined) throw new Error(`there is no template ${name}`);
  return softKey(template.area);
}

export function softAttestationKey(changes: Partial<PublicArea> = {}): SoftKey {
  return softKey({ ...ATTESTATION_TEMPLATE, ...changes });
}

/** A directoryName with what a vendor says about a TPM. */
export function tpmName(manufacturer = "id:00001014", model = "swtpm", version = "id:1"): Buffer {
  const attribute = (type: string, value: string) => setOf(attributeDer(type, value));
  return element(
    0xa4,
    sequence(
      attribute("2.23.133.2.1", manufacturer),
      attribute("2.23.133.2.2", model),
      attribute("2.23.133.2.3", version),
    ),
  );
}

/** A critical SubjectAltName, as endorsement certificates with an empty subject have it. */
export function criticalNames(...names: readonly Buffer[]): Buffer {
  return extensionDer("2.5.29.17", sequence(...names), true);
}

export const VENDOR = buildChainAuthority({ commonName: "TPM vendor root" });
export const VENDOR_ISSUER = buildChainAuthority({ commonName: "TPM vendor issuing CA", issuer: VENDOR }, 0);

/** As vendors make them: no subject, no end. */
export function endorsementCertificate(key: SoftKey, changes: ChainCertificateArguments = {}): ChainCertificate {
  const usage = key.area.key.type === "rsa" ? "keyEncipherment" : "keyAgreement";
  return buildChainCertificate({
    key: key.privateKey,
    issuer: VENDOR_ISSUER,
    notAfter: new Date("9999-12-31T23:59:59Z"),
    extensions: [extension.keyUsage(usage), extension.extendedKeyUsage(EK_CERTIFICATE), criticalNames(tpmName())],
    ...changes,
  });
}

/** What a quote says, each field to be said wrongly. */
export interface QuoteFields {
  readonly magic?: number;
  readonly type?: number;
  readonly extraData: Uint8Array;
  readonly selection: PcrSelection;
  readonly values: ReadonlyMap<"sha256" | "sha384", ReadonlyMap<number, Buffer>>;
  readonly digest?: Buffer;
  /** TPML_PCR_SELECTION. */
  readonly encodedSelection?: Buffer;
}

/** A TPMS_ATTEST of TPM2_Quote, as nobody but a TPM should be able to have signed it. */
export function encodeQuote(fields: QuoteFields, hash: TpmHash = "sha256"): Buffer {
  const { magic = 0xff544347, type = 0x8018, extraData, selection, values } = fields;
  const digest = fields.digest ?? pcrDigest(selection, values, hash) ?? Buffer.alloc(HASH_OCTETS[hash]);
  return Buffer.concat([
    encodeHeader(magic, type, extraData),
    fields.encodedSelection ?? encodePcrSelection(selection),
    sized(digest),
  ]);
}

/** A TPMS_ATTEST of TPM2_Certify. */
export function encodeCertification(name: Buffer, extraData: Uint8Array, type = 0x8017): Buffer {
  return Buffer.concat([encodeHeader(0xff544347, type, extraData), sized(name), sized(name)]);
}

function encodeHeader(magic: number, type: number, extraData: Uint8Array): Buffer {
  const clock = Buffer.concat([uint32(0), uint32(7), uint32(3), uint32(1), uint8(1)]);
  const firmware = Buffer.concat([uint32(0x20240125), uint32(0x120000)]);
  return Buffer.concat([uint32(magic), uint16(type), sized(Buffer.alloc(0)), sized(extraData), clock, firmware]);
}

/** TPMT_SIGNATURE by the key's scheme. */
export function softSignature({ area, privateKey }: SoftKey, message: Uint8Array): Buffer {
  const { name, hash } = area.scheme ?? { name: "ecdsa", hash: "sha256" };
  const header = [uint16(ALGORITHM[name]), uint16(ALGORITHM[hash])];
  if (name !== "ecdsa") {
    const padding = name === "rsapss" ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
    return Buffer.concat([...header, sized(sign(hash, message, { key: privateKey, padding }))]);
  }
  const pair = sign(hash, message, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const half = pair.length / 2;
  return Buffer.concat([...header, sized(pair.subarray(0, half)), sized(pair.subarray(half))]);
}

/** PCRs of these numbers, each with a value of its own. */
export function softPcrs(numbers: readonly number[]): ReadonlyMap<"sha256", ReadonlyMap<number, Buffer>> {
  const value = (number: number) => createHash("sha256").update(`pcr ${number}`).digest();
  return new Map([["sha256", new Map(numbers.map((number) => [number, value(number)]))]]);
}

export const text = (octets: Uint8Array): string => Buffer.from(octets).toString("base64url");

/** A machine with a TPM in software: everything an attestation consists of, each part to be replaced. */
export interface SoftMachine {
  readonly ek: SoftKey;
  readonly ak: SoftKey;
  readonly certificates: readonly ChainCertificate[];
}

export function softMachine(changes: Partial<SoftMachine> = {}): SoftMachine {
  const ek = changes.ek ?? softEndorsementKey();
  return { ek, ak: softAttestationKey(), certificates: [endorsementCertificate(ek), VENDOR_ISSUER], ...changes };
}

export function softHello({ ek, ak, certificates }: SoftMachine) {
  return {
    ekCerts: certificates.map(({ der }) => text(der)),
    ekPub: text(ek.tpm2bPublic),
    akPub: text(ak.tpm2bPublic),
  };
}

export const FIRMWARE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7];

/** What a machine proves itself with, right unless told otherwise. `secret` is what it recovered. */
export function softProof(
  { ak }: SoftMachine,
  secret: Buffer,
  bind: Buffer,
  quote: Partial<QuoteFields> = {},
): Record<string, unknown> {
  const values = quote.values ?? softPcrs(FIRMWARE_PCRS);
  const attest = encodeQuote(
    { extraData: bind, selection: { sha256: FIRMWARE_PCRS }, ...quote, values },
    ak.area.scheme?.hash,
  );
  return {
    secret: text(secret),
    attest: text(attest),
    signature: text(softSignature(ak, attest)),
    pcrs: Object.fromEntries(
      [...values].map(([bank, ofBank]) => [
        bank,
        Object.fromEntries([...ofBank].map(([number, value]) => [String(number), text(value)])),
      ]),
    ),
  };
}

/** A whole exchange in software. */
export function softExchange(machine: SoftMachine = softMachine(), quote: Partial<QuoteFields> = {}) {
  const secret = randomBytes(32);
  const bind = randomBytes(32);
  return { hello: softHello(machine), proof: softProof(machine, secret, bind, quote), secret, bind };
}

/** The attestation key's name as evidence pins it. */
export function softName({ ak }: SoftMachine): string {
  return nameOf(ak.tpm2bPublic).toString("hex");
}
