import { TAG } from "../../shared/der/der-reader.ts";
import type { CertificateIntent } from "../domain/certificate.ts";
import type { SubjectAltNames } from "../domain/csr-facts.ts";
import { writePositiveInteger, writeTime } from "./der-values-writer.ts";
import { DerWriter } from "./der-writer.ts";
import { encodeAuthorityKeyIdentifier, encodeUsages, writeAlternativeNames } from "./extensions-writer.ts";
import type { IssuerCertificate } from "./issuer-certificate.ts";
import { writeName } from "./name-writer.ts";
import { encodePointers, NO_CHECK } from "./pointers-writer.ts";

/** [0] EXPLICIT INTEGER 2: version 3. */
const VERSION_3 = Buffer.from("a003020102", "hex");
const NO_OCTETS = Buffer.alloc(0);
/** Far more than there are signers; a bound in case usages ever come in every combination. */
const MAX_CACHED_USAGES = 64;

/** Writes certificates from intents. Its buffers are reused: take a certificate's bytes before building the next. */
export interface CertificateBuilder {
  /**
   * TBSCertificate. The view is valid until the next call.
   * @param serial - the serial number's magnitude, big-endian, at least one octet.
   */
  toBeSigned(intent: CertificateIntent, serial: Buffer): Buffer;
  /** The whole certificate, in memory of its own (no pool), ready to go to another thread. */
  certificate(toBeSigned: Buffer, signature: Buffer): Buffer;
}

/**
 * Builds what Kubernetes' signers build, under one issuer: KeyUsage, ExtendedKeyUsage, BasicConstraints,
 * AuthorityKeyIdentifier and SubjectAltName, each only when it applies; where revocation can be looked up, when that is
 * configured; and nothing else.
 *
 * Source: kubernetes pkg/controller/certificates/authority/policies.go; Go src/crypto/x509/x509.go (CreateCertificate).
 */
export function createCertificateBuilder(issuer: IssuerCertificate): CertificateBuilder {
  const tbsWriter = new DerWriter();
  const certificateWriter = new DerWriter();
  const { algorithmDer } = issuer.signature;
  const authorityKeyIdentifier = issuer.keyIdentifier ? encodeAuthorityKeyIdentifier(issuer.keyIdentifier) : NO_OCTETS;
  const { informationAccess, distributionPoints } = encodePointers(issuer.pointers);
  const cachedUsages = new Map<string, Buffer>();

  function usagesOf(intent: CertificateIntent): Buffer {
    const key = `${intent.keyUsage} ${intent.extendedKeyUsages.join(" ")}`;
    const cached = cachedUsages.get(key);
    if (cached !== undefined) return cached;
    const encoded = encodeUsages(intent);
    if (cachedUsages.size >= MAX_CACHED_USAGES) cachedUsages.clear();
    cachedUsages.set(key, encoded);
    return encoded;
  }

  function toBeSigned(intent: CertificateIntent, serial: Buffer): Buffer {
    const writer = tbsWriter;
    writer.reset();
    writeName(writer, intent.subject);
    const subjectDer = Buffer.from(writer.written());
    const isSelfNamed = subjectDer.equals(issuer.nameDer);

    writer.reset();
    writer.bytes(intent.isUnchecked ? NO_CHECK : distributionPoints);
    if (hasNames(intent.sans)) writeAlternativeNames(writer, intent.sans, isEmptyName(subjectDer));
    if (!intent.isUnchecked) writer.bytes(informationAccess);
    if (!isSelfNamed) writer.bytes(authorityKeyIdentifier);
    writer.bytes(usagesOf(intent));
    writer.wrap(TAG.sequence, 0);
    writer.wrap(0xa3, 0);
    writer.bytes(intent.spkiDer);
    writer.bytes(subjectDer);
    writeValidity(writer, intent);
    writer.bytes(issuer.nameDer);
    writer.bytes(algorithmDer);
    writePositiveInteger(writer, serial);
    writer.bytes(VERSION_3);
    writer.wrap(TAG.sequence, 0);
    return writer.written();
  }

  function certificate(tbs: Buffer, signature: Buffer): Buffer {
    const writer = certificateWriter;
    writer.reset();
    writer.bytes(signature);
    writer.octet(0);
    writer.wrap(TAG.bitString, 0);
    writer.bytes(algorithmDer);
    writer.bytes(tbs);
    writer.wrap(TAG.sequence, 0);
    const der = Buffer.allocUnsafeSlow(writer.size);
    writer.written().copy(der);
    return der;
  }

  return { toBeSigned, certificate };
}

/** Whether there is any name to put into a subjectAltName. */
export function hasNames({ dnsNames, emailAddresses, ipAddresses, uris }: SubjectAltNames): boolean {
  return dnsNames.length + emailAddresses.length + ipAddresses.length + uris.length > 0;
}

/** An empty SEQUENCE: a subject without attributes. */
export function isEmptyName(nameDer: Buffer): boolean {
  return nameDer.length === 2;
}

function writeValidity(writer: DerWriter, { notBefore, notAfter }: CertificateIntent): void {
  const validityEnd = writer.size;
  writeTime(writer, notAfter);
  writeTime(writer, notBefore);
  writer.wrap(TAG.sequence, validityEnd);
}
