import { StatusError } from "../../shared/status-error.ts";
import { ANONYMOUS, type UserInfo } from "../../shared/user-info.ts";
import type { CertificateIdentity } from "./client-certificate.ts";
import type { Impersonation } from "./impersonation.ts";

/** What a caller shows of itself. The certificate, when there is one, has passed the TLS layer's chain check. */
export interface Credentials {
  /** The `Authorization` header as it came. */
  readonly authorization: string | undefined;
  readonly clientCertificateDer: Uint8Array | undefined;
  readonly impersonation?: Impersonation | undefined;
  readonly remoteAddress: string;
}

export interface CredentialReaders {
  readonly readCertificate: (der: Uint8Array) => CertificateIdentity;
  /** @returns undefined for a token that is not known now. */
  readonly readBearerToken: (token: string) => UserInfo | undefined;
  /** Called before a bearer token is looked at. @throws {StatusError} TooManyRequests */
  readonly beforeGuess: (remoteAddress: string) => void;
  readonly onRefusedCertificate: (reason: string, remoteAddress: string) => void;
}

/**
 * Whose credentials they are: the client certificate is asked first, then the bearer token, and the first that names
 * somebody wins, as in kube-apiserver. So a valid certificate makes a wrong token harmless, and a valid token a refused
 * certificate. Without either the caller is anonymous; credentials that were shown and name nobody are refused even
 * where anonymous callers are let in.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/union/union.go, pkg/kubeapiserver/authenticator/config.go.
 *
 * @throws {StatusError} Unauthorized, without saying why.
 */
export function identify(credentials: Credentials, readers: CredentialReaders): UserInfo {
  const { clientCertificateDer, authorization, remoteAddress } = credentials;
  let refused = false;
  if (clientCertificateDer !== undefined) {
    const certificate = readers.readCertificate(clientCertificateDer);
    if (certificate.kind === "user") return certificate.user;
    refused = certificate.kind === "refused";
    if (certificate.kind === "refused") readers.onRefusedCertificate(certificate.reason, remoteAddress);
  }
  const token = bearerTokenOf(authorization);
  if (token !== undefined) {
    readers.beforeGuess(remoteAddress);
    const user = readers.readBearerToken(token);
    if (user !== undefined) return user;
    refused = true;
  }
  if (refused) throw new StatusError("Unauthorized", "Unauthorized");
  return ANONYMOUS;
}

/**
 * Another scheme, or none, counts as no token at all.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/bearertoken/bearertoken.go.
 */
function bearerTokenOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const [scheme = "", token = ""] = authorization.trim().split(" ", 2);
  return scheme.toLowerCase() === "bearer" && token !== "" ? token : undefined;
}
