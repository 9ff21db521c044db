import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import { approvalWarnings } from "./approval/approval-warnings.ts";
import { type BuiltChain, type ChainLink, createChain, type HookObserver } from "./approval/chain.ts";
import { createHooks, type HookDependencies } from "./approval/create-hooks.ts";
import { createGuards } from "./approval/guards/create-guards.ts";
import { type AttestedRequesters, createNodeNames } from "./approval/guards/first-join.ts";
import { createPendingRequests, type KnownPendingRequests } from "./approval/guards/pending-requests.ts";
import type { AttestationRecords } from "./approval/hooks/node-attestation.ts";
import { createLiveChain } from "./approval/live-chain.ts";
import type { ApprovalSettings, HookSettings } from "./approval/settings.ts";
import { createShadow, type Shadow } from "./approval/shadow.ts";
import type { Configuration, ConfigurationOverrides } from "./configuration.ts";
import { type ConfigurationFollower, followConfiguration } from "./configuration-follower.ts";
import type { ApprovalAdministration, HookDescription } from "./domain/approval-status.ts";
import { reviewedBinding } from "./domain/attestation.ts";
import type {
  ApprovalChain,
  Certificates,
  HookLoad,
  KeyPolicy,
  NodeNames,
  PendingRequests,
  ReviewHistory,
} from "./domain/ports.ts";
import type { RevocationLookups } from "./domain/revocation.ts";
import type { ShadowDecisions } from "./domain/shadow.ts";
import { configuredSigners } from "./signer-settings.ts";

