import { createHash, type KeyObject, sign } from "node:crypto";
import type { ChainCertificate } from "./certificate-chain.ts";
import { element, oid, sequence, setOf, TAG } from "./der.ts";

export const CMS = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  algorithmProtection: "1.2.840.113549.1.9.52",
  sha1: "1.3.14.3.2.26",
  sha256: "2.16.840.1.101.3.4.2.1",
  rsaEncryption: "1.2.840.113549.1.1.1",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  sha512WithRsa: "1.2.840.113549.1.1.13",
} as const;

export interface CmsSigner {
  readonly certificate: ChainCertificate;
  /** Whom the message names instead. */
  readonly named?: ChainCertificate;
  /** Signs instead of the certificate's key. */
  readonly key?: KeyObject;
  /** No attributes: the content itself is signed. */
  readonly attributes?: (usual: readonly Buffer[]) => readonly Buffer[] | undefined;
  /** AlgorithmIdentifiers, dotted. */
  readonly digestAlgorithm?: string;
  readonly signatureAlgorithm?: string;
  readonly version?: number;
}

export interface CmsArguments {
  readonly content: Buffer;
  /** What is inside the message instead; null for nothing. */
  readonly shownContent?: Buffer | null;
  readonly contentType?: string;
  readonly certificates?: readonly Buffer[];
  readonly signers: readonly CmsSigner[];
  readonly version?: number;
}

export function cmsAttribute(type: string, ...values: readonly Buffer[]): Buffer {
  return sequence(oid(type), setOf(...values));
}

const integer = (value: number): Buffer => element(TAG.integer, Buffer.from([value]));
const algorithm = (type: string): Buffer => sequence(oid(type), element(TAG.null));

/** SignedData as anybody might make it, with SHA-256. */
export function buildCms({
  content,
  contentType = CMS.data,
  certificates = [],
  signers,
  ...args
}: CmsArguments): Buffer {
  const { shownContent = content, version = 1 } = args;
  const digests = new Set(signers.map(({ digestAlgorithm = CMS.sha256 }) => digestAlgorithm));
  const explicit = shownContent === null ? [] : [element(0xa0, element(TAG.octetString, shownContent))];
  const signedData = sequence(
    integer(version),
    element(TAG.set, ...[...digests].map(algorithm)),
    sequence(oid(contentType), ...explicit),
    ...(certificates.length === 0 ? [] : [element(0xa0, ...certificates)]),
    element(TAG.set, ...signers.map((signer) => signerInfo(signer, content, contentType))),
  );
  return sequence(oid(CMS.signedData), element(0xa0, signedData));
}

function signerInfo(signer: CmsSigner, content: Buffer, contentType: string): Buffer {
  const { certificate, named = certificate, key = certificate.privateKey, version = 1 } = signer;
  const { digestAlgorithm = CMS.sha256, signatureAlgorithm = CMS.rsaEncryption } = signer;
  const usual = [
    cmsAttribute(CMS.contentType, oid(contentType)),
    cmsAttribute(CMS.messageDigest, element(TAG.octetString, createHash("sha256").update(content).digest())),
  ];
  const attributes = signer.attributes === undefined ? usual : signer.attributes(usual);
  const signed = attributes === undefined ? content : setOf(...attributes);
  const shownAttributes = attributes === undefined ? [] : [retagged(0xa0, setOf(...attributes))];
  return sequence(
    integer(version),
    sequence(named.issuerDer, element(TAG.integer, named.serial)),
    algorithm(digestAlgorithm),
    ...shownAttributes,
    algorithm(signatureAlgorithm),
    element(TAG.octetString, sign("sha256", signed, key)),
  );
}

function retagged(tag: number, der: Buffer): Buffer {
  const copy = Buffer.from(der);
  copy[0] = tag;
  return copy;
}
