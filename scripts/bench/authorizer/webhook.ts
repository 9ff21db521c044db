import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../programs.ts";
import { ServerProcess } from "../servers/server-process.ts";
import { makeTestAuthority } from "../servers/test-authority.ts";
import { largeCluster } from "./clusters.ts";
import { type Review, ReviewClient } from "./review-client.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const CONNECTIONS = 16;
const CLUSTER = { nodes: 5_000, podsPerNode: 30, namespaces: 200 };
/** One in so many asks for what its node has no way to, as one in five did in the large clusters that were looked at. */
const STRANGE_EVERY = 5;
const DISTINCT_REVIEWS = 5_000;
const READY_MILLISECONDS = 120_000;

/** What one server did in one round. */
export interface WebhookFigures {
  /** Processor time of the whole server process for one review, in microseconds. */
  readonly microseconds: number;
  readonly reviewsPerSecond: number;
  /** Milliseconds from the review's first octet to the verdict's last. */
  readonly p99: number;
}

export interface WebhookRounds {
  readonly webhook: readonly WebhookFigures[];
  readonly echo: readonly WebhookFigures[];
}

/**
 * Reviews over keep-alive HTTPS, by turns against the node-authorizer with 150,000 pods and against a bare server that parses
 * the same bodies and answers as much. The servers have one core for themselves, the client another, where there are two.
 */
export async function measureWebhook(rounds: number, seconds: number): Promise<WebhookRounds> {
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  const clients: ReviewClient[] = [];
  const servers: ServerProcess[] = [];
  try {
    const reviews = reviewsOf();
    const core = availableParallelism() > 1 && findProgram("taskset") !== undefined ? 1 : undefined;
    const node = {
      command: process.execPath,
      ...(core !== undefined && { core }),
      readyWithinMilliseconds: READY_MILLISECONDS,
    };
    const authorizer = await ServerProcess.start({
      ...node,
      args: [
        ...[join(ROOT, "dist", "cli", "gatehouse.js"), "node-authorizer", "--mode", "full", "--listen", "127.0.0.1:0"],
        ...["--objects", objectsFile(directory), "--log-level", "error"],
      ],
      ready: /^gatehouse ready https:\/\/127\.0\.0\.1:(\d+)$/m,
    });
    servers.push(authorizer);
    const webhook = await ReviewClient.open(Number(authorizer.announced), CONNECTIONS, "/authorize", reviews);
    clients.push(webhook);
    const authority = makeTestAuthority(directory);
    const files = [authority.serverCertificateFile, authority.serverKeyFile];
    const length = String(webhook.longestAnswer);
    const echo = await ServerProcess.start({
      ...node,
      args: [
        "--disable-warning=ExperimentalWarning",
        join(import.meta.dirname, "..", "servers", "echo-server.ts"),
        ...files,
        length,
      ],
      ready: /^ready https:\/\/127\.0\.0\.1:(\d+)$/m,
    });
    servers.push(echo);
    const echoed = await ReviewClient.open(Number(echo.announced), CONNECTIONS, "/", reviews);
    clients.push(echoed);
    const found: { webhook: WebhookFigures; echo: WebhookFigures }[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      process.stderr.write(round === 0 ? "webhook: warming up\n" : `webhook: round ${round} of ${rounds}\n`);
      found.push({
        webhook: await measure(authorizer, webhook, seconds),
        echo: await measure(echo, echoed, seconds),
      });
    }
    // The first is for the compiler.
    const counted = found.slice(1);
    return { webhook: counted.map((each) => each.webhook), echo: counted.map((each) => each.echo) };
  } finally {
    for (const client of clients) client.close();
    for (const server of servers) await server.stop();
    rmSync(directory, { recursive: true });
  }
}

async function measure(server: ServerProcess, client: ReviewClient, seconds: number): Promise<WebhookFigures> {
  const before = server.cpuMicroseconds();
  const started = performance.now();
  const { answered, p99 } = await client.run(seconds);
  const elapsed = (performance.now() - started) / 1000;
  return { microseconds: (server.cpuMicroseconds() - before) / answered, reviewsPerSecond: answered / elapsed, p99 };
}

function objectsFile(directory: string): string {
  const { pods, volumes } = largeCluster(CLUSTER);
  const path = join(directory, "objects.jsonl");
  const line = (kind: string) => (object: object) =>
    JSON.stringify({ type: "ADDED", object: { apiVersion: "v1", kind, ...object } });
  writeFileSync(path, [...pods.map(line("Pod")), ...volumes.map(line("PersistentVolume"))].join("\n"));
  return path;
}

/** As kube-apiserver 1.32 and later sends them, the credential included. */
function reviewsOf(): readonly Review[] {
  const { pods } = largeCluster({ ...CLUSTER, podsPerNode: Math.ceil(DISTINCT_REVIEWS / CLUSTER.nodes) });
  return pods.slice(0, DISTINCT_REVIEWS).map(({ metadata, spec }, number) => {
    const isAllowed = number % STRANGE_EVERY !== 0;
    const node = isAllowed ? spec?.nodeName : `worker-${(number + 1) % CLUSTER.nodes}`;
    const secret = spec?.volumes?.find((volume) => volume.secret)?.secret?.secretName;
    const attributes = {
      namespace: metadata?.namespace,
      verb: "get",
      version: "v1",
      resource: "secrets",
      name: secret,
    };
    const credential = `X509SHA256=${number.toString(16).padStart(64, "0")}`;
    const review = {
      kind: "SubjectAccessReview",
      apiVersion: "authorization.k8s.io/v1",
      metadata: { creationTimestamp: null },
      spec: {
        resourceAttributes: attributes,
        user: `system:node:${node}`,
        groups: ["system:nodes", "system:authenticated"],
        extra: { "authentication.kubernetes.io/credential-id": [credential] },
      },
      status: { allowed: false },
    };
    return { body: JSON.stringify(review), isAllowed };
  });
}
