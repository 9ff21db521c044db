import { X509Certificate } from "node:crypto";
import type { Finding } from "../../../shared/diagnosis/findings.ts";
import { error, ok, warning } from "../../../shared/diagnosis/findings.ts";
import type { CertificateSigningRequest, CsrCondition } from "../../domain/certificate-signing-request.ts";
import { awaitsSignature, conditionOf, ISSUER_READY, isUndecided } from "../../domain/certificate-signing-request.ts";
import { introduce, list, withCluster } from "../cluster-reading.ts";
import type { Check } from "../contract.ts";
import { wantedSigners } from "./cluster-rights.ts";
import { type Issuer, issuersOf } from "./cluster-trust.ts";

const REQUESTS_PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
/** What kube-controller-manager says when it approves: kubernetes pkg/controller/certificates/approver/sarapprove.go. */
const THEIR_APPROVAL = /^Auto approving (self )?kubelet client certificate after SubjectAccessReview\.$/;
/** A kubelet asks anew after a quarter of an hour. */
const STUCK_SECONDS = 300;
const UNDECIDED_SECONDS = 3600;
/** Longer ago it was before the move, or is told once enough. */
const RECENT_SECONDS = 900;
const NAMED_AT_MOST = 5;

export const clusterRequests: Check = {
  id: "cluster.requests",
  title: "requests that are stuck, and those that somebody else decided or signed",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster, configuration) => {
      const found = await list<CertificateSigningRequest>(cluster, "requests", REQUESTS_PATH);
      if (found.kind === "refused") return [found.finding];
      const wanted = new Set(wantedSigners(configuration));
      const requests = found.kind === "absent" ? [] : found.body.filter(({ spec }) => wanted.has(spec.signerName));
      const whole = requests.map((csr) => ({ ...csr, status: csr.status ?? {} }));
      const now = (await introduce(cluster))?.now ?? context.clock.now();
      const issuers = await issuersOf(context, configuration);
      const findings = [...stuckFindings(whole, now), ...strangerFindings(whole, issuers, now)];
      return findings.length > 0 ? findings : [ok("requests", `${requests.length} of our signers, none is stuck`)];
    }),
};

function stuckFindings(requests: readonly CertificateSigningRequest[], now: Date): readonly Finding[] {
  const since = (time: string | undefined): number => (now.getTime() - new Date(time ?? Number.NaN).getTime()) / 1000;
  const approvedAt = (csr: CertificateSigningRequest): string | undefined => {
    const { lastUpdateTime = csr.metadata.creationTimestamp }: Partial<CsrCondition> =
      conditionOf(csr, "Approved") ?? {};
    return lastUpdateTime;
  };
  const unsigned = requests.filter((csr) => awaitsSignature(csr) && since(approvedAt(csr)) > STUCK_SECONDS);
  const awaiting = unsigned.filter((csr) => conditionOf(csr, ISSUER_READY)?.status === "False");
  const silent = unsigned.filter((csr) => !awaiting.includes(csr));
  const undecided = requests.filter(
    (csr) => isUndecided(csr) && since(csr.metadata.creationTimestamp) > UNDECIDED_SECONDS,
  );
  const failed = requests.filter((csr) => conditionOf(csr, "Failed") !== undefined);
  const reason = conditionOf(failed[0] ?? ({ status: {} } as CertificateSigningRequest), "Failed")?.message ?? "";
  return [
    ...told(
      silent,
      error,
      `approved more than ${STUCK_SECONDS / 60} minutes ago and not signed`,
      "see cluster.leader and cluster.rights, then: gatehouse csr explain NAME",
    ),
    ...told(awaiting, warning, "approved, and wait for an issuer that cannot sign yet", "gatehouse issuer list"),
    ...told(
      undecided,
      warning,
      "wait for more than an hour for somebody to decide",
      "gatehouse csr explain NAME, then: kubectl certificate approve NAME, or deny",
    ),
    ...told(
      failed,
      warning,
      `approved and not signed, since they break a rule: ${reason}`,
      "whoever made the request corrects it; gatehouse csr explain NAME",
    ),
  ];
}

/** The API server does not keep who writes to requests without labels, which kubelets make: what was written has to tell. */
function strangerFindings(
  requests: readonly CertificateSigningRequest[],
  issuers: readonly Issuer[],
  now: Date,
): readonly Finding[] {
  const recent = requests.filter((csr) => {
    const { lastUpdateTime = "" } = conditionOf(csr, "Approved") ?? {};
    return now.getTime() - new Date(lastUpdateTime).getTime() < RECENT_SECONDS * 1000;
  });
  const approved = recent.filter((csr) => THEIR_APPROVAL.test(conditionOf(csr, "Approved")?.message ?? ""));
  const signed = issuers.length === 0 ? [] : recent.filter((csr) => isStrangers(csr, issuers));
  const lately = `within the last ${RECENT_SECONDS / 60} minutes`;
  const wayOut = "switch off its controllers of requests, as cluster.controller-manager says";
  const elsewhere = "find out who signs with that CA, and take its right to update certificatesigningrequests/status";
  return [
    ...told(approved, error, `approved by kube-controller-manager, ${lately}`, wayOut),
    ...told(signed, error, `signed by a CA that is none of ours, ${lately}`, `${wayOut}; or ${elsewhere}`),
  ];
}

function isStrangers({ status }: CertificateSigningRequest, issuers: readonly Issuer[]): boolean {
  const { certificate: encoded } = status;
  if (!encoded) return false;
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(Buffer.from(encoded, "base64"));
  } catch {
    // Whatever it is, we did not make it.
    return true;
  }
  return !issuers.some(({ certificate: ca }) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
}

function told(
  requests: readonly CertificateSigningRequest[],
  outcome: typeof error,
  text: string,
  wayOut: string,
): readonly Finding[] {
  if (requests.length === 0) return [];
  const names = requests.slice(0, NAMED_AT_MOST).map(({ metadata }) => metadata.name);
  const more = requests.length > names.length ? ` and ${requests.length - names.length} more` : "";
  return [
    outcome(
      `${requests.length} ${requests.length === 1 ? "request" : "requests"}`,
      `${text}: ${names.join(", ")}${more}`,
      wayOut,
    ),
  ];
}
