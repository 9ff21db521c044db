import type { ApprovalSettings, HookSettings } from "./settings.ts";

/** What is less safe about the chain that is configured, each in a sentence that names its setting. */
export function approvalWarnings({ hooks, guards }: ApprovalSettings): readonly string[] {
  const isAnybodyLetIn = guards.firstJoin === "allow";
  return [
    ...(isAnybodyLetIn
      ? ["approval.guards.firstJoin is allow: whoever may join can take the name of any node that there is"]
      : []),
    ...hooks.flatMap(hookWarnings),
  ];
}

/** What a chain cannot keep where a cluster's own API server takes approvals, each in a sentence. */
export function clusterWarnings({ hooks }: ApprovalSettings): readonly string[] {
  return hooks.flatMap((hook, index) => {
    if (!("manual" in hook) || hook.manual.quorum === 1) return [];
    const { name = "manual", quorum } = hook.manual;
    return [
      `approval.hooks[${index}] (${name}): quorum ${quorum} counts who approves through Gatehouse; whoever may approve in the cluster approves alone`,
    ];
  });
}

function hookWarnings(hook: HookSettings, index: number): readonly string[] {
  if ("self-renewal" in hook) {
    const { name = "self-renewal", signers } = hook["self-renewal"];
    const setting = `approval.hooks[${index}] (${name})`;
    return [`${setting}: a stolen certificate of ${signers.join(", ")} renews itself until it is revoked`];
  }
  if ("node-attestation" in hook) {
    const { name = "node-attestation", others } = hook["node-attestation"];
    if (others === "deny") return [];
    return [`approval.hooks[${index}] (${name}): others is ignore: who did not attest may be approved by other hooks`];
  }
  if (!("kubelet-serving" in hook)) return [];
  const { name = "kubelet-serving", unique, sources } = hook["kubelet-serving"];
  const setting = `approval.hooks[${index}] (${name})`;
  const ranges = sources.some((source) => "addressRanges" in source);
  const dns = sources.some((source) => "dns" in source);
  return [
    ...(unique
      ? []
      : [`${setting}: unique is false: a node may get the names and addresses of another one's certificate`]),
    ...(ranges
      ? [`${setting}: addressRanges lets a node claim any address of its ranges that nobody else has a certificate for`]
      : []),
    ...(dns
      ? [
          `${setting}: dns believes answers that nobody signed: whoever can forge or write them takes a node's addresses`,
        ]
      : []),
  ];
}
