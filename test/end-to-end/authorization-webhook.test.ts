import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { formatStaticToken, hashStaticToken, newStaticToken } from "../../services/shared/static-token.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../builders/tls-identity.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";

jest.setTimeout(120_000);

const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const RULES_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const ACCESS_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const WEBHOOK_TOKEN = "what-we-show-the-webhook";

interface Question {
  readonly spec: { readonly user: string; readonly resourceAttributes?: { readonly verb: string } };
}

const directory = temporaryDirectory();
const opened: HttpsClient[] = [];
let webhook: Awaited<ReturnType<typeof startWebhook>>;
let gatehouse: GatehouseProcess;
let tokens: ReadonlyMap<string, string>;

/** Lets readers list, denies everything to the banned, breaks on the unlucky and has no opinion otherwise. */
async function startWebhook({ serving: { certificatePem: cert, privateKeyPem: key } }: TlsIdentity) {
  const asked: { readonly question: Question; readonly authorization: string | undefined }[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const question = JSON.parse(await text(request)) as Question;
    asked.push({ question, authorization: request.headers.authorization });
    const { user, resourceAttributes } = question.spec;
    if (user === "unlucky") response.statusCode = 500;
    const status = {
      allowed: user === "reader" && resourceAttributes?.verb === "list",
      ...(user === "banned" && { denied: true, reason: "banned" }),
    };
    response.end(JSON.stringify({ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", status }));
  };
  const server = createServer({ cert, key }, (request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/authorize`;
  return { url, asked, close: () => void server.close() };
}

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function webhookKubeconfig(url: string, caPem: string): string {
  return JSON.stringify({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "policy" },
    contexts: [{ name: "policy", context: { cluster: "policy", user: "gatehouse" } }],
    clusters: [
      { name: "policy", cluster: { server: url, "certificate-authority-data": Buffer.from(caPem).toString("base64") } },
    ],
    users: [{ name: "gatehouse", user: { token: WEBHOOK_TOKEN } }],
  });
}

beforeAll(async () => {
  const tls = await buildTlsIdentity();
  webhook = await startWebhook(tls);
  const made = ["reader", "banned", "unlucky"].map((user) => ({ user, token: newStaticToken() }));
  tokens = new Map(made.map(({ user, token }) => [user, formatStaticToken(token)]));
  const lines = await Promise.all(
    made.map(async ({ user, token }) => {
      return `- ${JSON.stringify({ id: token.id, user, groups: [], hash: await hashStaticToken(token) })}\n`;
    }),
  );
  const settings = {
    ...{ type: "Webhook", name: "policy", failurePolicy: "Deny" },
    kubeconfigFile: file("policy.kubeconfig", webhookKubeconfig(webhook.url, tls.caPem)),
  };
  gatehouse = await startGatehouse({
    configuration: configurationWith({
      authentication: [
        { clientCertificate: {} },
        { bootstrapToken: {} },
        { tokenFile: { file: file("tokens.yaml", lines.join("")) } },
      ],
      authorization: [settings, { type: "RBAC" }],
    }),
  });
});
afterAll(async () => {
  for (const client of opened) client.close();
  await gatehouse.remove();
  webhook.close();
});

function clientOf(user: string): HttpsClient {
  const token = tokens.get(user) ?? "";
  const client = new HttpsClient(gatehouse.url, { caPem: readFileSync(gatehouse.caFile, "utf8"), token });
  opened.push(client);
  return client;
}

async function reviewed(client: HttpsClient, path: string, spec: object): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const { body } = await client.send("POST", path, { headers, body: JSON.stringify({ spec }) });
  return (JSON.parse(body.toString()) as { status: unknown }).status;
}

test("what the webhook allows is allowed, and what nobody allows is not", async () => {
  const reader = clientOf("reader");
  expect((await reader.send("GET", REQUESTS)).status).toBe(200);
  expect((await reader.send("GET", `${REQUESTS}/a`)).status).toBe(403);
  expect(webhook.asked[0]).toMatchObject({
    authorization: `Bearer ${WEBHOOK_TOKEN}`,
    question: { spec: { user: "reader", resourceAttributes: { verb: "list" } } },
  });
});

test("what RBAC allows after it is allowed, until the webhook denies or fails", async () => {
  expect((await clientOf("reader").send("GET", "/apis")).status).toBe(200);
  const banned = await clientOf("banned").send("GET", "/apis");
  expect([banned.status, banned.body.toString()]).toEqual([403, expect.stringContaining("banned")]);
  expect((await clientOf("unlucky").send("GET", "/apis")).status).toBe(403);
});

test("a review tells a denial from nobody's opinion, and that a list of rights is not complete", async () => {
  const spec = { nonResourceAttributes: { path: "/x", verb: "get" } };
  expect(await reviewed(clientOf("reader"), ACCESS_REVIEW, spec)).toEqual({ allowed: false });
  expect(await reviewed(clientOf("reader"), RULES_REVIEW, { namespace: "default" })).toMatchObject({
    incomplete: true,
    evaluationError: expect.stringContaining("webhook"),
  });
});

test("administrators get in whatever the webhook says, without its being asked", async () => {
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const administrator = new HttpsClient(url, credentials);
  opened.push(administrator);
  const before = webhook.asked.length;
  expect((await administrator.send("GET", REQUESTS)).status).toBe(200);
  expect(webhook.asked).toHaveLength(before);
  const metrics = (await administrator.send("GET", "/metrics")).body.toString();
  expect(metrics).toContain('gatehouse_authorization_webhook_answers_total{webhook="policy",outcome="allowed"} 1');
  expect(gatehouse.log()).not.toContain(WEBHOOK_TOKEN);
});
