import "reflect-metadata";
import { type KeyObject, randomBytes } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { KeyAlgorithm } from "../domain/issuer.ts";
import { isEmptySubtrees, type NameConstraints } from "../domain/name-subtrees.ts";
import type { RemoteKey } from "../domain/remote-key.ts";
import { CustodyError } from "./custody-error.ts";
import { generateWebCryptoKeys, importWebCryptoKeys, remoteWebCryptoKeys, type WebCryptoKeys } from "./key-pair.ts";
import { encodeNameConstraints } from "./name-constraints-codec.ts";

const BACKDATE_SECONDS = 300;
/** RFC 5280, appendix A.1: ub-common-name-length. */
const COMMON_NAME_MAX_LENGTH = 64;
/** RFC 5280, 4.1.2.5: the last instant a certificate can name. */
const LAST_INSTANT = new Date("9999-12-31T23:59:59Z");
const NAME_CONSTRAINTS = "2.5.29.30";

export interface MadeIssuer {
  readonly certificateDer: Buffer;
  /** PKCS#8, DER. */
  readonly pkcs8Der: Buffer;
}

/** What a CA is to be called and what it may do. */
export interface AuthorityWish {
  readonly commonName: string;
  /** How many CAs may be below it, one below the other; any number when absent. */
  readonly pathLength?: number | undefined;
  readonly nameConstraints?: NameConstraints | undefined;
}

/** What a new issuer looks like. */
export interface IssuerWish extends AuthorityWish {
  readonly algorithm: KeyAlgorithm;
  /** From `now` on, whole seconds. */
  readonly lifetimeSeconds: number;
  readonly now: Date;
  /** The CA that signs it; without one it signs itself. */
  readonly parent?: SigningParent | undefined;
}

/** A CA whose key is at hand. */
export interface SigningParent {
  readonly certificateDer: Uint8Array;
  /** As `IssuerDescription.keyAlgorithm`. */
  readonly keyAlgorithm: string;
  readonly privateKey: KeyObject | RemoteKey;
}

/**
 * Makes a CA key and its certificate: v3, basicConstraints CA, keyUsage digitalSignature, keyCertSign and cRLSign, key
 * identifiers, name constraints (critical) when there are any. Valid from five minutes before `now`, for clock skew.
 *
 * @throws {CustodyError} InvalidArgument for a common name or lifetime that no certificate can carry.
 * Source: RFC 5280, 4.2.1; kubernetes cmd/kubeadm/app/util/pkiutil/pki_helpers.go for the usages.
 */
export async function makeIssuer(wish: IssuerWish): Promise<MadeIssuer> {
  checkWish(wish);
  const made = await generateWebCryptoKeys(wish.algorithm);
  return { certificateDer: await certify(wish, made), pkcs8Der: made.pkcs8Der };
}

/**
 * Makes the certificate of a CA whose key is elsewhere; otherwise as `makeIssuer`.
 *
 * @returns DER.
 */
export async function makeRemoteIssuer(wish: Omit<IssuerWish, "algorithm">, key: RemoteKey): Promise<Buffer> {
  checkWish(wish);
  return certify(wish, await remoteWebCryptoKeys(key));
}

/** Before a key is made for what cannot be. */
function checkWish(wish: Omit<IssuerWish, "algorithm">): void {
  chooseValidity(wish);
  subjectOf(wish);
}

async function certify(wish: Omit<IssuerWish, "algorithm">, own: WebCryptoKeys): Promise<Buffer> {
  const { notBefore, notAfter } = chooseValidity(wish);
  const subject = subjectOf(wish);
  const extensions = [
    ...authorityExtensions(wish),
    await SubjectKeyIdentifierExtension.create(own.spkiDer, false, own.crypto),
  ];
  // As octets: the parent's key may be of a kind that another WebCrypto signs with.
  const content = { serialNumber: randomSerial(), notBefore, notAfter, subject, publicKey: own.spkiDer };
  const certificate =
    wish.parent === undefined
      ? await X509CertificateGenerator.create(
          { ...content, extensions, issuer: subject, ...signingWith(own) },
          own.crypto,
        )
      : await signedBy(wish.parent, content, extensions);
  return Buffer.from(certificate.rawData);
}

