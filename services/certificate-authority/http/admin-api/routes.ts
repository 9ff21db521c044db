import type { Clock } from "../../../shared/clock.ts";
import type { ApprovalAdministration } from "../../domain/approval-status.ts";
import type { Authorizer } from "../../domain/authorization.ts";
import type { EncryptionAtRest } from "../../domain/encryption.ts";
import type { JobAdministration } from "../../domain/job.ts";
import type {
  AuditTrail,
  CertificateRequests,
  Certificates,
  Decisions,
  Issuers,
  LedgerMaintenance,
} from "../../domain/ports.ts";
import type { RecordedReviews } from "../../domain/recorded-request.ts";
import type { ShadowDecisions } from "../../domain/shadow.ts";
import type { Issuance } from "../../issuance/contract.ts";
import type { IssuerRotation } from "../../rotation/issuers/contract.ts";
import type { TrustObserver } from "../../rotation/issuers/trust.ts";
import type { Route } from "../call.ts";
import { approvalHandlers } from "./approval.ts";
import { approvalChainHandler } from "./approval-chain.ts";
import { auditHandler } from "./audit.ts";
import { type BootstrapTokenAdministration, bootstrapTokenHandlers } from "./bootstrap-tokens.ts";
import { certificateImportHandler, type ImportDependencies } from "./certificate-import.ts";
import { certificateHandlers } from "./certificates.ts";
import { type ConfiguredIssuerDependencies, configuredIssuerHandlers } from "./configured-issuers.ts";
import { decisionHandler } from "./decisions.ts";
import type { ExaminationDependencies } from "./examine-certificate.ts";
import { type ExpiryHandlerDependencies, expiryHandlers } from "./expiry.ts";
import { explainHandler } from "./explain.ts";
import { issuerRotationHandlers } from "./issuer-rotation.ts";
import { issuerHandlers } from "./issuers.ts";
import { jobHandlers } from "./jobs.ts";
import { ledgerHandlers } from "./ledger.ts";
import { type LedgerProofDependencies, ledgerProofHandlers } from "./ledger-proofs.ts";
import { type MachineDependencies, machineHandlers } from "./machines.ts";
import { type NodeDependencies, nodeHandlers } from "./nodes.ts";
import { type OcspHandlerDependencies, ocspHandlers } from "./ocsp.ts";
import { recordedRequestsHandler } from "./recorded-requests.ts";
import { reencryptionHandler } from "./reencryption.ts";
import { type RevocationListHandlerDependencies, revocationListHandler } from "./revocation-lists.ts";
import { type RevocationDependencies, revocationHandlers } from "./revocations.ts";
import { shadowHandler } from "./shadow.ts";
import { type SpiffeBundleDependencies, spiffeBundleHandler } from "./spiffe-bundles.ts";

export interface AdminApiDependencies
  extends ConfiguredIssuerDependencies,
    ExaminationDependencies,
    ImportDependencies,
    LedgerProofDependencies,
    ExpiryHandlerDependencies,
    MachineDependencies,
    NodeDependencies,
    OcspHandlerDependencies,
    RevocationDependencies,
    RevocationListHandlerDependencies,
    SpiffeBundleDependencies {
  readonly certificates: Pick<Certificates, "find" | "get">;
  readonly decisions: Decisions;
  readonly requests: Pick<CertificateRequests, "get">;
  readonly issuance: Pick<Issuance, "decide" | "rehearse" | "explain">;
  /** Asked about more than the right to the path. */
  readonly authorizer: Authorizer;
  readonly approval: ApprovalAdministration;
  readonly shadow: Pick<ShadowDecisions, "latest">;
  readonly recorded: RecordedReviews;
  readonly issuers: Pick<Issuers, "list">;
  readonly issuerRotation: IssuerRotation;
  readonly trust: Pick<TrustObserver, "holds">;
  readonly audit: Pick<AuditTrail, "find">;
  readonly maintenance: Pick<LedgerMaintenance, "backup" | "verify">;
  readonly tokens: BootstrapTokenAdministration;
  readonly encryption: EncryptionAtRest;
  readonly jobs: JobAdministration;
  /** A folder of the data directory for copies that are being streamed; made when missing. */
  readonly backupDirectory: string;
  readonly clock: Clock;
}

