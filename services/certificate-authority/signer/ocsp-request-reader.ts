import { contentOf, DerError, DerReader, encodingOf, TAG } from "../../shared/der/der-reader.ts";
import { readObjectIdentifier, readPositiveInteger, readSmallInteger } from "../../shared/der/der-values.ts";
import { readExtension } from "./extension-reader.ts";
import { OID } from "./object-identifiers.ts";

/** A question about one certificate has some 80 octets. */
const MAX_OCSP_REQUEST_BYTES = 16 * 1024;
const MAX_CERTIFICATES = 64;
const MAX_SERIAL_OCTETS = 20;
const MAX_EXTENSIONS = 16;
/** RFC 9654 section 2.1 allows 128 octets in an OCTET STRING. */
const MAX_NONCE_OCTETS = 131;

/** A certificate as a question names it. */
export interface ReadCertificateId {
  /** Object identifier of the hash, as `readObjectIdentifier` returns it. */
  readonly hashAlgorithm: string;
  readonly issuerNameHash: Buffer;
  readonly issuerKeyHash: Buffer;
  /** Lower-case hex. */
  readonly serial: string;
  readonly encoded: Buffer;
}

export interface ReadOcspRequest {
  readonly certificates: readonly ReadCertificateId[];
  readonly nonce: Buffer | undefined;
}

/**
 * Reads an OCSPRequest. Signatures of requesters are passed over: who asks does not matter.
 *
 * @throws {DerError} also for what is too large, asks about nothing, or has a critical extension that we do not know.
 * Source: RFC 6960 section 4.1.1.
 */
export function readOcspRequest(der: Buffer): ReadOcspRequest {
  if (der.length > MAX_OCSP_REQUEST_BYTES) throw new DerError(`longer than ${MAX_OCSP_REQUEST_BYTES} bytes`);
  const outer = DerReader.over(der);
  const request = outer.enter(TAG.sequence, "OCSPRequest");
  outer.expectEnd("OCSPRequest");
  const body = request.enter(TAG.sequence, "tbsRequest");
  request.readOptional(0xa0, "optionalSignature");
  request.expectEnd("OCSPRequest");
  if (body.isNext(0xa0)) {
    const version = body.enter(0xa0, "version");
    if (readSmallInteger(version, "version") !== 0) throw new DerError("version: only v1 is known");
  }
  body.readOptional(0xa1, "requestorName");
  const list = body.enter(TAG.sequence, "requestList");
  const extensions = body.isNext(0xa2) ? body.enter(0xa2, "requestExtensions") : undefined;
  body.expectEnd("tbsRequest");
  const certificates = readList(list);
  return { certificates, nonce: extensions && readExtensions(extensions) };
}

function readList(list: DerReader): readonly ReadCertificateId[] {
  const certificates: ReadCertificateId[] = [];
  while (!list.isAtEnd()) {
    const request = list.enter(TAG.sequence, "request");
    certificates.push(readCertificateId(request));
    if (request.isNext(0xa0)) readExtensions(request.enter(0xa0, "singleRequestExtensions"));
    request.expectEnd("request");
    if (certificates.length > MAX_CERTIFICATES) throw new DerError(`asks about more than ${MAX_CERTIFICATES}`);
  }
  if (certificates.length === 0) throw new DerError("asks about nothing");
  return certificates;
}

function readCertificateId(request: DerReader): ReadCertificateId {
  const element = request.read(TAG.sequence, "reqCert");
  const reader = request.within(element, "reqCert");
  const algorithm = reader.enter(TAG.sequence, "hashAlgorithm");
  const hashAlgorithm = readObjectIdentifier(algorithm, "hashAlgorithm");
  algorithm.readOptional(TAG.null, "hashAlgorithm");
  algorithm.expectEnd("hashAlgorithm");
  const issuerNameHash = contentOf(reader.read(TAG.octetString, "issuerNameHash"));
  const issuerKeyHash = contentOf(reader.read(TAG.octetString, "issuerKeyHash"));
  const serial = readPositiveInteger(reader, "serialNumber");
  if (serial.length > MAX_SERIAL_OCTETS) throw new DerError("serialNumber: too long");
  reader.expectEnd("reqCert");
  const encoded = encodingOf(element);
  return { hashAlgorithm, issuerNameHash, issuerKeyHash, serial: serial.toString("hex"), encoded };
}

/** @returns the value of the nonce, when there is one. */
function readExtensions(outer: DerReader): Buffer | undefined {
  const list = outer.enter(TAG.sequence, "extensions");
  outer.expectEnd("extensions");
  let nonce: Buffer | undefined;
  for (let count = 0; !list.isAtEnd(); count += 1) {
    if (count === MAX_EXTENSIONS) throw new DerError(`more than ${MAX_EXTENSIONS} extensions`);
    const { type, isCritical, value } = readExtension(list);
    if (type !== OID.ocspNonce) {
      if (isCritical) throw new DerError("extension: critical, and not known here");
      continue;
    }
    if (value.length === 0 || value.length > MAX_NONCE_OCTETS) throw new DerError("nonce: empty or too long");
    nonce = value;
  }
  return nonce;
}
