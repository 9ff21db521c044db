import { hostname } from "node:os";
import type { Clock } from "../shared/clock.ts";
import { ConfigurationError } from "./configuration.ts";
import { ATTESTATION_SIGNER, ATTESTED_GROUP } from "./domain/attestation.ts";
import { ADMINISTRATORS_GROUP } from "./domain/authorization.ts";
import type { CertificateIntent, CertificateRecord, SignedCertificate } from "./domain/certificate.ts";
import { NO_ALTERNATIVE_NAMES, NO_SUBJECT, type Subject, type SubjectAltNames } from "./domain/csr-facts.ts";
import type { ActiveIssuer } from "./domain/issuer.ts";
import { nameViolation } from "./domain/name-constraints.ts";
import type { CertificateSigner, Certificates, SigningIssuers } from "./domain/ports.ts";
import { serverNames } from "./domain/server-names.ts";

const DAY_SECONDS = 86_400;
const BACKDATE_MILLISECONDS = 300_000;
const LIFETIME_DAYS = 365;
const DIGITAL_SIGNATURE = 1;
const SERVING = "gatehouse.dev/serving";
const ADMINISTRATOR = "gatehouse.dev/administrator";

const ADMINISTRATOR_NAME = "gatehouse-admin";

/** A new key pair and the certificate for it, as PEM. */
export interface OwnCertificate {
  readonly certificatePem: string;
  /** The CAs between it and the root; empty when a root signed it. */
  readonly chainPem: string;
  /** The CA that signed it and what else is between that and the root. */
  readonly issuerPem: string;
  readonly privateKeyPem: string;
  readonly notAfter: Date;
}

interface PublicKey {
  readonly spkiDer: Uint8Array;
  /** Lower-case hex SHA-256 of `spkiDer`. */
  readonly spkiSha256: string;
}

interface KeyPair extends PublicKey {
  pkcs8Pem(): string;
}

/** A certificate that is signed and not on record: to be recorded before anybody sees it. */
export interface UnrecordedCertificate {
  readonly record: CertificateRecord;
  readonly pem: string;
  /** The CAs between it and the root. */
  readonly chainPem: string;
}

export interface OwnIdentityDependencies {
  readonly issuers: SigningIssuers;
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
      issue(deps, SERVING, subjectOf("gatehouse", []), sans, "serverAuth"),
    /** A client certificate with every right. */
    administrator: (): Promise<OwnCertificate> =>
      issue(
        deps,
        ADMINISTRATOR,
        subjectOf(ADMINISTRATOR_NAME, [ADMINISTRATORS_GROUP]),
        NO_ALTERNATIVE_NAMES,
        "clientAuth",
      ),
    /** A client certificate for a machine that attested. */
    async attested(name: string, key: PublicKey, lifetimeSeconds: number): Promise<UnrecordedCertificate> {
      const { signed, record, issuer } = await sign(deps, {
        ...{ signerName: ATTESTATION_SIGNER, key, usage: "clientAuth", lifetimeSeconds, sans: NO_ALTERNATIVE_NAMES },
        subject: subjectOf(name, [ATTESTED_GROUP]),
      });
      return { record, pem: signed.pem, chainPem: issuer.chainPem };
    },
  };
}

function subjectOf(commonName: string, organization: readonly string[]): Subject {
  return { ...NO_SUBJECT, organization, commonName };
}

async function issue(
  deps: OwnIdentityDependencies,
  signerName: string,
  subject: Subject,
  sans: SubjectAltNames,
  usage: Usage,
): Promise<OwnCertificate> {
  const key = await deps.generateKeyPair();
  const lifetimeSeconds = LIFETIME_DAYS * DAY_SECONDS;
  const { signed, record, issuer } = await sign(deps, { signerName, subject, sans, usage, key, lifetimeSeconds });
  await deps.certificates.record(record);
  return {
    certificatePem: signed.pem,
    chainPem: issuer.chainPem,
    issuerPem: issuer.chainPem === "" ? issuer.description.certificatePem : issuer.chainPem,
    privateKeyPem: key.pkcs8Pem(),
    notAfter: signed.notAfter,
  };
}

type Usage = "serverAuth" | "clientAuth";

interface Wish {
  readonly signerName: string;
  readonly subject: Subject;
  readonly sans: SubjectAltNames;
  readonly usage: Usage;
  readonly key: PublicKey;
  readonly lifetimeSeconds: number;
}

async function sign(deps: OwnIdentityDependencies, { signerName, subject, sans, usage, key, lifetimeSeconds }: Wish) {
  const issuer = readyIssuer(deps.issuers, signerName, { subject, sans });
  const now = deps.clock.now();
  const wanted = now.getTime() + lifetimeSeconds * 1000;
  const intent: CertificateIntent = {
    subject,
    sans,
    spkiDer: key.spkiDer,
    keyUsage: DIGITAL_SIGNATURE,
    extendedKeyUsages: [usage],
    notBefore: wholeSeconds(now.getTime() - BACKDATE_MILLISECONDS),
    notAfter: wholeSeconds(Math.min(wanted, issuer.notAfter.getTime())),
  };
  const signed = await deps.signer.sign(intent, issuer.description.id);
  return { signed, issuer, record: recordOf(signed, intent, key, signerName, now) };
}

/** Without these certificates nobody could reach us, not even to bring the issuer's: they need one that is there. */
function readyIssuer(
  issuers: SigningIssuers,
  signerName: string,
  names: Pick<CertificateIntent, "subject" | "sans">,
): ActiveIssuer {
  const availability = issuers.issuerFor(signerName);
  const wayOut = `name another issuer for ${signerName} under signers`;
  if (availability.kind === "awaited") throw new ConfigurationError(`${availability.message}; until then ${wayOut}`);
  const violation = nameViolation(names, availability.issuer.constraints);
  if (violation !== undefined) throw new ConfigurationError(`${signerName}: ${violation}; ${wayOut}`);
  return availability.issuer;
}

function wholeSeconds(epochMilliseconds: number): Date {
  return new Date(Math.floor(epochMilliseconds / 1000) * 1000);
}

function recordOf(
  signed: SignedCertificate,
  intent: CertificateIntent,
  { spkiSha256 }: PublicKey,
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
  const names = ["localhost", hostname().toLowerCase(), "127.0.0.1", "::1", listenHost, ...configured];
  return serverNames(names.filter((name) => name !== "" && name !== "0.0.0.0" && name !== "::"));
}
