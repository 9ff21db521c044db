import { approvalChain, approvalInForce } from "./checks/approval.ts";
import { auditPolicy, auditSinks } from "./checks/audit.ts";
import { authentication, authorization } from "./checks/authentication.ts";
import { clockAgainstLedger, clockAgainstServer, clockSynchronised } from "./checks/clock.ts";
import { clusterApis, clusterClock, clusterLeader, clusterReachable, clusterWebhooks } from "./checks/cluster.ts";
import { clusterRequests } from "./checks/cluster-requests.ts";
import { clusterExcess, clusterRights } from "./checks/cluster-rights.ts";
import { clusterApprovers, clusterControllerManager } from "./checks/cluster-signers.ts";
import { clusterTrust } from "./checks/cluster-trust.ts";
import { configurationFile, memory, requestLimits } from "./checks/configuration.ts";
import { administratorExpiry, issuerExpiry } from "./checks/expiry.ts";
import { configuredFiles, dataDirectory, parentDirectories, privateFiles } from "./checks/files.ts";
import { encryptionProvider, keyServices, sealedFiles } from "./checks/keys.ts";
import { ledgerFile, ledgerIntegrity, ledgerSize, ledgerWriter } from "./checks/ledger.ts";
import { listeningAddresses, servingNames } from "./checks/listening.ts";
import { automaticApproval, rbacObjects, signerPermissions } from "./checks/rbac.ts";
import { nodeVersion, openFiles } from "./checks/runtime.ts";
import { serverReady } from "./checks/server.ts";
import { signerChoices, signerIssuers, spiffeBundles } from "./checks/signers.ts";
import { keyTokens } from "./checks/tokens.ts";
import type { Check } from "./contract.ts";

/** Every check, in the order in which they are told: what others stand on comes first. */
export const CHECKS: readonly Check[] = [
  ...[configurationFile, requestLimits],
  ...[nodeVersion, memory, openFiles],
  ...[dataDirectory, parentDirectories, privateFiles, configuredFiles],
  ...[encryptionProvider, keyServices, sealedFiles, keyTokens],
  ...[issuerExpiry, administratorExpiry],
  ...[signerIssuers, signerChoices, spiffeBundles],
  ...[clockAgainstLedger, clockAgainstServer, clockSynchronised],
  ...[ledgerFile, ledgerWriter, ledgerSize, ledgerIntegrity],
  ...[listeningAddresses, servingNames, serverReady],
  ...[rbacObjects, automaticApproval, signerPermissions],
  ...[approvalChain, approvalInForce],
  ...[authentication, authorization],
  ...[auditPolicy, auditSinks],
  ...[clusterReachable, clusterClock, clusterApis, clusterRights, clusterExcess, clusterTrust],
  ...[clusterLeader, clusterControllerManager, clusterApprovers, clusterRequests, clusterWebhooks],
];
