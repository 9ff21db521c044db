import type { ApprovalSettings } from "./settings.ts";

/** What is less safe about the hooks that are configured, each in a sentence that names its setting. */
export function approvalWarnings({ hooks }: ApprovalSettings): readonly string[] {
  return hooks.flatMap((hook, index) => {
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
        ? [
            `${setting}: addressRanges lets a node claim any address of its ranges that nobody else has a certificate for`,
          ]
        : []),
      ...(dns
        ? [
            `${setting}: dns believes answers that nobody signed: whoever can forge or write them takes a node's addresses`,
          ]
        : []),
    ];
  });
}
