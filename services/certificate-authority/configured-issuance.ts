import { randomInt, randomUUID } from "node:crypto";
import { systemClock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Access } from "./access/access.ts";
import type { Configuration } from "./configuration.ts";
import type { ApprovalChain, CertificateRequests, KeyPolicy, NodeNames, PendingRequests } from "./domain/ports.ts";
import { createSpread } from "./domain/spread.ts";
import type { Metrics } from "./http/metrics.ts";
import { createIssuance, type Issuance } from "./issuance/issuance.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { LiveIssuers } from "./live-issuers.ts";
import type { Signer } from "./signer/signer.ts";
import { configuredSigners } from "./signer-settings.ts";

const NAME_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const NAME_SUFFIX_LENGTH = 5;

/** What the use cases stand on. */
export interface IssuanceParts {
  readonly ledger: Ledger;
  readonly requests: CertificateRequests;
  readonly issuers: LiveIssuers;
  readonly signer: Signer;
  readonly access: Access;
  readonly chain: ApprovalChain;
  readonly nodeNames: NodeNames;
  readonly pending: PendingRequests;
  readonly keyPolicy: KeyPolicy;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Builds the use cases from what is configured and open. */
export function configuredIssuance(
  configuration: Configuration,
  { ledger, requests, issuers, signer, access, chain, nodeNames, pending, keyPolicy, metrics, logger }: IssuanceParts,
): Issuance {
  const signerProfiles = configuredSigners(configuration);
  const { spread } = configuration.signing;
  return createIssuance({
    requests,
    certificates: ledger.certificates,
    decisions: ledger.decisions,
    decoder: signer.decoder,
    inspector: signer.inspector,
    issuers,
    signer: signer.signer,
    configuredSigners: signerProfiles,
    chain,
    keyPolicy,
    revocations: ledger.revocations,
    nodeNames,
    pending,
    authorizer: access.authorizer,
    clock: systemClock,
    logger,
    newUid: randomUUID,
    newNameSuffix,
    settings: {
      maximumLifetimeSeconds: configuration.signing.maxDurationSeconds,
      spread: spread.fraction > 0 ? createSpread(spread) : undefined,
      concurrency: 256,
      queueLimit: configuration.limits.maxStoredRequests,
    },
    observe: {
      phase: metrics.issuancePhase,
      decided: metrics.decided,
      issued: metrics.issued,
      rejected: metrics.rejected,
      failed: metrics.retried,
    },
  });
}

/**
 * What a generated name ends with: five characters that make no words. One random number for all of them, since drawing
 * each by itself takes five times as long.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/storage/names/generate.go.
 */
export function newNameSuffix(): string {
  let suffix = "";
  let rest = randomInt(NAME_SUFFIX_ALPHABET.length ** NAME_SUFFIX_LENGTH);
  while (suffix.length < NAME_SUFFIX_LENGTH) {
    suffix += NAME_SUFFIX_ALPHABET.charAt(rest % NAME_SUFFIX_ALPHABET.length);
    rest = Math.floor(rest / NAME_SUFFIX_ALPHABET.length);
  }
  return suffix;
}
