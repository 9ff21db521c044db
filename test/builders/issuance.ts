import { createChain } from "../../services/certificate-authority/approval/chain.ts";
import { kubeletClientHook } from "../../services/certificate-authority/approval/hooks/kubelet-client.ts";
import { manualHook } from "../../services/certificate-authority/approval/hooks/manual.ts";
import type { CertificateSigningRequest } from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import { NO_CONFIGURED_SIGNERS } from "../../services/certificate-authority/domain/configured-signer.ts";
import {
  createIssuance,
  type Issuance,
  type IssuanceDependencies,
} from "../../services/certificate-authority/issuance/issuance.ts";
import { createFakeAuthorizer, type FakeAuthorizer } from "../fakes/authorizer.ts";
import { createFakeCertificateRequests, type FakeCertificateRequests } from "../fakes/certificate-requests.ts";
import { createFakeKeyPolicy, type FakeKeyPolicy } from "../fakes/key-policy.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";
import { NO_HISTORY } from "../fakes/review-history.ts";
import { SettableClock } from "../fakes/settable-clock.ts";
import { createFakeDecoder, createFakeSigner, type FakeDecoder, type FakeSigner } from "../fakes/signing.ts";
import { facts } from "./facts.ts";

/** What the requester `system:bootstrap:abcdef` needs for a join without a person. */
export const MAY_JOIN = "system:bootstrap:abcdef create certificatesigningrequests/nodeclient";

export interface IssuanceHarness {
  readonly issuance: Issuance;
  readonly requests: FakeCertificateRequests;
  readonly authorizer: FakeAuthorizer;
  readonly decoder: FakeDecoder;
  readonly signer: FakeSigner;
  readonly keyPolicy: FakeKeyPolicy;
  readonly clock: SettableClock;
  readonly lines: ReturnType<typeof recordingLogger>["lines"];
  /** What the observer was told, as words. */
  readonly observed: readonly string[];
  /** Resolves when nothing waits or is being worked on; retries do not count. */
  readonly settled: () => Promise<void>;
  readonly stored: (name?: string) => Promise<CertificateSigningRequest | undefined>;
}

export interface IssuanceArguments {
  readonly initial?: readonly CertificateSigningRequest[];
  readonly allowed?: Iterable<string>;
  readonly settings?: Partial<IssuanceDependencies["settings"]>;
  readonly overrides?: Partial<IssuanceDependencies>;
}

/** Issuance over fakes, with the chain of a default configuration; names are completed with `aaaa1`, `aaaa2`, … */
export function buildIssuance(args: IssuanceArguments = {}): IssuanceHarness {
  const requests = createFakeCertificateRequests(args.initial);
  const authorizer = createFakeAuthorizer(args.allowed);
  const decoder = createFakeDecoder(facts());
  const signer = createFakeSigner(new Date("2036-01-01T00:00:00Z"));
  const keyPolicy = createFakeKeyPolicy();
  const clock = new SettableClock();
  const { logger, lines } = recordingLogger();
  const observed: string[] = [];
  let uids = 0;
  let suffixes = 0;
  const hooks = [manualHook(), kubeletClientHook(authorizer)].map((hook) => ({ hook, required: false }));
  const issuance = createIssuance({
    requests,
    certificates: { latestOf: async () => undefined },
    decisions: { ofRequest: async (name) => requests.decisions.filter(({ requestName }) => requestName === name) },
    decoder,
    inspector: {
      inspectPem: (text) =>
        text.startsWith("bad") ? { kind: "invalid", message: "no block" } : { kind: "ok", certificates: [] },
    },
    issuers: signer.issuers,
    signer,
    chain: createChain({ history: NO_HISTORY, keyPolicy, hooks }),
    keyPolicy,
    configuredSigners: NO_CONFIGURED_SIGNERS,
    authorizer,
    clock,
    logger,
    newUid: () => `uid-${++uids}`,
    newNameSuffix: () => `aaaa${++suffixes}`,
    settings: { maximumLifetimeSeconds: 86_400, concurrency: 4, queueLimit: 100, ...args.settings },
    observe: {
      phase: (phase) => observed.push(phase),
      decided: (outcome, by) => observed.push(`${outcome} by ${by}`),
      issued: (signerName, seconds) => observed.push(`issued ${signerName} after ${seconds}`),
      rejected: (signerName) => observed.push(`rejected ${signerName}`),
      failed: (phase) => observed.push(`${phase} failed`),
    },
    ...args.overrides,
  });
  return {
    issuance,
    requests,
    authorizer,
    decoder,
    signer,
    keyPolicy,
    clock,
    lines,
    observed,
    stored: (name = "csr-1") => requests.get(name),
    settled: async () => {
      do await new Promise((resolve) => setImmediate(resolve));
      while (issuance.depth > 0);
    },
  };
}
