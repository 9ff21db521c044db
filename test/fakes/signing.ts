import type { CertificateIntent, SignedCertificate } from "../../services/certificate-authority/domain/certificate.ts";
import type { CsrDecoding, CsrFacts } from "../../services/certificate-authority/domain/csr-facts.ts";
import type {
  ActiveIssuer,
  IssuerAvailability,
  IssuerDescription,
} from "../../services/certificate-authority/domain/issuer.ts";
import type {
  CertificateSigner,
  CsrDecoder,
  SigningIssuers,
} from "../../services/certificate-authority/domain/ports.ts";

export interface FakeDecoder extends CsrDecoder {
  /** What was asked to be decoded, in order. */
  readonly decoded: readonly string[];
  /** What `request` says from now on; a text is the reason why it is invalid. */
  says(request: string, facts: CsrFacts | string): void;
}

/** Finds `usual` in every request it was told nothing about. */
export function createFakeDecoder(usual: CsrFacts): FakeDecoder {
  const decoded: string[] = [];
  const contents = new Map<string, CsrFacts | string>();
  return {
    decoded,
    says: (request, facts) => contents.set(request, facts),
    async decode(request): Promise<CsrDecoding> {
      decoded.push(request);
      const facts = contents.get(request) ?? usual;
      return typeof facts === "string" ? { kind: "invalid", message: facts } : { kind: "facts", facts };
    },
  };
}

export interface FakeSigner extends CertificateSigner {
  /** One issuer signs for everybody, until another answer is set. */
  readonly issuers: SigningIssuers & { availability: IssuerAvailability };
  readonly issuer: ActiveIssuer;
  /** What was asked to be signed, in order; failed attempts included. */
  readonly intents: readonly CertificateIntent[];
  /** The next signature fails, or has this serial. */
  next(outcome: Error | { readonly serial: string }): void;
}

/** Signs nothing: the certificate's text is `certificate <serial>`, serials count up from `01`. */
export function createFakeSigner(issuerNotAfter: Date): FakeSigner {
  const intents: CertificateIntent[] = [];
  const outcomes: (Error | { readonly serial: string })[] = [];
  let serials = 0;
  const description: IssuerDescription = {
    id: "cc".repeat(32),
    commonName: "test CA",
    keyAlgorithm: "ecdsa-p256",
    certificateDer: new Uint8Array(),
    certificatePem: "",
    serial: "01",
    notBefore: new Date(0),
    notAfter: issuerNotAfter,
  };
  const issuer: ActiveIssuer = {
    description,
    chainPem: "",
    notAfter: issuerNotAfter,
    constraints: [],
    isRemote: false,
  };
  const issuers = {
    availability: { kind: "ready", issuer } as IssuerAvailability,
    issuerFor: (): IssuerAvailability => issuers.availability,
  };
  return {
    intents,
    next: (outcome) => outcomes.push(outcome),
    issuers,
    issuer,
    async sign(intent, issuerId): Promise<SignedCertificate> {
      intents.push(intent);
      const outcome = outcomes.shift();
      if (outcome instanceof Error) throw outcome;
      serials += 1;
      const serial = outcome?.serial ?? serials.toString(16).padStart(2, "0");
      const { notBefore, notAfter } = intent;
      const pem = `certificate ${serial}`;
      return {
        pem,
        der: Buffer.from(pem),
        serial,
        fingerprint: `f${serial}`,
        issuerId,
        notBefore,
        notAfter,
      };
    },
  };
}
