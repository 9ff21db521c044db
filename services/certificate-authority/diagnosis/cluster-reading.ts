import { type Finding, messageOf, skipped } from "../../shared/diagnosis/findings.ts";
import type { Configuration } from "../configuration.ts";
import type { CheckContext, ExaminedCluster } from "./contract.ts";
import { withConfiguration } from "./with-configuration.ts";

const PAGE_SIZE = 500;
const AS_ADMINISTRATOR = "look as an administrator: --cluster admin.kubeconfig --controller-user USER";

/** Somebody asked and heard nothing; `cluster.reachable` says why. */
class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/** What there is to read at a path, or a finding that says why it cannot be read. */
export type Reading<T> =
  | { readonly kind: "read"; readonly body: T }
  | { readonly kind: "absent" }
  | { readonly kind: "refused"; readonly finding: Finding };

/** Runs a check on the cluster that was named; where it does not answer there is nothing to look at. */
export function withCluster(
  context: CheckContext,
  check: (cluster: ExaminedCluster, configuration: Configuration) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> | readonly Finding[] {
  const { cluster } = context;
  if (cluster === undefined) return [skipped("cluster", "no cluster is named; give --cluster [KUBECONFIG]")];
  return withConfiguration(context, "cluster", async (configuration) => {
    try {
      return await check(cluster, configuration);
    } catch (thrown) {
      if (thrown instanceof NoAnswerError)
        return [skipped(cluster.place, "the cluster did not answer; see cluster.reachable")];
      throw thrown;
    }
  });
}

/** @throws {NoAnswerError} */
async function ask(cluster: ExaminedCluster, method: "GET" | "POST", path: string, body?: object) {
  try {
    return await cluster.ask(method, path, body);
  } catch (cause) {
    throw new NoAnswerError(messageOf(cause), { cause });
  }
}

/** Reads an object. @param subject - what it is, for people. */
export async function read<T>(cluster: ExaminedCluster, subject: string, path: string): Promise<Reading<T>> {
  const { status, message, body } = await ask(cluster, "GET", path);
  if (status < 300) return { kind: "read", body: body as T };
  if (status === 404) return { kind: "absent" };
  const wayOut = status === 403 ? AS_ADMINISTRATOR : "look into the API server's log";
  return { kind: "refused", finding: skipped(subject, `cannot be read: ${message || `status ${status}`}`, wayOut) };
}

/** Reads all objects of a kind. @param subject - what they are, for people. */
export async function list<T>(cluster: ExaminedCluster, subject: string, path: string): Promise<Reading<readonly T[]>> {
  interface Page {
    readonly items?: readonly T[];
    readonly metadata?: { readonly continue?: string };
  }
  const items: T[] = [];
  for (let next = ""; ; ) {
    const query = `limit=${PAGE_SIZE}${next && `&continue=${encodeURIComponent(next)}`}`;
    const page = await read<Page>(cluster, subject, `${path}${path.includes("?") ? "&" : "?"}${query}`);
    if (page.kind !== "read") return page;
    items.push(...(page.body.items ?? []));
    next = page.body.metadata?.continue ?? "";
    if (next === "") return { kind: "read", body: items };
  }
}

/** Asks for a review. @returns undefined when it may not be asked for, or is not served. */
export async function review<T>(
  cluster: ExaminedCluster,
  path: string,
  kind: string,
  spec: object,
): Promise<T | undefined> {
  const apiVersion = path.split("/").slice(2, 4).join("/");
  const { status, body } = await ask(cluster, "POST", path, { apiVersion, kind, spec });
  return status < 300 ? (body as T) : undefined;
}

/** Who we are to the API server, and what time it is there, in whole seconds. */
export interface Introduction {
  readonly username: string;
  readonly now: Date;
}

/**
 * Source: kubernetes pkg/registry/authentication/selfsubjectreview/rest.go: its creationTimestamp is the server's clock.
 * @returns undefined where it is not served: before Kubernetes 1.28.
 */
export async function introduce(cluster: ExaminedCluster): Promise<Introduction | undefined> {
  const answer = await review<{
    readonly metadata?: { readonly creationTimestamp?: string };
    readonly status?: { readonly userInfo?: { readonly username?: string } };
  }>(cluster, "/apis/authentication.k8s.io/v1/selfsubjectreviews", "SelfSubjectReview", {});
  const now = new Date(answer?.metadata?.creationTimestamp ?? Number.NaN);
  const username = answer?.status?.userInfo?.username;
  return username === undefined || Number.isNaN(now.getTime()) ? undefined : { username, now };
}
