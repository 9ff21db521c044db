import type { Patience } from "../api/patient.ts";
import { type AttestationDependencies, type AttestationOptions, attest } from "./attest.ts";

/**
 * What a kubelet takes from a program that its kubeconfig names under `exec`.
 *
 * Source: kubernetes staging/src/k8s.io/client-go/pkg/apis/clientauthentication/v1/types.go.
 */
export interface ExecCredential {
  readonly apiVersion: "client.authentication.k8s.io/v1";
  readonly kind: "ExecCredential";
  readonly status: {
    readonly expirationTimestamp: string;
    readonly token?: string;
    readonly clientCertificateData?: string;
    readonly clientKeyData?: string;
  };
}

/** Attests, and gives the credential as such a program does. @throws {AgentError} */
export async function execCredential(
  options: AttestationOptions,
  again: Patience,
  deps: AttestationDependencies,
): Promise<ExecCredential> {
  const { credentials, expiresAt } = await attest(options, again, deps);
  const shown =
    "token" in credentials
      ? credentials
      : { clientCertificateData: credentials.certificatePem, clientKeyData: credentials.keyPem };
  return {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { expirationTimestamp: `${expiresAt.toISOString().slice(0, 19)}Z`, ...shown },
  };
}
