import { join } from "node:path";
import { createCheckpointSigner } from "../../services/certificate-authority/custody/checkpoint-key.ts";
import { createRevocationWaiters } from "../../services/certificate-authority/http/admin-api/revocation-waiters.ts";
import { routes } from "../../services/certificate-authority/http/admin-api/routes.ts";
import type { OcspResponder } from "../../services/certificate-authority/issuance/ocsp.ts";
import { examineCertificate } from "../../services/certificate-authority/signer/certificate-examiner.ts";
import {
  FakeAuditTrail,
  FakeCertificates,
  FakeConfiguredIssuers,
  FakeDecisions,
  FakeEncryption,
  FakeImporting,
  FakeIssuance,
  FakeIssuers,
  FakeMaintenance,
  FakeMerkleLog,
  FakeNodes,
  FakeRecordedReviews,
  FakeRequests,
  FakeTokenAdministration,
  SettableAuthorizer,
} from "../fakes/admin-ports.ts";
import { FakeApprovalAdministration, FakeShadowDecisions } from "../fakes/approval-administration.ts";
import { FakeFleetExpiry } from "../fakes/fleet-expiry.ts";
import { FakeIssuerRotation, FakeTrustObserver } from "../fakes/issuer-rotation.ts";
import { FakeJobs } from "../fakes/jobs.ts";
import { FakeMachines } from "../fakes/machines.ts";
import { FakeRevocationFeed, FakeRevocationLists, FakeRevoking } from "../fakes/revocations.ts";
import { appOf } from "./edge.ts";

/** The admin API over fakes, as an Express application; `directory` is where its copies of the ledger pass through. */
export function adminApiOver(directory: string, now: Date) {
  const revocations = new FakeRevocationFeed();
  const certificates = new FakeCertificates();
  const quarantined = new Set<string>();
  const fakes = {
    attestations: new FakeMachines(),
    revocations,
    revocationWaiters: createRevocationWaiters(revocations),
    revoking: new FakeRevoking(),
    certificates,
    nodes: new FakeNodes(certificates),
    quarantined,
    importing: new FakeImporting(),
    merkle: new FakeMerkleLog(),
    checkpoints: createCheckpointSigner({ deriveKey: () => Buffer.alloc(32, 7) }),
    quarantine: { isQuarantined: (nodeName: string) => quarantined.has(nodeName) },
    readDetails: (der: Uint8Array) => examineCertificate(der),
    revocationLists: new FakeRevocationLists(),
    ocsp: undefined as OcspResponder | undefined,
    decisions: new FakeDecisions(),
    requests: new FakeRequests(),
    issuance: new FakeIssuance(),
    recorded: new FakeRecordedReviews(),
    approval: new FakeApprovalAdministration(),
    shadow: new FakeShadowDecisions(),
    authorizer: new SettableAuthorizer(),
    issuers: new FakeIssuers(),
    configuredIssuers: new FakeConfiguredIssuers(),
    issuerRotation: new FakeIssuerRotation(),
    trust: new FakeTrustObserver(),
    audit: new FakeAuditTrail(),
    fleetExpiry: new FakeFleetExpiry(now),
    maintenance: new FakeMaintenance(),
    tokens: new FakeTokenAdministration(now),
    encryption: new FakeEncryption(),
    jobs: new FakeJobs(),
    trustDomains: new Map([["example.org", { issuerNames: ["default"], refreshHintSeconds: 300 }]]),
    backupDirectory: join(directory, "backups"),
  };
  return { ...fakes, app: appOf(routes({ ...fakes, clock: { now: () => now } })) };
}
