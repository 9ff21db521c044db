import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { AgentError } from "../agent-error.ts";
import type { CertificateParts } from "./certificate-parts.ts";
import {
  bitString,
  contextTag,
  element,
  integer,
  NULL,
  objectIdentifier,
  octetString,
  sequence,
  set,
} from "./der-encoding.ts";

const EXTENSION_REQUEST = objectIdentifier("1.2.840.113549.1.9.14");
const SUBJECT_ALT_NAME = objectIdentifier("2.5.29.17");
const TRUE = element(0x01, Buffer.from([0xff]));
const LINE = 64;

/** Signature algorithms by key, RFC 5758 and RFC 8410; the hash by the size of the curve. */
const EC_SIGNATURES: Readonly<Record<string, readonly [oid: string, hash: string]>> = {
  prime256v1: ["1.2.840.10045.4.3.2", "sha256"],
  secp384r1: ["1.2.840.10045.4.3.3", "sha384"],
  secp521r1: ["1.2.840.10045.4.3.4", "sha512"],
};
const RSA_SHA256 = "1.2.840.113549.1.1.11";
const ED25519 = "1.3.101.112";

/** What a request asks for besides the key. */
export type RequestedNames = Pick<CertificateParts, "subject" | "subjectAltName">;

/**
 * A PKCS #10 request (RFC 2986) of `key` for the names of a certificate, as PEM.
 *
 * @throws {AgentError} `unusable` for keys that cannot sign one here.
 */
export function certificateRequest({ subject, subjectAltName }: RequestedNames, key: KeyObject): string {
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const information = sequence(integer(0), subject, publicKey, contextTag(0, ...attributes(subjectAltName)));
  const { algorithm, hash } = signatureOf(key);
  const signature = sign(hash, information, key);
  return toPem(sequence(information, algorithm, bitString(signature)));
}

function attributes(subjectAltName: CertificateParts["subjectAltName"]): readonly Buffer[] {
  if (subjectAltName === undefined) return [];
  const { value, isCritical } = subjectAltName;
  const extension = sequence(SUBJECT_ALT_NAME, ...(isCritical ? [TRUE] : []), octetString(value));
  return [sequence(EXTENSION_REQUEST, set(sequence(extension)))];
}

function signatureOf(key: KeyObject): { readonly algorithm: Buffer; readonly hash: string | null } {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? "";
  const [oid, hash] = EC_SIGNATURES[curve] ?? [];
  if (oid !== undefined && hash !== undefined) return { algorithm: sequence(objectIdentifier(oid)), hash };
  if (key.asymmetricKeyType === "rsa") {
    return { algorithm: sequence(objectIdentifier(RSA_SHA256), NULL), hash: "sha256" };
  }
  if (key.asymmetricKeyType === "ed25519") return { algorithm: sequence(objectIdentifier(ED25519)), hash: null };
  throw new AgentError("unusable", `a key of type ${key.asymmetricKeyType} ${curve} cannot sign a request here`);
}

function toPem(der: Buffer): string {
  const base64 = der.toString("base64");
  const lines = Array.from({ length: Math.ceil(base64.length / LINE) }, (_, index) =>
    base64.slice(index * LINE, (index + 1) * LINE),
  );
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
}
