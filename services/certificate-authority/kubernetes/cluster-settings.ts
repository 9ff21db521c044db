import { z } from "zod";

const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, "must be the name of a Kubernetes object");

/** `cluster` of the configuration: how `gatehouse controller` works on the requests of a cluster. */
export const clusterSchema = z
  .strictObject({
    /** Whose requests are approved and signed; all of Kubernetes' and of `signers` when absent. */
    signers: z.array(z.string().min(3)).min(1).optional(),
    /** Whether requests of all signers are cleaned up, as kube-controller-manager does. */
    clean: z.boolean().default(true),
    client: z
      .strictObject({
        requestsPerSecond: z.number().positive().max(100_000).default(2000),
        maximumConnections: z.int().min(2).max(1024).default(64),
      })
      .prefault({}),
    /** Events on requests, and on Nodes: of what is denied or fails, or of certificates as well. */
    events: z.enum(["none", "problems", "all"]).default("problems"),
    /** Objects that always hold the trust bundle. */
    trustBundle: z
      .strictObject({
        configMap: z
          .strictObject({
            namespace: objectName.default("kube-public"),
            name: objectName.default("gatehouse-trust-bundle"),
            key: z
              .string()
              .regex(/^[-._a-zA-Z0-9]+$/)
              .max(253)
              .default("ca.crt"),
          })
          .optional(),
        /** The name of a ClusterTrustBundle without a signer; where the API is served. */
        clusterTrustBundle: objectName.optional(),
      })
      .prefault({}),
    leaderElection: z
      .strictObject({
        /** Less safe with more than one replica: each signs, and only the API server's conflicts keep them apart. */
        enabled: z.boolean().default(true),
        namespace: objectName.default("kube-system"),
        name: objectName.default("gatehouse"),
        leaseDurationSeconds: z.int().min(2).max(600).default(15),
        renewDeadlineSeconds: z.int().min(1).max(600).default(10),
        retryPeriodSeconds: z.number().min(0.1).max(60).default(2),
      })
      .refine(({ leaseDurationSeconds, renewDeadlineSeconds }) => renewDeadlineSeconds < leaseDurationSeconds, {
        error: "renewDeadlineSeconds must be below leaseDurationSeconds, or two may lead at a time",
      })
      .refine(({ renewDeadlineSeconds, retryPeriodSeconds }) => retryPeriodSeconds * 1.2 < renewDeadlineSeconds, {
        error: "retryPeriodSeconds must be well below renewDeadlineSeconds, or one slow answer ends a term",
      })
      .prefault({}),
  })
  .prefault({});

export type ClusterSettings = z.infer<typeof clusterSchema>;
