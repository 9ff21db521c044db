import { buildCsr } from "../../builders/csr.ts";

/** The request that rows send unless they are about it: CN jane, O developers. */
export const JANE = buildCsr({ commonName: "jane", organizations: ["developers"] });

export interface CsrParts {
  readonly metadata?: object;
  readonly spec?: object;
  readonly status?: object;
}

/** A CertificateSigningRequest that breaks no rule; parts are laid over it. A key with `undefined` is left out. */
export function csr({ metadata, spec, status }: CsrParts = {}) {
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "$name", ...metadata },
    spec: { request: JANE.requestBase64, signerName: "$signer", usages: ["client auth"], ...spec },
    ...(status && { status }),
  };
}

export interface ConditionParts {
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string | null;
  readonly lastTransitionTime?: string | null;
}

/** A condition that is True for a reason. */
export function condition(type: string, parts: ConditionParts = {}) {
  return { type, status: "True", reason: "Tested", message: "by a row", ...parts };
}

export const APPROVED = condition("Approved");
export const DENIED = condition("Denied");
export const FAILED = condition("Failed");
export const CUSTOM = condition("example.com/Seen");

/** A body for `/approval` or `/status` with these conditions and nothing else said. */
export function withConditions(...conditions: readonly object[]) {
  return csr({ status: { conditions } });
}
