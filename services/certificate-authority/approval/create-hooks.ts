import type { Logger } from "../../shared/logging.ts";
import type { RequestKeys } from "../domain/attestation.ts";
import type { Authorizer } from "../domain/authorization.ts";
import type { OpenNodeAddresses } from "../domain/node-addresses.ts";
import type { ApprovalHook, Certificates } from "../domain/ports.ts";
import type { ChainLink } from "./chain.ts";
import { createEvidenceSources } from "./evidence/create-sources.ts";
import type { NameClaims } from "./evidence/name-holders.ts";
import { kubeletClientHook } from "./hooks/kubelet-client.ts";
import { kubeletServingHook } from "./hooks/kubelet-serving.ts";
import { manualHook } from "./hooks/manual.ts";
import { type AttestationRecords, nodeAttestationHook } from "./hooks/node-attestation.ts";
import { policyHook } from "./hooks/policy.ts";
import { createScriptHook } from "./hooks/script.ts";
import { selfRenewalHook } from "./hooks/self-renewal.ts";
import { createWebhookHook } from "./hooks/webhook.ts";
import { hookSelector } from "./selector.ts";
import type { HookSettings } from "./settings.ts";

/** What hooks stand on. */
export interface HookDependencies {
  readonly authorizer: Authorizer;
  readonly logger: Logger;
  /** What is on record; without it nothing is compared with other certificates. */
  readonly certificates?:
    | (Pick<Certificates, "summaryOfLatest" | "otherHoldersOf"> & Partial<Pick<Certificates, "get">>)
    | undefined;
  /** What is on record about machines. */
  readonly attestations: AttestationRecords;
  /** What requests show about their keys. */
  readonly requestKeys: RequestKeys;
  /** Names that certificates are being made for, whichever hook judged them. */
  readonly nameClaims?: NameClaims | undefined;
  /** Called when what hooks know has changed: requests that wait may be decided otherwise now. */
  readonly onNewEvidence?: (() => void) | undefined;
  /** How clusters are asked about their nodes; without it they are not. */
  readonly openNodeAddresses?: OpenNodeAddresses | undefined;
  /** A hook to put in the place of the configured one of that kind and name; undefined leaves it. */
  readonly substitute?: (kind: string, name: string) => ApprovalHook | undefined;
}

/** Makes the hooks of a chain as they are configured, in their order. */
export function createHooks(settings: readonly HookSettings[], deps: HookDependencies): readonly ChainLink[] {
  return settings.map((hook) => {
    const [kind, common] = kindOf(hook);
    const made = deps.substitute?.(kind, common.name ?? kind) ?? createHook(hook, deps);
    const named = common.name === undefined || common.name === kind ? made : { ...made, name: common.name };
    const quorum = "manual" in hook ? hook.manual.quorum : undefined;
    return { hook: named, required: common.required, selector: hookSelector(common), quorum };
  });
}

/** The one key of a hook's settings, and what stands under it. */
function kindOf(hook: HookSettings) {
  const [entry] = Object.entries(hook);
  if (entry === undefined) throw new Error("a hook without a kind");
  return entry;
}

function createHook(hook: HookSettings, deps: HookDependencies): ApprovalHook {
  const { authorizer, certificates, logger } = deps;
  if ("manual" in hook) return manualHook(hook.manual.quorum);
  if ("policy" in hook) {
    const { name = "policy", required } = hook.policy;
    return policyHook(hook.policy, { where: `approval.hooks ${name}`, required, logger });
  }
  if ("node-attestation" in hook) return nodeAttestationHook(hook["node-attestation"], deps);
  if ("self-renewal" in hook) return selfRenewalHook({ get: async (id) => certificates?.get?.(id) });
  if ("kubelet-serving" in hook) {
    const settings = hook["kubelet-serving"];
    return kubeletServingHook(settings, {
      sources: createEvidenceSources(settings.sources, deps),
      certificates,
      claims: deps.nameClaims,
    });
  }
  if ("script" in hook) return createScriptHook(hook.script, logger.child({ hook: hook.script.name ?? "script" }));
  if ("webhook" in hook)
    return createWebhookHook(hook.webhook, { logger: logger.child({ hook: hook.webhook.name ?? "webhook" }) });
  return kubeletClientHook(authorizer, certificates);
}
