import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { DerReader, encodingOf, TAG } from "../../shared/der/der-reader.ts";
import { NODE_USER_PREFIX, NODES_GROUP } from "../../shared/node-identity.ts";
import { certificateRequest } from "../certificates/certificate-request.ts";
import { objectIdentifier, printableString, sequence, set } from "../certificates/der-encoding.ts";

const ORGANIZATION = objectIdentifier("2.5.4.10");
const COMMON_NAME = objectIdentifier("2.5.4.3");

export const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
/** In the order that a kubelet has them in, since the request's name depends on it; for keys that are not RSA. */
export const CLIENT_USAGES = ["digital signature", "client auth"] as const;

/** A request for a node's client certificate. */
export interface NodeRequest {
  readonly name: string;
  readonly requestPem: string;
}

/** The subject of a node's certificates, as node:crypto writes it. */
export function nodeSubject(nodeName: string): string {
  return `O=${NODES_GROUP}\nCN=${NODE_USER_PREFIX}${nodeName}`;
}

/** The node's name in such a subject; undefined in others. */
export function nodeNameIn(subject: string): string | undefined {
  const prefix = nodeSubject("");
  return subject.startsWith(prefix) && subject.length > prefix.length ? subject.slice(prefix.length) : undefined;
}

/**
 * The request that a kubelet makes for a client certificate: the same subject, usages and name, which a key and a node
 * always lead to, so that whoever asks again finds what was asked before.
 *
 * Source: kubernetes pkg/kubelet/certificate/bootstrap/bootstrap.go (requestNodeCertificate, digestedName).
 */
export function nodeRequest(nodeName: string, key: KeyObject): NodeRequest {
  const commonName = `${NODE_USER_PREFIX}${nodeName}`;
  const subject = sequence(attribute(ORGANIZATION, NODES_GROUP), attribute(COMMON_NAME, commonName));
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  const hash = createHash("sha512-256");
  for (const part of [spki, ...[commonName, NODES_GROUP, ...CLIENT_USAGES].map((text) => Buffer.from(text))]) {
    hash.update(`${part.toString("base64url")}|`);
  }
  return {
    name: `node-csr-${hash.digest("base64url")}`,
    requestPem: certificateRequest({ subject, subjectAltName: undefined }, key),
  };
}

function attribute(type: Buffer, value: string): Buffer {
  return set(sequence(type, printableString(value)));
}

/** Whether two PKCS #10 requests ask for the same subject with the same key; false for what is none. */
export function asksForTheSame(onePem: string, otherPem: string): boolean {
  const [one, other] = [askedFor(onePem), askedFor(otherPem)];
  return one !== undefined && other !== undefined && one.equals(other);
}

/** Subject and key of CertificationRequestInfo (RFC 2986 section 4.1). */
function askedFor(pem: string): Buffer | undefined {
  const [, base64] = /-----BEGIN CERTIFICATE REQUEST-----([^-]+)-----END/.exec(pem) ?? [];
  try {
    const request = DerReader.over(Buffer.from(base64 ?? "", "base64")).enter(TAG.sequence, "request");
    const information = request.enter(TAG.sequence, "certificationRequestInfo");
    information.read(TAG.integer, "version");
    const subject = information.read(TAG.sequence, "subject");
    const spki = information.read(TAG.sequence, "subjectPKInfo");
    return Buffer.concat([encodingOf(subject), encodingOf(spki)]);
  } catch {
    return undefined;
  }
}
