import { createPrivateKey } from "node:crypto";
import { join } from "node:path";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import {
  type ControlPlaneAuthority,
  type ControlPlaneCertificate,
  type ControlPlaneSettings,
  controlPlaneCertificates,
} from "../domain/control-plane.ts";
import type { AuditTrail } from "../domain/ports.ts";
import { type AuthorityPlan, type ControlPlaneIssuer, planAuthority, writeAuthority } from "./authority-files.ts";
import { type CertificatePlan, planCertificate } from "./certificate-plan.ts";
import { exposureOf } from "./file-content.ts";
import { type IssueDependencies, type IssueSettings, issueCertificate, issueProblem } from "./issue.ts";
import { keyPemOf } from "./key-pem.ts";
import { replaceCredentials, writeKubeconfig } from "./kubeconfig-files.ts";
import { replacePair, writePair } from "./pair-files.ts";
import { PkiError } from "./pki-error.ts";
import {
  planServiceAccountKeys,
  type ServiceAccountPlan,
  writePublicKey,
  writeServiceAccountKeys,
} from "./service-account-keys.ts";

const ACTOR = "gatehouse";

/** What to make, and where. */
export interface ControlPlaneWish extends IssueSettings {
  readonly settings: ControlPlaneSettings;
  /** Of certificates and keys; kubeconfigs go into its parent. Absolute. */
  readonly directory: string;
  /** The keys of CAs stay in custody. */
  readonly isExternal: boolean;
  readonly isRenewing: boolean;
  /** By a job: only what is there is renewed, and nothing that was revoked; no key of a CA is touched. */
  readonly isUnattended: boolean;
  /** Nothing is written; what would be is told. */
  readonly isTrial: boolean;
  /** Undefined for a third of each certificate's life. */
  readonly renewBeforeSeconds: number | undefined;
}

export interface ControlPlaneDependencies extends IssueDependencies {
  readonly issuers: readonly [ControlPlaneIssuer, ...ControlPlaneIssuer[]];
  readonly audit: Pick<AuditTrail, "append">;
  readonly readCertificate: (der: Uint8Array) => CertificateFacts;
}

/** What became of one certificate, key pair or kubeconfig. */
export interface FileOutcome {
  readonly name: string;
  /** The file; of a pair without `.crt` and `.key`. */
  readonly path: string;
  readonly action: "kept" | "made" | "renewed" | "absent";
  /** Of the certificate in it; of one that would be renewed, undefined. */
  readonly notAfter: Date | undefined;
}

export interface ControlPlaneOutcome {
  readonly files: readonly FileOutcome[];
  /** What an administrator should know, for example of a key that others may read. */
  readonly notices: readonly string[];
}

interface Plan {
  readonly authorities: readonly (readonly [ControlPlaneIssuer, AuthorityPlan])[];
  readonly certificates: readonly CertificatePlan[];
  readonly serviceAccounts: ServiceAccountPlan;
  /** Of the keys that are there besides those of certificates. */
  readonly exposures: readonly string[];
}

/**
 * Makes the certificates, keys and kubeconfigs of a control plane node where they are not there yet. What is there is
 * checked and kept; when anything is wrong, nothing at all is written. May be run again at any time, also after a crash.
 *
 * @throws {PkiError} with everything that is wrong.
 */
export async function initializeControlPlane(
  wish: ControlPlaneWish,
  deps: ControlPlaneDependencies,
): Promise<ControlPlaneOutcome> {
  const plan = await makePlan(wish, deps);
  const problems = [
    ...plan.authorities.flatMap(([, { problems }]) => problems),
    ...plan.certificates.flatMap(({ problem }) => problem ?? []),
    ...(plan.serviceAccounts.kind === "refuse" ? [plan.serviceAccounts.problem] : []),
    ...new Set(plan.certificates.flatMap((one) => problemOfIssuing(one, wish, deps) ?? [])),
  ];
  if (problems.length > 0) throw new PkiError(problems);
  const files: FileOutcome[] = [];
  for (const [issuer, authority] of plan.authorities) files.push(await makeAuthority(issuer, authority, wish, deps));
  for (const one of plan.certificates) files.push(await carryOut(one, wish, deps));
  files.push(await makeServiceAccountKeys(plan.serviceAccounts, wish, deps));
  return { files, notices: [...plan.certificates.flatMap(({ notices }) => notices), ...plan.exposures] };
}

