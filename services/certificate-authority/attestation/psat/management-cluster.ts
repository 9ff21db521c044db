import { z } from "zod";
import { HttpStatusError, type HttpsClient, type HttpsMessage, httpsClient } from "../../../shared/https-exchange.ts";
import { readWebhookKubeconfig, type WebhookConnection } from "../../../shared/kubernetes/webhook-kubeconfig.ts";
import { ReloadedFile } from "../anchors.ts";
import { denied } from "../refusal.ts";

const MAXIMUM_ANSWER_BYTES = 2 * 1024 * 1024;

const reviewSchema = z.object({
  status: z.object({
    authenticated: z.boolean().nullish(),
    user: z
      .object({ username: z.string().nullish(), extra: z.record(z.string(), z.array(z.string()).nullable()).nullish() })
      .nullish(),
    audiences: z.array(z.string()).nullish(),
  }),
});
const metadata = z.object({ name: z.string(), uid: z.string(), deletionTimestamp: z.string().nullish() });
const podSchema = z.object({
  metadata: metadata.extend({ namespace: z.string() }),
  spec: z.object({ nodeName: z.string().nullish(), serviceAccountName: z.string().nullish() }),
  status: z.object({ phase: z.string().nullish(), podIPs: z.array(z.object({ ip: z.string() })).nullish() }).nullish(),
});
const nodeSchema = z.object({ metadata });

export type TokenReview = z.infer<typeof reviewSchema>["status"];
export type Pod = z.infer<typeof podSchema>;
export type ClusterNode = z.infer<typeof nodeSchema>;

interface Connection {
  readonly target: WebhookConnection;
  readonly client: HttpsClient;
}

/** The cluster that vouches for pods. Whatever it answers is not passed on: it may hold the token. */
export class ManagementCluster {
  readonly #kubeconfig: ReloadedFile<Connection>;
  #client: HttpsClient | undefined;

  constructor(kubeconfig: string, timeoutSeconds: number) {
    this.#kubeconfig = new ReloadedFile(kubeconfig, () => {
      const target = readWebhookKubeconfig(kubeconfig, "the management cluster");
      this.#client?.close();
      const client = httpsClient({
        caPem: target.caPem,
        certificatePem: target.clientCertificatePem,
        privateKeyPem: target.clientKeyPem,
        serverName: target.tlsServerName,
        timeoutMilliseconds: timeoutSeconds * 1000,
        maximumBytes: MAXIMUM_ANSWER_BYTES,
      });
      this.#client = client;
      return { target, client };
    });
  }

  /** @param audiences - of which the token has to have one. @throws {Error} without an answer; the rest likewise. */
  async review(token: string, audiences: readonly string[], signal: AbortSignal): Promise<TokenReview> {
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token, audiences } };
    const body = JSON.stringify(review);
    const headers = { "content-type": "application/json" };
    return (
      await this.#ask(
        "/apis/authentication.k8s.io/v1/tokenreviews",
        { method: "POST", headers, body, signal },
        reviewSchema,
      )
    ).status;
  }

  /** @returns undefined when there is none. */
  pod(namespace: string, name: string, signal: AbortSignal): Promise<Pod | undefined> {
    return this.#find(
      `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`,
      podSchema,
      signal,
    );
  }

  /** @returns undefined when there is none. */
  node(name: string, signal: AbortSignal): Promise<ClusterNode | undefined> {
    return this.#find(`/api/v1/nodes/${encodeURIComponent(name)}`, nodeSchema, signal);
  }

  close(): void {
    this.#client?.close();
  }

  async #find<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.#ask(path, { method: "GET", signal }, schema);
    } catch (error) {
      if (error instanceof HttpStatusError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #ask<T>(path: string, message: HttpsMessage, schema: z.ZodType<T>): Promise<T> {
    const { target, client } = this.#kubeconfig.current;
    const bearer = target.token();
    const url = new URL(target.url.pathname.replace(/\/$/, "") + path, target.url);
    const { body } = await client.exchange(url, {
      ...message,
      headers: { ...message.headers, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) },
    });
    try {
      return schema.parse(JSON.parse(body.toString("utf8")));
    } catch {
      throw denied(`${url.host} did not answer as a kube-apiserver does`);
    }
  }
}
