import { createPublicKey, type KeyObject } from "node:crypto";
import ipaddr from "ipaddr.js";
import { bitString, element, oid, pemBlock, sequence, setOf, TAG } from "./der.ts";
import { defaultSignature, generateKey, signWithDefault, type TestKeyAlgorithm } from "./keys.ts";

/** Every field may be left out; the result is then what a kubelet's first request looks like. */
export interface CsrArguments {
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly emailAddresses?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly uris?: readonly string[];
  /** A kind of key to generate, or a private key to use. */
  readonly key?: TestKeyAlgorithm | KeyObject;
  /** The encoded Name, instead of the one made of `organizations` and `commonName`. */
  readonly subjectDer?: Uint8Array;
  /** Further encoded `Extension`s, behind the SAN. */
  readonly extensions?: readonly Uint8Array[];
  /** Further encoded attributes, behind the extension request. */
  readonly attributes?: readonly Uint8Array[];
  /** Signs something else, so that the self-signature does not verify. */
  readonly breakSignature?: boolean;
}

export interface BuiltCsr {
  readonly pem: string;
  readonly der: Buffer;
  /** Base64 of the PEM: the value of `spec.request` in JSON. */
  readonly requestBase64: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** SubjectPublicKeyInfo. */
  readonly spkiDer: Buffer;
}

/** A PKCS#10 request, signed with its own key. Defaults: CN `system:node:worker-1`, O `system:nodes`, P-256, no SAN. */
export function buildCsr(args: CsrArguments = {}): BuiltCsr {
  const key = args.key ?? "ecdsa-p256";
  const privateKey = typeof key === "string" ? generateKey(key).privateKey : key;
  const publicKey = createPublicKey(privateKey);
  const spkiDer = publicKey.export({ type: "spki", format: "der" });
  const subject = args.subjectDer ?? nameDer(args);
  const info = sequence(element(TAG.integer, Buffer.from([0])), subject, spkiDer, element(0xa0, ...attributesOf(args)));
  const signed = args.breakSignature ? Buffer.concat([info, Buffer.from([0])]) : info;
  const signature = signWithDefault(privateKey, signed);
  const der = sequence(info, defaultSignature(privateKey).algorithmDer, bitString(signature));
  const pem = pemBlock("CERTIFICATE REQUEST", der);
  return { pem, der, requestBase64: Buffer.from(pem).toString("base64"), privateKey, publicKey, spkiDer };
}

/** One `AttributeTypeAndValue`; the tag defaults to UTF8String. */
export function attributeDer(type: string, value: string | Uint8Array, tag: number = TAG.utf8String): Buffer {
  return sequence(oid(type), element(tag, value));
}

/** An `Extension`; `value` is what goes inside the OCTET STRING. */
export function extensionDer(type: string, value: Uint8Array, critical = false): Buffer {
  const flag = critical ? [element(TAG.boolean, Buffer.from([0xff]))] : [];
  return sequence(oid(type), ...flag, element(TAG.octetString, value));
}

/** An extensionRequest attribute (RFC 2985 section 5.4.2) of these `Extension`s. */
export function extensionRequestDer(extensions: readonly Uint8Array[]): Buffer {
  return sequence(oid("1.2.840.113549.1.9.14"), element(TAG.set, sequence(...extensions)));
}

function nameDer({ commonName = "system:node:worker-1", organizations = ["system:nodes"] }: CsrArguments): Buffer {
  const organization = organizations.map((value) => attributeDer("2.5.4.10", value));
  return sequence(
    ...(organization.length > 0 ? [setOf(...organization)] : []),
    ...(commonName ? [setOf(attributeDer("2.5.4.3", commonName))] : []),
  );
}

function attributesOf(args: CsrArguments): readonly Uint8Array[] {
  const names = [
    ...(args.dnsNames ?? []).map((name) => element(0x82, name)),
    ...(args.emailAddresses ?? []).map((address) => element(0x81, address)),
    ...(args.ipAddresses ?? []).map((address) => element(0x87, Buffer.from(ipaddr.parse(address).toByteArray()))),
    ...(args.uris ?? []).map((uri) => element(0x86, uri)),
  ];
  const san = names.length > 0 ? [extensionDer("2.5.29.17", sequence(...names))] : [];
  const extensions = [...san, ...(args.extensions ?? [])];
  return [...(extensions.length > 0 ? [extensionRequestDer(extensions)] : []), ...(args.attributes ?? [])];
}
