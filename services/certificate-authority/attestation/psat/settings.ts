import { z } from "zod";

const path = z.string().min(1).max(4096);
/** What kube-apiservers call themselves: a token for one of them is the pod's for everything, and nobody shows it around. */
const API_SERVER_AUDIENCE = /^(?:https?:\/\/)?(?:api|kubernetes(?:\.default(?:\.svc(?:\..*)?)?)?)(?::\d+)?\/?$/i;

/** Machines that are pods of a management cluster, or the nodes that such pods run on. */
export const psatShape = {
  attestor: z.literal("psat"),
  /**
   * Names the cluster in machines' ids, so that two clusters cannot mean the same machine: it must not be changed, nor used for
   * another cluster.
   */
  cluster: z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits, - and ."),
  /**
   * How that cluster is asked: who may create TokenReviews and get pods, and with `machine: node` nodes. Read again when it
   * changes.
   */
  kubeconfig: path,
  /** Whose pods are taken, each as `namespace:name`. */
  serviceAccounts: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?:[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, "must be namespace:name"),
    )
    .min(1)
    .max(1000),
  /** What the machine is: the pod, or the node that the pod runs on. */
  machine: z.enum(["pod", "node"]),
  /**
   * Less safe: tokens for this audience are taken too, though it does not hold bind, as those that a kubelet puts into files.
   * Whoever has seen such a token can show it, so that it counts once for each machine.
   */
  replayableAudience: z
    .string()
    .min(1)
    .max(512)
    .refine((audience) => !API_SERVER_AUDIENCE.test(audience), "must not be an API server's audience")
    .optional(),
  timeoutSeconds: z.number().positive().max(30).default(10),
};

const schema = z.strictObject(psatShape);
export type PsatSettings = z.infer<typeof schema>;

/** @param resolve - makes a path of the configuration file absolute. */
export function resolvePsatPaths<T extends PsatSettings>(settings: T, resolve: (path: string) => string): T {
  return { ...settings, kubeconfig: resolve(settings.kubeconfig) };
}