/**
 * A CA says of another's key that it stands for that other CA: whoever trusts the first accepts what the second signs. It
 * says what the second's own certificate says, and ends with the first of the two.
 *
 * @returns DER.
 * Source: RFC 4210, 4.4 (new with old); RFC 5280, 3.2 (self-issued certificates).
 */
export async function makeBridge(
  subject: { readonly certificateDer: Uint8Array },
  parent: SigningParent,
  now: Date,
): Promise<Buffer> {
  const own = new X509Certificate(new Uint8Array(subject.certificateDer));
  const above = new X509Certificate(new Uint8Array(parent.certificateDer));
  const content = {
    serialNumber: randomSerial(),
    notBefore: new Date((Math.floor(now.getTime() / 1000) - BACKDATE_SECONDS) * 1000),
    notAfter: new Date(Math.min(own.notAfter.getTime(), above.notAfter.getTime())),
    subject: own.subjectName.toJSON(),
    publicKey: new Uint8Array(own.publicKey.rawData),
  };
  const kept = own.extensions.filter((extension) => !(extension instanceof AuthorityKeyIdentifierExtension));
  return Buffer.from((await signedBy(parent, content, kept)).rawData);
}

function signingWith({ keys, signingAlgorithm }: WebCryptoKeys) {
  return { signingKey: keys.privateKey, signingAlgorithm };
}

async function signedBy(
  { certificateDer, keyAlgorithm, privateKey }: SigningParent,
  content: Readonly<Record<"notBefore" | "notAfter", Date>> & {
    readonly serialNumber: string;
    readonly subject: JsonName;
    readonly publicKey: Uint8Array<ArrayBuffer>;
  },
  extensions: readonly Extension[],
): Promise<X509Certificate> {
  const parent = new X509Certificate(new Uint8Array(certificateDer));
  const signing = await importWebCryptoKeys(privateKey, keyAlgorithm);
  const identifier = parent.getExtension(SubjectKeyIdentifierExtension)?.keyId;
  const ofParent = identifier === undefined ? [] : [new AuthorityKeyIdentifierExtension(identifier)];
  return X509CertificateGenerator.create(
    { ...content, issuer: parent.subjectName, ...signingWith(signing), extensions: [...extensions, ...ofParent] },
    signing.crypto,
  );
}

export interface MadeRequest {
  /** PKCS#10 (RFC 2986), DER. */
  readonly requestDer: Buffer;
}

/**
 * Asks for a CA certificate: the request says what the certificate is to say, and whoever signs it decides.
 *
 * @param privateKey - the key that the certificate is to be about.
 */
export async function makeIssuerRequest(
  wish: AuthorityWish,
  privateKey: KeyObject | RemoteKey,
  keyAlgorithm: string,
): Promise<MadeRequest> {
  const { keys, signingAlgorithm, crypto } = await importWebCryptoKeys(privateKey, keyAlgorithm);
  const request = await Pkcs10CertificateRequestGenerator.create(
    { name: subjectOf(wish), keys, signingAlgorithm, extensions: authorityExtensions(wish) },
    crypto,
  );
  return { requestDer: Buffer.from(request.rawData) };
}

function authorityExtensions({ pathLength, nameConstraints }: AuthorityWish): Extension[] {
  const usages = KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
  const isConstrained = nameConstraints !== undefined && !Object.values(nameConstraints).every(isEmptySubtrees);
  return [
    new BasicConstraintsExtension(true, pathLength, true),
    new KeyUsagesExtension(usages, true),
    ...(isConstrained ? [new Extension(NAME_CONSTRAINTS, true, encodeNameConstraints(nameConstraints))] : []),
  ];
}

function chooseValidity({ lifetimeSeconds, now }: Pick<IssuerWish, "lifetimeSeconds" | "now">): {
  notBefore: Date;
  notAfter: Date;
} {
  const nowEpoch = Math.floor(now.getTime() / 1000);
  const notAfter = new Date((nowEpoch + lifetimeSeconds) * 1000);
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || !(notAfter <= LAST_INSTANT)) {
    throw new CustodyError("InvalidArgument", `an issuer cannot live ${lifetimeSeconds} seconds from now`);
  }
  return { notBefore: new Date((nowEpoch - BACKDATE_SECONDS) * 1000), notAfter };
}

function subjectOf({ commonName }: AuthorityWish) {
  if (commonName.trim() !== "" && commonName.length <= COMMON_NAME_MAX_LENGTH) return [{ CN: [commonName] }];
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
