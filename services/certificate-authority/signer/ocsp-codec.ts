import { createHash, type KeyObject, sign, verify } from "node:crypto";
import { promisify } from "node:util";
import { DerReader, TAG } from "../../shared/der/der-reader.ts";
import { readOctetAlignedBits } from "../../shared/der/der-values.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { OcspCodec } from "../domain/ocsp.ts";
import { loadIssuerCertificate } from "./issuer-certificate.ts";
import { type ReadCertificateId, readOcspRequest } from "./ocsp-request-reader.ts";
import { ocspFailure, ocspResponse, ocspToBeSigned } from "./ocsp-response-writer.ts";

/** What answers for one issuer: a certificate of that issuer for an ECDSA P-256 key, and the key. */
export interface OcspResponderKey {
  readonly certificateDer: Uint8Array;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export interface OcspCodecDependencies {
  /** The certificates of the issuers that are answered for, DER. The same list as long as they are the same. */
  readonly issuers: () => readonly { readonly certificateDer: Uint8Array }[];
  /** @throws when the issuer cannot charge anybody now. */
  readonly responderFor: (issuerId: string) => Promise<OcspResponderKey>;
}

const HASHES: ReadonlyMap<string, string> = new Map([
  ["2b0e03021a", "sha1"],
  ["608648016503040201", "sha256"],
  ["608648016503040202", "sha384"],
  ["608648016503040203", "sha512"],
]);
const ECDSA_WITH_SHA256 = Buffer.from("300a06082a8648ce3d040302", "hex");

const signInPool = promisify<string, Uint8Array, KeyObject, Buffer>(sign);
const verifyInPool = promisify<string, Uint8Array, KeyObject, Uint8Array, boolean>(verify);

/** Which issuer is meant by which hashes. */
type IssuerIndex = ReadonlyMap<string, string>;

export function createOcspCodec({ issuers, responderFor }: OcspCodecDependencies): OcspCodec {
  let indexed: { readonly of: unknown; readonly index: IssuerIndex } | undefined;

  function index(): IssuerIndex {
    const now = issuers();
    if (indexed?.of !== now) indexed = { of: now, index: indexOf(now) };
    return indexed.index;
  }

  return {
    read(request) {
      const { certificates, nonce } = readOcspRequest(Buffer.from(request));
      const known = index();
      return {
        certificates: certificates.map((id) => {
          return { issuerId: known.get(keyOf(id)), serial: id.serial, encoded: id.encoded };
        }),
        nonce,
      };
    },
    async sign(issuerId, answer) {
      const { certificateDer, privateKey, publicKey } = await responderFor(issuerId);
      const toBeSigned = ocspToBeSigned(keyHashOf(publicKey), answer);
      const signature = await signInPool("sha256", toBeSigned, privateKey);
      if (!(await verifyInPool("sha256", toBeSigned, publicKey, signature))) {
        throw new StatusError("InternalError", "the signature of an OCSP answer is not the responder's");
      }
      return ocspResponse(toBeSigned, ECDSA_WITH_SHA256, signature, certificateDer);
    },
    failure: ocspFailure,
  };
}

function indexOf(issuers: readonly { readonly certificateDer: Uint8Array }[]): IssuerIndex {
  const entries = issuers.flatMap(({ certificateDer }) => {
    const { description, nameDer, publicKey } = loadIssuerCertificate(certificateDer);
    const keyBits = keyBitsOf(publicKey);
    return [...HASHES].map(([oid, name]) => {
      const [nameHash, keyHash] = [nameDer, keyBits].map((octets) => createHash(name).update(octets).digest("hex"));
      return [`${oid} ${nameHash} ${keyHash}`, description.id] as const;
    });
  });
  return new Map(entries);
}

function keyOf({ hashAlgorithm, issuerNameHash, issuerKeyHash }: ReadCertificateId): string {
  return `${hashAlgorithm} ${issuerNameHash.toString("hex")} ${issuerKeyHash.toString("hex")}`;
}

/** The public key without its algorithm, as hashes of issuers and responders are made of. */
function keyBitsOf(publicKey: KeyObject): Buffer {
  const spki = DerReader.over(publicKey.export({ format: "der", type: "spki" })).enter(TAG.sequence, "SPKI");
  spki.read(TAG.sequence, "algorithm");
  return readOctetAlignedBits(spki, "subjectPublicKey");
}

/** Source: RFC 6960 section 4.2.1 (KeyHash). */
function keyHashOf(publicKey: KeyObject): Buffer {
  return createHash("sha1").update(keyBitsOf(publicKey)).digest();
}