/** Everything below `/v1`: what Kubernetes has no API for. `adminOpenApiDocument` describes it. */
export function routes(deps: AdminApiDependencies): readonly Route[] {
  const certificates = certificateHandlers(deps);
  const expiry = expiryHandlers(deps);
  const approval = approvalHandlers(deps);
  const tokens = bootstrapTokenHandlers(deps.tokens);
  const issuers = issuerHandlers(deps);
  const configured = configuredIssuerHandlers(deps);
  const rotation = issuerRotationHandlers(deps.issuerRotation);
  const ledger = ledgerHandlers(deps);
  const jobs = jobHandlers(deps.jobs);
  const revocations = revocationHandlers(deps);
  const ocsp = ocspHandlers(deps);
  const nodes = nodeHandlers(deps);
  const machines = machineHandlers(deps);
  const proofs = ledgerProofHandlers(deps);
  return [
    { method: "GET", path: "/v1/certificates", handler: certificates.list },
    { method: "POST", path: "/v1/certificates/import", handler: certificateImportHandler(deps) },
    { method: "GET", path: "/v1/certificates/:id", handler: certificates.show },
    { method: "POST", path: "/v1/certificates/:id/revoke", handler: revocations.revokeCertificate },
    { method: "GET", path: "/v1/revocations", handler: revocations.list },
    { method: "POST", path: "/v1/revocations", handler: revocations.create },
    { method: "GET", path: "/v1/nodes", handler: nodes.list },
    { method: "GET", path: "/v1/nodes/:name", handler: nodes.show },
    { method: "POST", path: "/v1/ocsp", handler: ocsp.post },
    // Some clients leave the slashes of base64 as they are.
    { method: "GET", path: "/v1/ocsp/*request", handler: ocsp.get },
    { method: "GET", path: "/v1/crls/:issuerId", handler: revocationListHandler(deps) },
    { method: "POST", path: "/v1/nodes/:name/quarantine", handler: revocations.quarantine },
    { method: "POST", path: "/v1/nodes/:name/readmit", handler: revocations.readmit },
    { method: "GET", path: "/v1/machines", handler: machines.list },
    { method: "POST", path: "/v1/machines", handler: machines.enroll },
    { method: "GET", path: "/v1/machines/:attestor/:id", handler: machines.show },
    { method: "POST", path: "/v1/machines/:attestor/:id/release", handler: machines.release },
    { method: "POST", path: "/v1/machines/:attestor/:id/ban", handler: machines.ban },
    { method: "GET", path: "/v1/expiry", handler: expiry.report },
    { method: "GET", path: "/v1/expiry/forecast", handler: expiry.forecast },
    { method: "GET", path: "/v1/requests/:name/decision", handler: decisionHandler(deps) },
    { method: "GET", path: "/v1/recorded-requests", handler: recordedRequestsHandler(deps.recorded) },
    { method: "POST", path: "/v1/explain", handler: explainHandler(deps) },
    { method: "POST", path: "/v1/requests/:name/approve", handler: approval.approve },
    { method: "POST", path: "/v1/requests/:name/deny", handler: approval.deny },
    { method: "GET", path: "/v1/approval", handler: approvalChainHandler(deps.approval) },
    { method: "GET", path: "/v1/approval/shadow", handler: shadowHandler(deps) },
    { method: "GET", path: "/v1/bootstrap-tokens", handler: tokens.list },
    { method: "POST", path: "/v1/bootstrap-tokens", handler: tokens.create },
    { method: "GET", path: "/v1/bootstrap-tokens/:id", handler: tokens.show },
    { method: "DELETE", path: "/v1/bootstrap-tokens/:id", handler: tokens.remove },
    { method: "GET", path: "/v1/issuers", handler: issuers.list },
    { method: "GET", path: "/v1/issuers/:id", handler: issuers.show },
    { method: "POST", path: "/v1/issuers/reencryption", handler: reencryptionHandler(deps) },
    { method: "GET", path: "/v1/configured-issuers", handler: configured.list },
    { method: "POST", path: "/v1/configured-issuers/:name/request", handler: configured.request },
    { method: "POST", path: "/v1/configured-issuers/:name/certificate", handler: configured.install },
    { method: "GET", path: "/v1/issuer-rotations", handler: rotation.list },
    { method: "GET", path: "/v1/configured-issuers/:name/rotation", handler: rotation.show },
    { method: "POST", path: "/v1/configured-issuers/:name/rotation/prepare", handler: rotation.prepare },
    { method: "POST", path: "/v1/configured-issuers/:name/rotation/activate", handler: rotation.activate },
    { method: "POST", path: "/v1/configured-issuers/:name/rotation/retire", handler: rotation.retire },
    { method: "POST", path: "/v1/configured-issuers/:name/rotation/abandon", handler: rotation.abandon },
    { method: "GET", path: "/v1/trust-bundle", handler: issuers.trustBundle },
    { method: "GET", path: "/v1/spiffe/bundles/:trustDomain", handler: spiffeBundleHandler(deps) },
    { method: "GET", path: "/v1/jobs", handler: jobs.list },
    { method: "GET", path: "/v1/jobs/:name/runs", handler: jobs.runs },
    { method: "GET", path: "/v1/jobs/:name/runs/:id", handler: jobs.show },
    { method: "POST", path: "/v1/jobs/:name/run", handler: jobs.run },
    { method: "GET", path: "/v1/audit", handler: auditHandler(deps.audit) },
    { method: "GET", path: "/v1/ledger/checkpoint", handler: proofs.checkpoint },
    { method: "GET", path: "/v1/ledger/proof", handler: proofs.prove },
    { method: "GET", path: "/v1/ledger/consistency", handler: proofs.consistency },
    { method: "GET", path: "/v1/ledger/backup", handler: ledger.backup },
    { method: "GET", path: "/v1/ledger/verification", handler: ledger.progress },
    { method: "POST", path: "/v1/ledger/verification", handler: ledger.verify },
  ];
}
