import { hostname } from "node:os";
import { type Clock, systemClock } from "../shared/clock.ts";
import { chooseChecks, type Diagnosis, runChecks } from "../shared/diagnosis/run-checks.ts";
import { askedServer } from "./api/asked-server.ts";
import { clientCertificate, servingCertificate, trustedCas } from "./diagnosis/checks/certificates.ts";
import { kubeconfigs, privateFiles, stateOf } from "./diagnosis/checks/files.ts";
import { nodeName, rotation, runningKubelet, servingBootstrap } from "./diagnosis/checks/kubelet.ts";
import { acceptedCertificate, clockAgainstServer, reachableServer } from "./diagnosis/checks/server.ts";
import type { NodeCheck, NodeContext } from "./diagnosis/contract.ts";
import { kubeletSettings, type NodeOverrides } from "./diagnosis/kubelet-settings.ts";
import { readKubeletKubeconfig } from "./joining/kubelet-kubeconfig.ts";

/** Every check, in the order in which they are told: what others stand on comes first. */
const CHECKS: readonly NodeCheck[] = [
  ...[nodeName, runningKubelet, rotation, servingBootstrap],
  ...[privateFiles, kubeconfigs, clientCertificate, servingCertificate, trustedCas],
  ...[reachableServer, clockAgainstServer, acceptedCertificate],
];

/** The ids of all checks, and what each looks at. */
export const CHECK_TITLES: readonly { readonly id: string; readonly title: string }[] = CHECKS.map(({ id, title }) => ({
  id,
  title,
}));

export interface NodeDoctorOptions extends NodeOverrides {
  /** Ids, or the topics before their dots; everything when absent. */
  readonly only?: readonly string[] | undefined;
  /** Asks no server. */
  readonly isOffline: boolean;
  /** For each check. */
  readonly timeoutSeconds: number;
  readonly clock?: Clock;
  /** Where processes are seen; `/proc`. */
  readonly processDirectory?: string;
}

/**
 * Looks at a node: its name, its kubelet's settings, the files that it joins and serves with, and whether the server can be
 * reached and takes its certificate. Changes nothing; findings hold no secret.
 */
export function diagnoseNode(options: NodeDoctorOptions): Promise<Diagnosis> {
  return runChecks(chooseChecks(CHECKS, options.only), contextOf(options), {
    timeoutMilliseconds: options.timeoutSeconds * 1000,
  });
}

function contextOf(options: NodeDoctorOptions): NodeContext {
  const { isOffline, clock = systemClock, processDirectory = "/proc" } = options;
  const settings = kubeletSettings(options, processDirectory);
  const given = options.nodeName ?? settings.hostnameOverride;
  const kubeconfig = stateOf(() => readKubeletKubeconfig(settings.kubeconfig));
  const bootstrapKubeconfig = stateOf(() => readKubeletKubeconfig(settings.bootstrapKubeconfig));
  const found = [kubeconfig, bootstrapKubeconfig].find((state) => state.kind === "here");
  const address = found?.content.server;
  return {
    ...{ settings, kubeconfig, bootstrapKubeconfig, clock },
    nodeName: given ?? hostname().trim().toLowerCase(),
    isNodeNameGiven: given !== undefined,
    server: address === undefined || isOffline ? undefined : { address, ask: askedServer(address, undefined) },
    withoutServer: isOffline ? "--offline: no server is asked" : "there is no kubeconfig that can be read",
    uid: process.getuid?.(),
  };
}
