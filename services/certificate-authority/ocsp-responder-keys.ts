import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { CertificateIntent } from "./domain/certificate.ts";
import { NO_ALTERNATIVE_NAMES, NO_SUBJECT, type Subject } from "./domain/csr-facts.ts";
import type { CertificateSigner, Certificates } from "./domain/ports.ts";
import type { IssuerDirectory } from "./issuer-directory.ts";
import type { OcspResponderKey } from "./signer/ocsp-codec.ts";

/** What is not checked for revocation must not live long. */
const LIFETIME_MILLISECONDS = 7 * 86_400_000;
const BACKDATE_MILLISECONDS = 300_000;
const DIGITAL_SIGNATURE = 1;
const SIGNER_NAME = "gatehouse.dev/ocsp";
const COMMON_NAME = "gatehouse-ocsp";

const SUBJECT: Subject = { ...NO_SUBJECT, commonName: COMMON_NAME };

export interface OcspResponderKeysDependencies {
  readonly issuers: { readonly directory: IssuerDirectory };
  readonly signer: CertificateSigner;
  readonly certificates: Pick<Certificates, "record">;
  generateKeyPair(): Promise<KeyPair>;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface KeyPair {
  readonly spkiDer: Uint8Array;
  readonly spkiSha256: string;
  pkcs8Pem(): string;
}

interface Charged {
  readonly key: OcspResponderKey;
  readonly renewAt: number;
}

/**
 * The keys that answer OCSP, one an issuer, with the certificates by which the issuers charge them. As that of the
 * server they live in memory only, and are made when they are first needed, and anew before they expire.
 */
export function ocspResponderKeys(
  deps: OcspResponderKeysDependencies,
): (issuerId: string) => Promise<OcspResponderKey> {
  const charged = new Map<string, Charged>();
  const making = new Map<string, Promise<Charged>>();

  async function charge(issuerId: string): Promise<Charged> {
    const { signer, certificates, clock, logger } = deps;
    const keys = await deps.generateKeyPair();
    const now = clock.now().getTime();
    const issuerEnd = endOf(deps.issuers.directory, issuerId);
    const intent: CertificateIntent = {
      ...{ subject: SUBJECT, sans: NO_ALTERNATIVE_NAMES, spkiDer: keys.spkiDer, keyUsage: DIGITAL_SIGNATURE },
      ...{ extendedKeyUsages: ["ocspSigning"], isUnchecked: true },
      notBefore: wholeSeconds(now - BACKDATE_MILLISECONDS),
      notAfter: wholeSeconds(Math.min(now + LIFETIME_MILLISECONDS, issuerEnd)),
    };
    const { serial, fingerprint, notBefore, notAfter, der } = await signer.sign(intent, issuerId);
    const nobody = { requestUid: undefined, requestName: undefined, requester: undefined, predecessor: undefined };
    await certificates.record({
      ...{ serial, fingerprint, issuerId, notBefore, notAfter, der, signerName: SIGNER_NAME, commonName: COMMON_NAME },
      ...{ organizations: [], sans: NO_ALTERNATIVE_NAMES, spkiSha256: keys.spkiSha256, nodeName: undefined },
      ...{ issuedAt: new Date(now), state: "issued", ...nobody },
    });
    logger.info({ issuerId, serial, notAfter }, "made a certificate to answer OCSP with");
    const privateKey = createPrivateKey(keys.pkcs8Pem());
    const key = { certificateDer: der, privateKey, publicKey: createPublicKey(privateKey) };
    return { key, renewAt: now + ((notAfter.getTime() - now) * 2) / 3 };
  }

  return async (issuerId) => {
    const known = charged.get(issuerId);
    if (known !== undefined && deps.clock.now().getTime() < known.renewAt) return known.key;
    // Whoever comes first makes it for all.
    const next = making.get(issuerId) ?? charge(issuerId).finally(() => making.delete(issuerId));
    making.set(issuerId, next);
    const made = await next;
    charged.set(issuerId, made);
    return made.key;
  };
}

function endOf({ signing }: IssuerDirectory, issuerId: string): number {
  const certificates = signing.map(({ certificateDer }) => new X509Certificate(certificateDer));
  const issuer = certificates.find(
    ({ fingerprint256 }) => fingerprint256.replaceAll(":", "").toLowerCase() === issuerId,
  );
  return issuer?.validToDate.getTime() ?? 0;
}

function wholeSeconds(epochMilliseconds: number): Date {
  return new Date(Math.floor(epochMilliseconds / 1000) * 1000);
}
