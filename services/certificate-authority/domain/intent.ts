import { StatusError } from "../../shared/status-error.ts";
import { boundNodeViolation } from "./admission.ts";
import type { CertificateIntent } from "./certificate.ts";
import type { CsrSpec } from "./certificate-signing-request.ts";
import {
  type ConfiguredSigners,
  configuredViolation,
  factsToCertify,
  NO_CONFIGURED_SIGNERS,
} from "./configured-signer.ts";
import type { CsrFacts } from "./csr-facts.ts";
import { keyUsagesOf } from "./key-usages.ts";
import { isOurSigner, profileViolation } from "./signer-profile.ts";
import { chooseValidity, type ValidityLimits } from "./validity.ts";

/** What may become of an approved request. */
export type SigningJudgement =
  /** `facts` are what to certify: a signer may have a subject of its own. */
  | { readonly kind: "conforms"; readonly facts: CsrFacts }
  | { readonly kind: "violates"; readonly message: string }
  | { readonly kind: "foreign" };

type JudgedSpec = Pick<CsrSpec, "signerName" | "usages" | "extra"> & Partial<Pick<CsrSpec, "username" | "groups">>;

/** Whether a request may be signed at all: asked again right before signing, whoever approved. */
export function judgeSigning(
  spec: JudgedSpec,
  facts: CsrFacts,
  configured: ConfiguredSigners = NO_CONFIGURED_SIGNERS,
): SigningJudgement {
  if (isOurSigner(spec.signerName)) {
    const message = boundNodeViolation(spec, facts) ?? profileViolation(spec.signerName, facts, spec.usages);
    return message === undefined ? { kind: "conforms", facts } : { kind: "violates", message };
  }
  const signer = configured.get(spec.signerName);
  if (signer === undefined) return { kind: "foreign" };
  const message = boundNodeViolation(spec, facts) ?? configuredViolation(signer, facts, spec);
  return message === undefined
    ? { kind: "conforms", facts: factsToCertify(signer, facts) }
    : { kind: "violates", message };
}

/**
 * Everything the certificate will say: subject and names from the request's allow-listed facts, usages from
 * `spec.usages` alone, never from extensions the request asked for.
 *
 * @throws {StatusError} InternalError for an unknown usage (only objects stored by somebody else have one), or when the
 *   issuer has expired.
 */
export function buildIntent(
  spec: Pick<CsrSpec, "usages" | "expirationSeconds">,
  facts: CsrFacts,
  limits: ValidityLimits,
  now: Date,
): CertificateIntent {
  const usages = keyUsagesOf(spec.usages);
  if (usages === undefined) throw new StatusError("InternalError", "the request has a usage that cannot be issued");
  const { subject, sans, spkiDer } = facts;
  return { subject, sans, spkiDer, ...usages, ...chooseValidity(spec.expirationSeconds, limits, now) };
}
