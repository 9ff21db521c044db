import type { FileOutcome } from "./control-plane/initialize.ts";
import { PkiError } from "./control-plane/pki-error.ts";
import type { ControlPlaneRenewalSettings } from "./control-plane-settings.ts";
import { type ControlPlaneParts, makeControlPlane } from "./make-control-plane.ts";
import { nodeNameOf } from "./node-name.ts";
import type { RunContext, RunReport } from "./rotation/scheduler/job.ts";

/** What has to happen before programs use what was renewed, by the certificate's name; kubeadm's names. */
const AFTERWARDS: readonly { readonly names: readonly string[]; readonly what: string }[] = [
  {
    names: ["controller-manager.conf", "scheduler.conf"],
    what: "restart kube-controller-manager and kube-scheduler, which read their kubeconfigs at start",
  },
  {
    names: ["admin.conf", "super-admin.conf"],
    what: "hand admin.conf and super-admin.conf out again where they were copied",
  },
];

/**
 * The job `renew-control-plane`: what is there of a control plane's certificates is renewed before it ends, as
 * `gatehouse pki init --renew` does it, but that nothing is made and nothing revoked is replaced.
 */
export function controlPlaneRenewal(
  settings: ControlPlaneRenewalSettings | undefined,
  parts: ControlPlaneParts,
): (context: Pick<RunContext, "dryRun" | "report">) => Promise<RunReport> {
  return async ({ dryRun, report }) => {
    if (settings === undefined) return { summary: "no control plane is configured (controlPlane.directory)" };
    const { directory, keyAlgorithm, lifetimeSeconds, renewBeforeSeconds, controlPlaneEndpoint } = settings;
    const { files, notices } = await makeControlPlane(
      {
        ...{ directory, keyAlgorithm, lifetimeSeconds, renewBeforeSeconds },
        settings: { ...settings, controlPlaneEndpoint, nodeName: nodeNameOf(settings) },
        ...{ isExternal: true, isRenewing: true, isUnattended: true, isTrial: dryRun },
      },
      parts,
    ).catch(inOneLine);
    for (const notice of notices) parts.logger.warn({ directory }, notice);
    const renewed = namesOf(files, "renewed");
    if (!dryRun && renewed.length > 0) parts.logger.info({ directory, renewed }, "renewed control plane certificates");
    const afterwards = AFTERWARDS.filter(({ names }) => names.some((name) => renewed.includes(name)));
    for (const line of [...renewed, ...notices, ...afterwards.map(({ what }) => `afterwards: ${what}`)]) report(line);
    return {
      summary: `${dryRun ? "would renew" : "renewed"} ${renewed.length} of ${files.length - namesOf(files, "absent").length} files`,
    };
  };
}

/** The outcome of a run is a sentence. */
function inOneLine(error: unknown): never {
  if (error instanceof PkiError) throw new Error(error.problems.join("; "), { cause: error });
  throw error;
}

function namesOf(files: readonly FileOutcome[], action: FileOutcome["action"]): readonly string[] {
  return files.flatMap(({ name, action: done }) => (done === action ? [name] : []));
}