async function makePlan(wish: ControlPlaneWish, deps: ControlPlaneDependencies): Promise<Plan> {
  const { directory, isRenewing, isUnattended, isTrial, renewBeforeSeconds, settings } = wish;
  const authorities: [ControlPlaneIssuer, AuthorityPlan][] = [];
  // Where the keys of CAs are is what whoever made the files decided.
  const isExternal = wish.isExternal && !isUnattended;
  for (const issuer of deps.issuers) authorities.push([issuer, await planAuthority(directory, issuer, isExternal)]);
  const certificates: CertificatePlan[] = [];
  for (const wanted of controlPlaneCertificates(settings)) {
    const { issuer, anchorPem } = issuerOf(wanted.authority, deps);
    const plan = await planCertificate(wanted, {
      ...{ directory, isRenewing, isUnattended, isTrial, renewBeforeSeconds, anchorPem },
      issuerPem: issuer.description.certificatePem,
      chainPem: issuer.chainPem,
      now: deps.clock.now(),
      readCertificate: deps.readCertificate,
      isRevoked: (fingerprint) => deps.certificates.isRevoked(fingerprint),
    });
    certificates.push(plan);
  }
  const keyFiles = [...authorities.map(([, { path }]) => `${path}.key`), join(directory, "sa.key")];
  const exposures = (await Promise.all(keyFiles.map(exposureOf))).flatMap((exposure) => exposure ?? []);
  const serviceAccounts = isUnattended ? ({ kind: "keep" } as const) : await planServiceAccountKeys(directory);
  return { authorities, certificates, serviceAccounts, exposures };
}

function issuerOf(authority: ControlPlaneAuthority, { issuers }: ControlPlaneDependencies): ControlPlaneIssuer {
  const found = issuers.find((issuer) => issuer.authority === authority);
  if (found === undefined) throw new TypeError(`there is no issuer for ${authority}`);
  return found;
}

function problemOfIssuing(
  { action, wanted, problem }: CertificatePlan,
  { lifetimeSeconds }: ControlPlaneWish,
  deps: ControlPlaneDependencies,
): string | undefined {
  if (action === "keep" || action === "leave" || problem !== undefined) return undefined;
  return issueProblem(wanted, issuerOf(wanted.authority, deps), lifetimeSeconds, deps.clock.now());
}

/** That a CA's key leaves custody is on record before it does. */
async function makeAuthority(
  issuer: ControlPlaneIssuer,
  plan: AuthorityPlan,
  { isExternal, isUnattended, isTrial }: ControlPlaneWish,
  { audit, clock }: ControlPlaneDependencies,
): Promise<FileOutcome> {
  const { path, isCertificateThere, isKeyThere } = plan;
  const { id, notAfter } = issuer.issuer.description;
  if (isUnattended || isTrial) return { name: issuer.authority, path, action: "kept", notAfter };
  const keyPem = isExternal || isKeyThere ? undefined : issuer.exportKeyPem();
  if (keyPem !== undefined)
    await audit.append({ at: clock.now(), actor: ACTOR, kind: "issuer.keyExported", subject: id, details: { path } });
  await writeAuthority(plan, issuer.anchorPem, keyPem);
  const isKept = isCertificateThere && keyPem === undefined;
  return { name: issuer.authority, path, action: isKept ? "kept" : "made", notAfter };
}

async function carryOut(
  plan: CertificatePlan,
  wish: ControlPlaneWish,
  deps: ControlPlaneDependencies,
): Promise<FileOutcome> {
  const { wanted, path, action, keyPem } = plan;
  const { name } = wanted;
  if (action === "keep") return { name, path, action: "kept", notAfter: plan.notAfter };
  if (action === "leave") return { name, path, action: "absent", notAfter: undefined };
  if (wish.isTrial) return { name, path, action: action === "renew" ? "renewed" : "made", notAfter: undefined };
  const issuer = issuerOf(wanted.authority, deps);
  const issued = await issueCertificate(wanted, issuer, wish, deps, keyPem);
  if (action === "renew") await replace(wanted, path, issued);
  else if (wanted.place.kind === "pair") await writePair(path, issued, keyPem !== undefined);
  else {
    const { server } = wanted.place;
    const { clusterName } = wish.settings;
    const content = { clusterName, userName: wanted.commonName, server, caPem: issuer.anchorPem, credentials: issued };
    await writeKubeconfig(path, content);
  }
  return { name, path, action: action === "renew" ? "renewed" : "made", notAfter: issued.notAfter };
}

function replace(
  { place }: ControlPlaneCertificate,
  path: string,
  issued: Parameters<typeof replacePair>[1],
): Promise<void> {
  return place.kind === "pair" ? replacePair(path, issued) : replaceCredentials(path, issued);
}

async function makeServiceAccountKeys(
  plan: ServiceAccountPlan,
  { directory, keyAlgorithm }: ControlPlaneWish,
  { generateKeyPem }: ControlPlaneDependencies,
): Promise<FileOutcome> {
  const common = { name: "sa", path: join(directory, "sa"), notAfter: undefined };
  if (plan.kind === "keep" || plan.kind === "refuse") return { ...common, action: "kept" };
  if (plan.kind === "derivePublicKey") await writePublicKey(directory, plan.publicKeyPem);
  else await writeServiceAccountKeys(directory, keyPemOf(createPrivateKey(await generateKeyPem(keyAlgorithm))));
  return { ...common, action: "made" };
}