/** What the chain stands on. */
export interface ApprovalParts {
  readonly overrides: ConfigurationOverrides;
  readonly hooks: HookDependencies;
  readonly certificates: Pick<Certificates, "find" | "ofNode">;
  readonly shadow: Pick<ShadowDecisions, "record">;
  readonly keyPolicy: KeyPolicy;
  readonly revocations: RevocationLookups;
  readonly observe: HookObserver;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who decides, as configured, while the configuration changes. */
export interface ConfiguredApproval {
  readonly chain: ApprovalChain;
  readonly nodeNames: NodeNames;
  readonly pending: PendingRequests;
  readonly administration: ApprovalAdministration;
  /** The settings of the hooks that decide now. */
  readonly hooks: () => readonly HookSettings[];
  readonly follower: ConfigurationFollower;
  /** How busy the hooks are that ask somebody outside. */
  readonly loads: () => ReadonlyMap<string, HookLoad>;
  /** Called when another chain has come into force. */
  readonly onChange: (listener: () => void) => void;
  readonly close: () => Promise<void>;
}

/** @throws {Error} when a hook cannot be made, naming it. */
export function configuredApproval(configuration: Configuration, given: ApprovalParts): ConfiguredApproval {
  const { clock, logger } = given;
  // A chain that is replaced may have approved what is not on record yet.
  const parts = { ...given, hooks: { ...given.hooks, nameClaims: new Map() } };
  const listeners: (() => void)[] = [];
  const pending = createPendingRequests();
  const build = (approval: ApprovalSettings) => buildChain(configuration, approval, parts, pending);
  // Metrics tell of hooks that decide.
  const unobserved = { ...parts, observe: undefined };
  const buildShadow = (approval: ApprovalSettings) =>
    shadowOf(approval, (settings) => buildChain(configuration, settings, unobserved, pending), parts);
  let shadow = buildShadow(configuration.approval);
  const live = createLiveChain(build(configuration.approval), (request, decision) => shadow?.follow(request, decision));
  let inForce = { approval: configuration.approval, since: clock.now() };

  function adopt(approval: ApprovalSettings): void {
    const onError = (error: unknown) => logger.warn({ err: error }, "could not free what a former chain held");
    const former = shadow;
    const nextShadow = buildShadow(approval);
    try {
      live.replace(build(approval), onError);
    } catch (error) {
      nextShadow?.close(true).catch(onError);
      throw error;
    }
    shadow = nextShadow;
    former?.close(false).catch(onError);
    inForce = { approval, since: clock.now() };
    for (const warning of approvalWarnings(approval)) logger.warn(warning);
    for (const listener of listeners) listener();
  }

  const { overrides } = parts;
  const hookFiles = () => [...live.current.files(), ...(shadow?.files() ?? [])];
  const follower = followConfiguration({ overrides, configuration, hookFiles, adopt, clock, logger });
  return {
    chain: live,
    nodeNames: createNodeNames(
      parts.certificates,
      () => inForce.approval.guards.firstJoin,
      attestedRequesters(parts.hooks.attestations),
    ),
    pending,
    hooks: () => inForce.approval.hooks,
    follower,
    administration: {
      status: () => ({
        since: inForce.since,
        guards: inForce.approval.guards,
        hooks: describe(inForce.approval, live.current.loads()),
        file: follower.status,
      }),
      shadow: () => shadow?.status(),
    },
    loads: () => live.current.loads(),
    onChange: (listener) => void listeners.push(listener),
    async close() {
      await Promise.all([live.close(), shadow?.close(true)]);
    },
  };
}

function shadowOf(
  { shadow, ...approval }: ApprovalSettings,
  build: (approval: ApprovalSettings) => BuiltChain,
  { shadow: decisions, clock, logger }: ApprovalParts,
): Shadow | undefined {
  if (shadow === undefined) return undefined;
  return createShadow({
    chain: build({ ...approval, hooks: shadow.hooks }),
    record: (decision) => decisions.record(decision),
    now: () => clock.now(),
    onError: (error) => logger.warn({ err: error }, "the shadow chain could not be followed"),
  });
}

function buildChain(
  configuration: Configuration,
  approval: ApprovalSettings,
  parts: Omit<ApprovalParts, "observe"> & { readonly observe: HookObserver | undefined },
  pending: KnownPendingRequests,
): BuiltChain {
  const { keyPolicy, observe, certificates } = parts;
  const { links: guards, limits } = createGuards(approval.guards, {
    certificates,
    pending,
    revocations: parts.revocations,
    attested: attestedRequesters(parts.hooks.attestations),
  });
  const hooks = buildHooks(approval.hooks, parts);
  try {
    const history = reviewHistory(certificates, parts.hooks.attestations);
    const signers = configuredSigners(configuration);
    return createChain({ keyPolicy, configuredSigners: signers, guards, limits, hooks, history, observe });
  } catch (error) {
    free(hooks, parts.logger);
    throw error;
  }
}

/** One after the other: what was made before one that cannot be made is freed. */
function buildHooks(
  settings: readonly HookSettings[],
  { hooks: deps, logger }: Pick<ApprovalParts, "hooks" | "logger">,
): readonly ChainLink[] {
  const made: ChainLink[] = [];
  try {
    for (const each of settings) made.push(...createHooks([each], deps));
    return made;
  } catch (error) {
    free(made, logger);
    throw error;
  }
}

function free(links: readonly ChainLink[], logger: Logger): void {
  for (const { hook } of links) {
    hook.close?.(true).catch((error: unknown) => logger.warn({ err: error }, "could not free what a hook held"));
  }
}

function describe({ hooks }: ApprovalSettings, loads: ReadonlyMap<string, HookLoad>): readonly HookDescription[] {
  return hooks.flatMap((hook) =>
    Object.entries(hook).map(([kind, { name = kind, required, signers, requesters }]) => ({
      ...{ name, kind, required, signers },
      quorum: "manual" in hook ? hook.manual.quorum : undefined,
      requesters: requesters && { users: requesters.users ?? [], groups: requesters.groups ?? [] },
      load: loads.get(name),
    })),
  );
}

function attestedRequesters(attestations: AttestationRecords): AttestedRequesters {
  return {
    isAttested: (username, nodeName) => reviewedBinding(attestations, nodeName, username)?.isRequester ?? false,
  };
}

const MAX_PREVIOUS_CERTIFICATES = 10;

function reviewHistory(certificates: Pick<Certificates, "find">, attestations: AttestationRecords): ReviewHistory {
  return {
    bindingOf: (nodeName, username) => reviewedBinding(attestations, nodeName, username),
    previousCertificates: async (nodeName, signerName) =>
      (await certificates.find({ nodeName, signerName, limit: MAX_PREVIOUS_CERTIFICATES })).items,
  };
}
