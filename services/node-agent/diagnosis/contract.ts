import type { Clock } from "../../shared/clock.ts";
import type { Check } from "../../shared/diagnosis/run-checks.ts";
import type { AskedServer, ServerAddress } from "../api/asked-server.ts";
import type { KubeletKubeconfig } from "../joining/kubelet-kubeconfig.ts";
import type { KubeletSettings } from "./kubelet-settings.ts";

/** What there is of a kubeconfig. */
export type KubeconfigState =
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly reason: string }
  | { readonly kind: "here"; readonly content: KubeletKubeconfig };

/** What the checks of a node look at. */
export interface NodeContext {
  /** As somebody named it, or as this host is called. */
  readonly nodeName: string;
  /** Whether somebody named it, or the kubelet is told so. */
  readonly isNodeNameGiven: boolean;
  readonly settings: KubeletSettings;
  readonly kubeconfig: KubeconfigState;
  readonly bootstrapKubeconfig: KubeconfigState;
  /** The server of either kubeconfig, asked as nobody; undefined when none is to be asked, for the reason given. */
  readonly server: { readonly address: ServerAddress; readonly ask: AskedServer } | undefined;
  readonly withoutServer: string;
  readonly clock: Clock;
  /** Whom this runs as. */
  readonly uid: number | undefined;
}

export type NodeCheck = Check<NodeContext>;
