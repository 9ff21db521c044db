import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import type { Clock } from "../../shared/clock.ts";
import type { CertificateIntent, CertificateRecord, SignedCertificate } from "../domain/certificate.ts";
import type { ControlPlaneCertificate } from "../domain/control-plane.ts";
import { NO_SUBJECT, type Subject } from "../domain/csr-facts.ts";
import { nameViolation } from "../domain/name-constraints.ts";
import type { CertificateSigner, Certificates } from "../domain/ports.ts";
import type { ControlPlaneIssuer } from "./authority-files.ts";
import type { KeyedCertificate } from "./judgement.ts";
import { type ControlPlaneAlgorithm, keyPemOf } from "./key-pem.ts";

const BACKDATE_SECONDS = 300;
const DAY_SECONDS = 86_400;
/** digitalSignature and keyEncipherment, as `CertificateIntent.keyUsage` numbers them. */
const KEY_USAGE = 1 | 4;

export interface IssueDependencies {
  readonly signer: CertificateSigner;
  readonly certificates: Pick<Certificates, "record" | "latestOf" | "isRevoked">;
  /** @returns PKCS#8, PEM. */
  readonly generateKeyPem: (algorithm: ControlPlaneAlgorithm) => Promise<string>;
  readonly clock: Clock;
}

export interface IssueSettings {
  readonly keyAlgorithm: ControlPlaneAlgorithm;
  readonly lifetimeSeconds: number;
}

/** Why a CA cannot sign a certificate as it is wanted, with the way out; undefined when it can. */
export function issueProblem(
  wanted: ControlPlaneCertificate,
  { issuer }: ControlPlaneIssuer,
  lifetimeSeconds: number,
  now: Date,
): string | undefined {
  const { description, notAfter, constraints } = issuer;
  const leftSeconds = Math.floor((notAfter.getTime() - now.getTime()) / 1000);
  if (lifetimeSeconds > leftSeconds)
    return (
      `--lifetime (controlPlane.lifetimeSeconds): certificates would outlive the CA ${JSON.stringify(description.commonName)}, which ends at ` +
      `${notAfter.toISOString()}; give at most ${Math.floor(leftSeconds / DAY_SECONDS)}d`
    );
  const violation = nameViolation({ subject: subjectOf(wanted), sans: wanted.sans }, constraints);
  return violation && `${wanted.name}: ${violation}; have another issuer sign for kubelets, or choose other names`;
}

/** Makes a certificate and puts it on record; with a key of its own unless there is one already. */
export async function issueCertificate(
  wanted: ControlPlaneCertificate,
  { issuer }: ControlPlaneIssuer,
  { keyAlgorithm, lifetimeSeconds }: IssueSettings,
  deps: IssueDependencies,
  existingKeyPem?: string,
): Promise<KeyedCertificate & { readonly notAfter: Date }> {
  const key = createPrivateKey(existingKeyPem ?? (await deps.generateKeyPem(keyAlgorithm)));
  const spkiDer = createPublicKey(key).export({ format: "der", type: "spki" });
  const nowSeconds = Math.floor(deps.clock.now().getTime() / 1000);
  const intent: CertificateIntent = {
    subject: subjectOf(wanted),
    sans: wanted.sans,
    spkiDer,
    keyUsage: KEY_USAGE,
    extendedKeyUsages: wanted.purposes,
    notBefore: new Date((nowSeconds - BACKDATE_SECONDS) * 1000),
    notAfter: new Date((nowSeconds + lifetimeSeconds) * 1000),
  };
  const signed = await deps.signer.sign(intent, issuer.description.id);
  await deps.certificates.record(await recordOf(wanted, signed, intent, deps));
  return {
    certificatePem: signed.pem + issuer.chainPem,
    keyPem: existingKeyPem ?? keyPemOf(key),
    notAfter: signed.notAfter,
  };
}

async function recordOf(
  { signerName, nodeName, commonName, organizations, sans }: ControlPlaneCertificate,
  signed: SignedCertificate,
  { spkiDer }: CertificateIntent,
  { certificates, clock }: IssueDependencies,
): Promise<CertificateRecord> {
  const { serial, fingerprint, issuerId, notBefore, notAfter, der } = signed;
  const former = nodeName === undefined ? undefined : await certificates.latestOf(nodeName, signerName);
  return {
    ...{
      serial,
      fingerprint,
      issuerId,
      notBefore,
      notAfter,
      der,
      signerName,
      nodeName,
      commonName,
      organizations,
      sans,
    },
    spkiSha256: createHash("sha256").update(spkiDer).digest("hex"),
    issuedAt: clock.now(),
    state: "issued",
    requestUid: undefined,
    requestName: undefined,
    requester: undefined,
    predecessor: former?.fingerprint,
  };
}

function subjectOf({ commonName, organizations }: ControlPlaneCertificate): Subject {
  return { ...NO_SUBJECT, organization: organizations, commonName };
}
