import { z } from "zod";

const text = z.string().nullish();

/**
 * As much of a kubeconfig as we use; other keys are let be, as kubectl does.
 * Source: kubernetes staging/src/k8s.io/client-go/tools/clientcmd/api/v1/types.go.
 */
export const kubeconfigSchema = z.object({
  "current-context": text,
  clusters: z
    .array(
      z.object({
        name: z.string(),
        cluster: z.object({
          server: z.string(),
          "certificate-authority": text,
          "certificate-authority-data": text,
          "insecure-skip-tls-verify": z.boolean().nullish(),
          "tls-server-name": text,
          "proxy-url": text,
        }),
      }),
    )
    .nullish(),
  users: z
    .array(
      z.object({
        name: z.string(),
        user: z
          .object({
            "client-certificate": text,
            "client-certificate-data": text,
            "client-key": text,
            "client-key-data": text,
            token: text,
            tokenFile: text,
            username: text,
            exec: z.unknown(),
            "auth-provider": z.unknown(),
          })
          .partial(),
      }),
    )
    .nullish(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: text }) })).nullish(),
});

export type Kubeconfig = z.infer<typeof kubeconfigSchema>;
export type ClusterEntry = NonNullable<Kubeconfig["clusters"]>[number]["cluster"];
export type UserEntry = NonNullable<Kubeconfig["users"]>[number]["user"];
