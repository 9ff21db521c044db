import { z } from "zod";
import { CONTROL_PLANE_ALGORITHMS } from "./control-plane/key-pem.ts";
import { type ControlPlaneNames, controlPlaneProblems } from "./domain/control-plane-problems.ts";
import { nodeNameOf } from "./node-name.ts";

const HOUR_SECONDS = 3_600;
const YEAR_SECONDS = 365 * 86_400;

/** Settings are called what they are. */
const NAMES: ControlPlaneNames = {
  clusterName: "clusterName",
  nodeName: "nodeName",
  advertiseAddress: "advertiseAddress",
  bindPort: "bindPort",
  controlPlaneEndpoint: "controlPlaneEndpoint",
  extraNames: "extraNames",
  serviceCidrs: "serviceCidrs",
  serviceDnsDomain: "serviceDnsDomain",
};

/**
 * The part `controlPlane`: the files of `gatehouse pki init` on this machine that the server keeps from expiring. What
 * that command was told is said here again, since certificates are compared with it.
 */
export const controlPlaneSchema = z
  .strictObject({
    /** Of certificates and keys, e.g. /etc/kubernetes/pki; kubeconfigs are in its parent. */
    directory: z.string().min(1),
    clusterName: z.string().default("kubernetes"),
    /** This machine's name when absent. */
    nodeName: z.string().optional(),
    advertiseAddress: z.string(),
    bindPort: z.int().default(6443),
    controlPlaneEndpoint: z.string().optional(),
    extraNames: z.array(z.string()).default([]),
    serviceCidrs: z.array(z.string()).min(1).default(["10.96.0.0/12"]),
    serviceDnsDomain: z.string().default("cluster.local"),
    etcd: z.enum(["local", "external"]).default("local"),
    keyAlgorithm: z.enum(CONTROL_PLANE_ALGORITHMS).default("rsa-2048"),
    lifetimeSeconds: z
      .int()
      .min(HOUR_SECONDS)
      .max(10 * YEAR_SECONDS)
      .default(YEAR_SECONDS),
    /** How long before its end a certificate is renewed; a third of its life when absent. */
    renewBeforeSeconds: z
      .int()
      .min(60)
      .max(10 * YEAR_SECONDS)
      .optional(),
  })
  .superRefine((settings, context) => {
    const { controlPlaneEndpoint } = settings;
    const complete = { ...settings, controlPlaneEndpoint, nodeName: nodeNameOf(settings) };
    for (const message of controlPlaneProblems(complete, NAMES)) context.addIssue({ code: "custom", message });
  })
  .optional();

export type ControlPlaneRenewalSettings = NonNullable<z.infer<typeof controlPlaneSchema>>;
