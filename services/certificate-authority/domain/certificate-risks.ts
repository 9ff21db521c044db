import { NODE_USER_PREFIX, NODES_GROUP } from "../../shared/node-identity.ts";
import type { CertificateSummary } from "./certificate.ts";
import type { CertificateDetails } from "./inventory.ts";
import type { IssuerRecord } from "./issuer.ts";
import { isRenewedByKubelets, renewalWindow } from "./kubelet-renewal.ts";

const DAY_MILLISECONDS = 86_400_000;
/** What browsers take at most, and longer than kubeadm's year. Source: CA/Browser Forum Baseline Requirements 6.3.2. */
const LONG_LIFE_DAYS = 398;
const VERY_LONG_LIFE_DAYS = 5 * 366;
const SHOWN_HOLDERS = 3;

/** `high`: to be dealt with now; `medium`: to be changed; `low`: to be known. */
export type RiskSeverity = "high" | "medium" | "low";

/** Something about a certificate that somebody could use, or that will fail. */
export interface CertificateRisk {
  /** Stable, for programs. */
  readonly kind: string;
  readonly severity: RiskSeverity;
  /** A phrase for people. */
  readonly message: string;
}

/** A certificate and what is known around it. */
export interface ExaminedCertificate {
  readonly summary: CertificateSummary;
  /** Undefined when its encoding cannot be read. */
  readonly details: CertificateDetails | undefined;
  /** Undefined when its issuer is not on record. */
  readonly issuer: Pick<IssuerRecord, "notAfter" | "endedAt"> | undefined;
  /** Common names of other holders of its key. */
  readonly otherHolders: readonly string[];
  /** Another one replaces it. */
  readonly isReplaced: boolean;
}

/** Groups that may do everything, and how bad that is in a certificate, which RBAC cannot take back. */
const MIGHTY_GROUPS: ReadonlyMap<string, { readonly severity: RiskSeverity; readonly why: string }> = new Map([
  ["system:masters", { severity: "high", why: "may do everything, past every authorizer" }],
  ["kubeadm:cluster-admins", { severity: "medium", why: "is bound to cluster-admin by kubeadm" }],
  ["gatehouse:administrators", { severity: "medium", why: "rules this certificate authority" }],
]);

type Rule = (examined: ExaminedCertificate, now: Date) => readonly CertificateRisk[];

const RULES: readonly Rule[] = [lifeRisks, keyRisks, nameRisks, groupRisks, usageRisks, issuerRisks, renewalRisks];

/** What is risky about a certificate, the worst first. What has expired or is revoked harms nobody any more. */
export function risksOf(examined: ExaminedCertificate, now: Date): readonly CertificateRisk[] {
  const { state, notAfter } = examined.summary;
  if (state === "revoked" || notAfter < now) return [];
  const order: readonly RiskSeverity[] = ["high", "medium", "low"];
  const risks = RULES.flatMap((rule) => rule(examined, now));
  return risks.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

function lifeRisks({ summary: { notBefore, notAfter } }: ExaminedCertificate): readonly CertificateRisk[] {
  const days = Math.floor((notAfter.getTime() - notBefore.getTime()) / DAY_MILLISECONDS);
  if (days <= LONG_LIFE_DAYS) return [];
  const severity = days > VERY_LONG_LIFE_DAYS ? "high" : "medium";
  return [{ kind: "longLife", severity, message: `lives for ${days} days` }];
}

function keyRisks({ summary, details, otherHolders }: ExaminedCertificate): readonly CertificateRisk[] {
  const risks: CertificateRisk[] = [];
  if (details === undefined)
    risks.push({ kind: "unreadable", severity: "medium", message: "its encoding is unreadable" });
  if (details?.isKeyWeak === true) {
    risks.push({ kind: "weakKey", severity: "high", message: `its key is ${details.keyAlgorithm}` });
  }
  if (details?.isSignatureWeak === true) {
    risks.push({ kind: "weakSignature", severity: "high", message: `is signed with ${details.signatureAlgorithm}` });
  }
  if (otherHolders.length > 0) {
    const more = otherHolders.length > SHOWN_HOLDERS ? ` and ${otherHolders.length - SHOWN_HOLDERS} more` : "";
    const shown = otherHolders.slice(0, SHOWN_HOLDERS).map((name) => JSON.stringify(name));
    risks.push({ kind: "sharedKey", severity: "high", message: `shares its key with ${shown.join(", ")}${more}` });
  }
  if (summary.keyReused === true) {
    risks.push({ kind: "reusedKey", severity: "low", message: "has the key of the certificate it replaces" });
  }
  return risks;
}

function nameRisks({ summary: { sans } }: ExaminedCertificate): readonly CertificateRisk[] {
  const wildcards = sans.dnsNames.filter((name) => name.startsWith("*."));
  if (wildcards.length === 0) return [];
  return [{ kind: "wildcard", severity: "medium", message: `stands for every name of ${wildcards.join(", ")}` }];
}

function groupRisks({ summary }: ExaminedCertificate): readonly CertificateRisk[] {
  const { commonName, organizations } = summary;
  const mighty = organizations.flatMap((group) => {
    const found = MIGHTY_GROUPS.get(group);
    return found
      ? [{ kind: "mightyGroup", severity: found.severity, message: `is of ${group}, which ${found.why}` }]
      : [];
  });
  const isNodeName = commonName.startsWith(NODE_USER_PREFIX);
  if (isNodeName === organizations.includes(NODES_GROUP)) return mighty;
  const message = isNodeName
    ? `is called as a node and is not of ${NODES_GROUP}`
    : `is of ${NODES_GROUP} without being called as a node`;
  return [...mighty, { kind: "halfANode", severity: "medium", message }];
}

function usageRisks({ summary, details }: ExaminedCertificate): readonly CertificateRisk[] {
  if (details === undefined) return [];
  const { extendedKeyUsages, isAuthority } = details;
  const risks: CertificateRisk[] = [];
  if (isAuthority) risks.push({ kind: "authority", severity: "high", message: "may sign certificates" });
  if (extendedKeyUsages.includes("any") || extendedKeyUsages.length === 0) {
    risks.push({ kind: "anyPurpose", severity: "medium", message: "is good for every purpose" });
  }
  const isServer = summary.signerName === "kubernetes.io/kubelet-serving";
  if (isServer && extendedKeyUsages.includes("clientAuth")) {
    risks.push({ kind: "mixedPurposes", severity: "medium", message: "serves, and logs in as a client too" });
  }
  return risks;
}

function issuerRisks({ summary, issuer }: ExaminedCertificate, now: Date): readonly CertificateRisk[] {
  if (issuer === undefined)
    return [{ kind: "unknownIssuer", severity: "medium", message: "its issuer is not on record" }];
  if (issuer.notAfter < now) {
    return [{ kind: "expiredIssuer", severity: "high", message: "its issuer has expired: nobody accepts it" }];
  }
  const risks: CertificateRisk[] = [];
  if (issuer.endedAt !== undefined) {
    risks.push({ kind: "endedIssuer", severity: "high", message: "its issuer was retired: nobody has to trust it" });
  }
  if (summary.notAfter > issuer.notAfter) {
    risks.push({ kind: "outlivesIssuer", severity: "medium", message: "its issuer expires before it" });
  }
  return risks;
}

function renewalRisks({ summary, isReplaced }: ExaminedCertificate, now: Date): readonly CertificateRisk[] {
  if (isReplaced || !isRenewedByKubelets(summary.signerName) || now <= renewalWindow(summary).ends) return [];
  return [
    { kind: "overdue", severity: "medium", message: "its kubelet should have asked for the next one, and did not" },
  ];
}
