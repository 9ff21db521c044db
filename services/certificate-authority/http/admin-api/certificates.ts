import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { CertificateSummary } from "../../domain/certificate.ts";
import { type Call, type Handler, sendBytes, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate, PEM_TYPE } from "../negotiation.ts";
import { certificateListQuery, toCertificateQuery } from "./certificate-query.ts";
import { type ExaminationDependencies, examineCertificate } from "./examine-certificate.ts";
import { certificatePemOf } from "./pem.ts";
import { API_VERSION, type CertificateResource, listBody } from "./resources.ts";
import { pathParameter, readQuery } from "./validation.ts";

export interface CertificateDependencies extends ExaminationDependencies {
  readonly clock: Clock;
}

export function certificateHandlers(deps: CertificateDependencies): {
  readonly list: Handler;
  readonly show: Handler;
} {
  const { certificates, clock } = deps;

  async function list(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const now = clock.now();
    const page = await certificates.find(toCertificateQuery(readQuery(certificateListQuery, call.query), now));
    const items = page.items.map((record) => describeCertificate(record, now));
    sendJson(call.response, 200, listBody("CertificateList", items, page.continueToken));
  }

  async function show(call: Call): Promise<void> {
    readQuery(z.strictObject({}), call.query);
    const type = negotiate(call.request.headers.accept, [JSON_TYPE, PEM_TYPE]);
    const id = pathParameter(call, 1);
    const record = await certificates.get(toCertificateId(id));
    if (record === undefined) throw noSuchCertificate(id);
    const certificatePem = certificatePemOf(record.der);
    if (type === PEM_TYPE) return sendBytes(call.response, 200, PEM_TYPE, Buffer.from(certificatePem));
    const now = clock.now();
    const examination = await examineCertificate(record, (kin) => stateOf(kin, now), now, deps);
    sendJson(call.response, 200, { ...describeCertificate(record, now), certificatePem, ...examination });
  }

  return { list, show };
}

/** Serials and fingerprints as openssl and browsers show them (`0A:1B:…`) mean the same as our lower-case hex. */
export function toCertificateId(id: string): string {
  const hex = id.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{1,64}$/.test(hex)) {
    const wayOut = "give a serial or a SHA-256 fingerprint in hexadecimal";
    throw new StatusError("BadRequest", `${JSON.stringify(id.slice(0, 80))} is no certificate id: ${wayOut}`);
  }
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

function noSuchCertificate(id: string): StatusError {
  return new StatusError("NotFound", `no certificate with serial or fingerprint ${id} is on record`, {
    details: { kind: "certificates", name: id },
  });
}

/** A record as `/v1` shows it, without its PEM. */
export function describeCertificate(record: CertificateSummary, now: Date): CertificateResource {
  const { requestName, requestUid, requester } = record;
  return {
    apiVersion: API_VERSION,
    kind: "Certificate",
    serial: record.serial,
    fingerprint: record.fingerprint,
    state: stateOf(record, now),
    signerName: record.signerName,
    issuerId: record.issuerId,
    ...(record.nodeName !== undefined && { nodeName: record.nodeName }),
    commonName: record.commonName,
    organizations: [...record.organizations],
    dnsNames: [...record.sans.dnsNames],
    emailAddresses: [...record.sans.emailAddresses],
    ipAddresses: [...record.sans.ipAddresses],
    uris: [...record.sans.uris],
    publicKeySha256: record.spkiSha256,
    notBefore: toKubernetesTime(record.notBefore),
    notAfter: toKubernetesTime(record.notAfter),
    issuedAt: toKubernetesTime(record.issuedAt),
    ...(record.importedAt !== undefined && { importedAt: toKubernetesTime(record.importedAt) }),
    ...(requestName !== undefined && {
      request: { name: requestName, uid: requestUid ?? "", requester: requester ?? "" },
    }),
    ...(record.predecessor !== undefined && { predecessor: record.predecessor }),
    ...(record.keyReused !== undefined && { keyReused: record.keyReused }),
  };
}

/** notAfter is the last valid instant (RFC 5280 section 4.1.2.5). */
function stateOf(record: CertificateSummary, now: Date): CertificateResource["state"] {
  if (record.state === "revoked") return "revoked";
  return record.notAfter < now ? "expired" : "valid";
}
