import { requestsMigration } from "./0001-requests.ts";
import { auditMigration } from "./0002-audit.ts";
import { decisionsMigration } from "./0003-decisions.ts";
import { certificatesMigration } from "./0004-certificates.ts";
import { bootstrapTokensMigration } from "./0005-bootstrap-tokens.ts";
import { certificatesByKeyMigration } from "./0006-certificates-by-key.ts";
import { objectsOnceMigration } from "./0007-objects-once.ts";
import { issuerNamesMigration } from "./0008-issuer-names.ts";
import { objectsMigration } from "./0009-objects.ts";
import { tokenUsagesMigration } from "./0010-token-usages.ts";
import { archivedRequestsMigration } from "./0011-archived-requests.ts";
import { tokenChangesMigration } from "./0012-token-changes.ts";
import { certificateNamesMigration } from "./0013-certificate-names.ts";
import { shadowDecisionsMigration } from "./0014-shadow-decisions.ts";
import { revocationsMigration } from "./0015-revocations.ts";
import { issuerRotationMigration } from "./0016-issuer-rotation.ts";
import { runsMigration } from "./0017-runs.ts";
import { expiryNoticesMigration } from "./0018-expiry-notices.ts";
import { importedCertificatesMigration } from "./0019-imported-certificates.ts";
import { attestationMigration } from "./0020-attestation.ts";
import type { Migration } from "./migration.ts";

/** Every migration, in the order in which they are applied. New ones go to the end. */
export const MIGRATIONS: readonly Migration[] = [
  requestsMigration,
  auditMigration,
  decisionsMigration,
  certificatesMigration,
  bootstrapTokensMigration,
  certificatesByKeyMigration,
  objectsOnceMigration,
  issuerNamesMigration,
  objectsMigration,
  tokenUsagesMigration,
  archivedRequestsMigration,
  tokenChangesMigration,
  certificateNamesMigration,
  shadowDecisionsMigration,
  revocationsMigration,
  issuerRotationMigration,
  runsMigration,
  expiryNoticesMigration,
  importedCertificatesMigration,
  attestationMigration,
];
