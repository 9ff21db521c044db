import "reflect-metadata";
import { randomBytes } from "node:crypto";
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { KeyAlgorithm } from "../domain/issuer.ts";
import { CustodyError } from "./custody-error.ts";
import { exportPrivateKey, generateWebCryptoKeys, webCrypto } from "./key-pair.ts";

const BACKDATE_SECONDS = 300;
/** RFC 5280, appendix A.1: ub-common-name-length. */
const COMMON_NAME_MAX_LENGTH = 64;
/** RFC 5280, 4.1.2.5: the last instant a certificate can name. */
const LAST_INSTANT = new Date("9999-12-31T23:59:59Z");

export interface SelfSignedIssuer {
  readonly certificateDer: Buffer;
  /** PKCS#8, DER. */
  readonly pkcs8Der: Buffer;
}

/** What a new issuer looks like. */
export interface IssuerWish {
  readonly algorithm: KeyAlgorithm;
  readonly commonName: string;
  /** From `now` on, whole seconds. */
  readonly lifetimeSeconds: number;
  readonly now: Date;
}

/**
 * Makes a CA key and its self-signed certificate: v3, basicConstraints CA without path length, keyUsage
 * digitalSignature, keyCertSign and cRLSign, subject key identifier. Valid from five minutes before `now`, for clock skew.
 *
 * @throws {CustodyError} InvalidArgument for a common name or lifetime that no certificate can carry.
 * Source: RFC 5280, 4.2.1; kubernetes cmd/kubeadm/app/util/pkiutil/pki_helpers.go for the usages.
 */
export async function makeSelfSignedIssuer(wish: IssuerWish): Promise<SelfSignedIssuer> {
  const { notBefore, notAfter } = chooseValidity(wish);
  const name = [{ CN: [checkCommonName(wish.commonName)] }];
  const { keys, signingAlgorithm } = await generateWebCryptoKeys(wish.algorithm);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomSerial(),
      name,
      notBefore,
      notAfter,
      keys,
      signingAlgorithm,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(
          KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
          true,
        ),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webCrypto),
      ],
    },
    webCrypto,
  );
  return { certificateDer: Buffer.from(certificate.rawData), pkcs8Der: await exportPrivateKey(keys.privateKey) };
}

function chooseValidity({ lifetimeSeconds, now }: IssuerWish): { notBefore: Date; notAfter: Date } {
  const nowEpoch = Math.floor(now.getTime() / 1000);
  const notAfter = new Date((nowEpoch + lifetimeSeconds) * 1000);
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || !(notAfter <= LAST_INSTANT)) {
    throw new CustodyError("InvalidArgument", `an issuer cannot live ${lifetimeSeconds} seconds from now`);
  }
  return { notBefore: new Date((nowEpoch - BACKDATE_SECONDS) * 1000), notAfter };
}

function checkCommonName(commonName: string): string {
  if (commonName.trim() !== "" && commonName.length <= COMMON_NAME_MAX_LENGTH) return commonName;
  throw new CustodyError(
    "InvalidArgument",
    `an issuer's common name has 1 to ${COMMON_NAME_MAX_LENGTH} characters, "${commonName}" does not`,
  );
}

/** Sixteen random octets as hex; the first bit is 0, so that the number is positive, and the second 1, so that it is long. */
function randomSerial(): string {
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  return serial.toString("hex");
}
