import { hostname } from "node:os";
import type { Clock } from "../shared/clock.ts";
import { ADMINISTRATORS_GROUP } from "./domain/authorization.ts";
import type { CertificateIntent, CertificateRecord, SignedCertificate } from "./domain/certificate.ts";
import { NO_ALTERNATIVE_NAMES, type Subject, type SubjectAltNames } from "./domain/csr-facts.ts";
import type { CertificateSigner, Certificates } from "./domain/ports.ts";

const DAY_MILLISECONDS = 86_400_000;
const BACKDATE_MILLISECONDS = 300_000;
const LIFETIME_DAYS = 365;
const DIGITAL_SIGNATURE = 1;

const ADMINISTRATOR_NAME = "gatehouse-admin";

/** A new key pair, the certificate for it and its issuer's, as PEM. */
export interface OwnCertificate {
  readonly certificatePem: string;
  readonly issuerPem: string;
  readonly privateKeyPem: string;
  readonly notAfter: Date;
}

interface KeyPair {
  readonly spkiDer: Uint8Array;
  /** Lower-case hex SHA-256 of `spkiDer`. */
  readonly spkiSha256: string;
  pkcs8Pem(): string;
}

export interface OwnIdentityDependencies {
  readonly signer: CertificateSigner;
  readonly certificates: Pick<Certificates, "record">;
  generateKeyPair(): Promise<KeyPair>;
  readonly clock: Clock;
}

/**
 * Certificates for Gatehouse itself: what its listeners serve and what its first administrator logs in with. They are
 * built by the same signer and recorded in the same ledger as every other certificate.
 */
export function ownIdentity(deps: OwnIdentityDependencies) {
  return {
    /** A serving certificate for the given DNS names and addresses. */
    serving: (sans: SubjectAltNames): Promise<OwnCertificate> =>
      issue(deps, "gatehouse.dev/serving", subjectOf("gatehouse", []), sans, "serverAuth"),
    /** A client certificate with every right. */
    administrator: (): Promise<OwnCertificate> =>
      issue(
        deps,
        "gatehouse.dev/administrator",
        subjectOf(ADMINISTRATOR_NAME, [ADMINISTRATORS_GROUP]),
        NO_ALTERNATIVE_NAMES,
        "clientAuth",
      ),
  };
}

function subjectOf(commonName: string, organization: readonly string[]): Subject {
  return {
    country: [],
    organization,
    organizationalUnit: [],
    locality: [],
    province: [],
    streetAddress: [],
    postalCode: [],
    commonName,
    serialNumber: "",
  };
}

async function issue(
  deps: OwnIdentityDependencies,
  signerName: string,
  subject: Subject,
  sans: SubjectAltNames,
  usage: "serverAuth" | "clientAuth",
): Promise<OwnCertificate> {
  const keys = await deps.generateKeyPair();
  const now = deps.clock.now();
  const wanted = now.getTime() + LIFETIME_DAYS * DAY_MILLISECONDS;
  const intent: CertificateIntent = {
    subject,
    sans,
    spkiDer: keys.spkiDer,
    keyUsage: DIGITAL_SIGNATURE,
    extendedKeyUsages: [usage],
    notBefore: wholeSeconds(now.getTime() - BACKDATE_MILLISECONDS),
    notAfter: wholeSeconds(Math.min(wanted, deps.signer.issuer().notAfter.getTime())),
  };
  const signed = await deps.signer.sign(intent);
  await deps.certificates.record(recordOf(signed, intent, keys, signerName, now));
  return {
    certificatePem: signed.pem,
    issuerPem: deps.signer.issuer().certificatePem,
    privateKeyPem: keys.pkcs8Pem(),
    notAfter: signed.notAfter,
  };
}

function wholeSeconds(epochMilliseconds: number): Date {
  return new Date(Math.floor(epochMilliseconds / 1000) * 1000);
}

function recordOf(
  signed: SignedCertificate,
  intent: CertificateIntent,
  { spkiSha256 }: KeyPair,
  signerName: string,
  issuedAt: Date,
): CertificateRecord {
  const { serial, fingerprint, issuerId, notBefore, notAfter, der } = signed;
  const { commonName, organization } = intent.subject;
  return {
    ...{ serial, fingerprint, issuerId, notBefore, notAfter, der, signerName, commonName, issuedAt },
    spkiSha256,
    organizations: organization,
    sans: intent.sans,
    nodeName: undefined,
    state: "issued",
    requestUid: undefined,
    requestName: undefined,
    requester: undefined,
    predecessor: undefined,
  };
}

/** What a serving certificate is for: loopback, this host and what the configuration adds. */
export function servingNames(listenHost: string, configured: readonly string[]): SubjectAltNames {
  const names = new Set(["localhost", hostname().toLowerCase(), "127.0.0.1", "::1", listenHost, ...configured]);
  const isAddress = (name: string): boolean => /^[0-9.]+$/.test(name) || name.includes(":");
  const all = [...names].filter((name) => name !== "" && name !== "0.0.0.0" && name !== "::");
  return {
    dnsNames: all.filter((name) => !isAddress(name)),
    emailAddresses: [],
    ipAddresses: all.filter(isAddress),
    uris: [],
  };
}
