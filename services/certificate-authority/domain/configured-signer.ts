import type { CsrSpec } from "./certificate-signing-request.ts";
import { alternativeNameViolations } from "./configured-names.ts";
import { subjectViolations } from "./configured-subject.ts";
import type { CsrFacts, PublicKeyKind, Subject } from "./csr-facts.ts";
import { isOurSigner } from "./signer-profile.ts";
import type { AlternativeNameRules, PodNames, SignerKeyRules, SubjectRules } from "./signer-rules.ts";
import { type Requester, type SpiffeRules, spiffeViolations } from "./spiffe.ts";

/** The profile of a signer that is not Kubernetes'. */
export interface ConfiguredSigner {
  readonly signerName: string;
  readonly subject: SubjectRules;
  /** Takes the place of whatever subject was asked for. */
  readonly subjectTemplate: Subject | undefined;
  readonly subjectAltNames: AlternativeNameRules;
  /** Makes the certificates X.509-SVIDs: their one URI is a SPIFFE ID. */
  readonly spiffe: SpiffeRules | undefined;
  /** Signs PodCertificateRequests as well, and says what their certificates say. */
  readonly pods?: PodNames | undefined;
  readonly usages: { readonly allowed: readonly string[]; readonly required: readonly string[] };
  readonly keys: SignerKeyRules;
  /** In seconds; what is asked beyond the maximum is cut to it, as Kubernetes does. */
  readonly lifetime: { readonly defaultSeconds: number; readonly maximumSeconds: number };
}

/** By signer name. */
export type ConfiguredSigners = ReadonlyMap<string, ConfiguredSigner>;

export const NO_CONFIGURED_SIGNERS: ConfiguredSigners = new Map();

/** Whether certificates of this signer are ours to make: Kubernetes' signers, and those of the configuration. */
export function isServedSigner(signerName: string, configured: ConfiguredSigners): boolean {
  return isOurSigner(signerName) || configured.has(signerName);
}

/** The request as it will be certified: with the subject of the template where the signer has one. */
export function factsToCertify({ subjectTemplate }: ConfiguredSigner, facts: CsrFacts): CsrFacts {
  return subjectTemplate === undefined ? facts : { ...facts, subject: subjectTemplate };
}

/** A requester can make a request break as many rules as it has names. */
const SHOWN_VIOLATIONS = 5;

/**
 * What a request breaks of its signer's profile, in words that name field, value and rule; undefined when it conforms.
 * Alternative names of other kinds than the four we know are invisible here and never issued.
 */
export function configuredViolation(
  signer: ConfiguredSigner,
  facts: CsrFacts,
  spec: Pick<CsrSpec, "usages"> & Requester,
): string | undefined {
  const { spiffe } = signer;
  const { usages } = spec;
  const violations = [
    ...(signer.subjectTemplate === undefined ? subjectViolations(signer.subject, facts.subject) : []),
    ...alternativeNameViolations(signer.subjectAltNames, spiffe ? { ...facts.sans, uris: [] } : facts.sans),
    ...(spiffe ? spiffeViolations(spiffe, facts.sans, usages, spec) : []),
    ...usageViolations(signer.usages, usages),
    ...keyViolations(signer.keys, facts.key),
    ...(namesNobody(factsToCertify(signer, facts)) ? ["the subject and the alternative names are both empty"] : []),
  ];
  if (violations.length === 0) return undefined;
  const more = violations.length - SHOWN_VIOLATIONS;
  return `${signer.signerName}: ${violations.slice(0, SHOWN_VIOLATIONS).join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}

function namesNobody({ subject, sans }: CsrFacts): boolean {
  return [...Object.values(subject), ...Object.values(sans)].every((value) => value.length === 0);
}

function usageViolations(rules: ConfiguredSigner["usages"], usages: readonly string[]): readonly string[] {
  const allowed = rules.allowed.join(", ");
  return [
    ...usages
      .filter((usage) => !rules.allowed.includes(usage))
      .map((usage) => `usage ${JSON.stringify(usage)} is not allowed; allowed are: ${allowed}`),
    ...rules.required
      .filter((usage) => !usages.includes(usage))
      .map((usage) => `usage ${JSON.stringify(usage)} is required`),
  ];
}

/** What speaks against certifying a key of this kind, in words that say what is allowed. */
export function keyViolations(
  { algorithms, minimumRsaBits, curves, mlDsa }: SignerKeyRules,
  key: PublicKeyKind,
): readonly string[] {
  if (!algorithms.includes(key.algorithm))
    return [`key algorithm ${key.algorithm} is not allowed; allowed are: ${algorithms.join(", ")}`];
  if (key.algorithm === "RSA" && minimumRsaBits !== undefined && key.bits < minimumRsaBits)
    return [`an RSA key of ${key.bits} bits is too small; ${minimumRsaBits} are required`];
  if (key.algorithm === "ECDSA" && curves !== undefined && !curves.includes(key.curve))
    return [`curve ${key.curve} is not allowed; allowed are: ${curves.join(", ")}`];
  if (key.algorithm === "ML-DSA" && mlDsa !== undefined && !mlDsa.includes(key.parameterSet))
    return [`${key.parameterSet} is not allowed; allowed are: ${mlDsa.join(", ")}`];
  return [];
}
