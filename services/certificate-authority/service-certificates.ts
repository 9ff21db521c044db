import { createHash, createPrivateKey } from "node:crypto";
import { type Clock, systemClock } from "../shared/clock.ts";
import { createLogger } from "../shared/logging.ts";
import { generateKeyPair } from "./custody/key-pair.ts";
import { makeIssuer } from "./custody/make-issuer.ts";
import { encodePem } from "./custody/pem.ts";
import { NO_SUBJECT } from "./domain/csr-facts.ts";
import { serverNames } from "./domain/server-names.ts";
import { createSigner } from "./signer/signer.ts";

const BACKDATE_MILLISECONDS = 300_000;
const DIGITAL_SIGNATURE = 1;

/** A certificate for a program. */
export interface ServiceCertificateWish {
  readonly commonName: string;
  readonly purpose: "serverAuth" | "clientAuth";
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
}

export interface ServiceCertificates {
  readonly caPem: string;
  /** In the order of the wishes; keys as PKCS#8. */
  readonly certificates: readonly { readonly certificatePem: string; readonly keyPem: string }[];
}

/**
 * Makes certificates that two programs trust each other by, under a CA of their own whose key is forgotten: nothing else can
 * ever be signed by it, and a renewal is a new set. They are on nobody's record and give no right in any cluster.
 *
 * @param lifetimeSeconds - of all of them, the CA included.
 */
export async function makeServiceCertificates(
  caName: string,
  wishes: readonly ServiceCertificateWish[],
  lifetimeSeconds: number,
  clock: Clock = systemClock,
): Promise<ServiceCertificates> {
  const now = clock.now();
  const ca = await makeIssuer({ algorithm: "ecdsa-p256", commonName: caName, lifetimeSeconds, now });
  const privateKey = createPrivateKey({ key: ca.pkcs8Der, format: "der", type: "pkcs8" });
  const { certificateDer } = ca;
  const logger = createLogger({ level: "warn" });
  const room = createSigner({ issuers: [{ certificateDer, privateKey }], workers: 1, clock, logger });
  const issuerId = createHash("sha256").update(certificateDer).digest("hex");
  const notBefore = wholeSeconds(now.getTime() - BACKDATE_MILLISECONDS);
  const notAfter = wholeSeconds(now.getTime() + lifetimeSeconds * 1000);
  try {
    const certificates = wishes.map(async ({ commonName, purpose, names }) => {
      const keys = await generateKeyPair("ecdsa-p256");
      const content = { subject: { ...NO_SUBJECT, commonName }, sans: serverNames(names), spkiDer: keys.spkiDer };
      const intent = { ...content, keyUsage: DIGITAL_SIGNATURE, extendedKeyUsages: [purpose], notBefore, notAfter };
      const { pem } = await room.signer.sign(intent, issuerId);
      return { certificatePem: pem, keyPem: keys.pkcs8Pem() };
    });
    return { caPem: encodePem("CERTIFICATE", certificateDer), certificates: await Promise.all(certificates) };
  } finally {
    await room.close();
  }
}

function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}
