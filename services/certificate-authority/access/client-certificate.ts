import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../shared/clock.ts";
import { CREDENTIAL_ID_EXTRA, type UserInfo } from "../../shared/user-info.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { TrustAnchors } from "./authenticators/trust-anchors.ts";
import { withAuthenticatedGroup } from "./groups.ts";

/** Identities remembered at once; an entry is about 1 KB. */
const REMEMBERED_CERTIFICATES = 10_000;

/** What identifies a client. */
export type ClientCertificateFields = Pick<
  CertificateFacts,
  "subject" | "uids" | "notBefore" | "notAfter" | "extendedKeyUsages"
>;

/**
 * What a certificate shows: an identity, nothing (it names nobody, or it is not from the CAs that count here), or a
 * credential that must not be used. `refused` reasons are for the log only.
 */
export type CertificateIdentity =
  | { readonly kind: "user"; readonly user: UserInfo }
  | { readonly kind: "nobody" }
  | { readonly kind: "foreign" }
  | { readonly kind: "refused"; readonly reason: string };

type Read = CertificateIdentity & { readonly notBefore: Date; readonly notAfter: Date };

const ALWAYS = { notBefore: new Date(-8.64e15), notAfter: new Date(8.64e15) };

export interface CertificateAuthenticatorOptions {
  readonly readCertificate: (der: Uint8Array) => ClientCertificateFields;
  readonly clock: Clock;
  /** By fingerprint, lower-case hex. Asked at every request, so that a revocation holds from the next one on. */
  readonly isRevoked?: ((fingerprint: string) => boolean) | undefined;
  /** The CAs that count now; without them every certificate that passed the TLS layer does. */
  readonly anchors?: (() => TrustAnchors | undefined) | undefined;
}

/** The certificates between the client's and a CA are looked at only when `anchors` are set. */
export type ReadCertificateIdentity = (
  der: Uint8Array,
  intermediatesDer?: () => readonly Uint8Array[],
) => CertificateIdentity;

const noIntermediates = (): readonly Uint8Array[] => [];

/**
 * Makes the reader of client certificates whose chain the TLS layer has verified. What a certificate says never changes,
 * so it is read once and remembered by fingerprint; whether it is valid *now*, and not revoked, is asked at every request,
 * because a connection may outlive its certificate.
 *
 * Stricter than Kubernetes in one point: a certificate without extended key usages is refused. Nothing here issues such.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/x509/x509.go (CommonNameUserConversion).
 */
export function createCertificateAuthenticator(options: CertificateAuthenticatorOptions): ReadCertificateIdentity {
  const { clock, isRevoked } = options;
  const remembered = new LRUCache<string, Read>({ max: REMEMBERED_CERTIFICATES });
  let anchors: TrustAnchors | undefined;
  return (der, intermediatesDer = noIntermediates) => {
    const current = options.anchors?.();
    if (current !== anchors) remembered.clear();
    anchors = current;
    const fingerprint = hash("sha256", der, "hex");
    const known = remembered.get(fingerprint);
    const read = known ?? readIdentity(options, anchors, der, intermediatesDer, fingerprint);
    if (known === undefined) remembered.set(fingerprint, read);
    const now = clock.now();
    if (read.kind !== "user") return read;
    if (now < read.notBefore) return { kind: "refused", reason: "the client certificate is not valid yet" };
    if (now > read.notAfter) return { kind: "refused", reason: "the client certificate has expired" };
    if (isRevoked?.(fingerprint)) return { kind: "refused", reason: "the client certificate was revoked" };
    return read;
  };
}

function readIdentity(
  { readCertificate }: CertificateAuthenticatorOptions,
  anchors: TrustAnchors | undefined,
  der: Uint8Array,
  intermediatesDer: () => readonly Uint8Array[],
  fingerprint: string,
): Read {
  try {
    if (anchors !== undefined && !anchors.issued(der, intermediatesDer())) return { kind: "foreign", ...ALWAYS };
    return identityOf(readCertificate(der), fingerprint);
  } catch (error) {
    return { kind: "refused", reason: `the client certificate cannot be read: ${(error as Error).message}`, ...ALWAYS };
  }
}

function identityOf(fields: ClientCertificateFields, fingerprint: string): Read {
  const { subject, uids, notBefore, notAfter, extendedKeyUsages } = fields;
  const validity = { notBefore, notAfter };
  const refused = (reason: string): Read => ({ kind: "refused", reason, ...validity });
  if (!extendedKeyUsages.includes("clientAuth") && !extendedKeyUsages.includes("any")) {
    return refused("the client certificate is not for client authentication");
  }
  if (subject.commonName === "") return { kind: "nobody", ...validity };
  if (uids.length > 1) return refused("the client certificate has more than one uid");
  if (uids[0] === "") return refused("the client certificate's uid is empty");
  const user = withAuthenticatedGroup({
    username: subject.commonName,
    uid: uids[0] ?? "",
    groups: subject.organization,
    extra: { [CREDENTIAL_ID_EXTRA]: [`X509SHA256=${fingerprint}`] },
  });
  return { kind: "user", user, ...validity };
}
