import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { exportSPKI } from "jose";
import { formatStaticToken, hashStaticToken, newStaticToken } from "../../services/shared/static-token.ts";
import { CLIENT_EXTENSIONS, makeOpensslLeaf } from "../builders/openssl-leaf.ts";
import { buildSignedToken, buildTokenKey, forgeToken, type TokenKey } from "../builders/signed-tokens.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../builders/tls-identity.ts";
import { autoApproving, configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { type Answer, type Credentials, HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";
import { type OpenidProvider, startOpenidProvider } from "./support/openid-provider.ts";
import { makeAuthority } from "./support/openssl-authority.ts";

jest.setTimeout(120_000);

const SELF_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const UNREACHABLE_ISSUER = "https://127.0.0.1:1";
const CLUSTER_ISSUER = "https://kubernetes.default.svc.cluster.local";

const directory = temporaryDirectory();
const opened: HttpsClient[] = [];
let tls: TlsIdentity;
let provider: OpenidProvider;
let clusterKey: TokenKey;
let reviewer: { readonly url: string; readonly reviewed: string[]; close(): void };
let gatehouse: GatehouseProcess;

beforeAll(async () => {
  // The provider says at length that it is not set up for production.
  for (const method of ["info", "warn"] as const) jest.spyOn(console, method).mockImplementation(() => undefined);
  tls = await buildTlsIdentity();
  provider = await startOpenidProvider(tls, (name) => (name === "alice" ? ["administrators"] : []));
  clusterKey = await buildTokenKey("RS256");
  reviewer = await startReviewer(tls);
  gatehouse = await startGatehouse({ configuration: configurationWith({ authentication: await authentication() }) });
});
afterAll(async () => {
  await gatehouse.remove();
  provider.close();
  reviewer.close();
  jest.restoreAllMocks();
});
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const staticToken = newStaticToken();
let proxyAuthority: ReturnType<typeof makeAuthority>;

async function authentication(): Promise<readonly object[]> {
  proxyAuthority = makeAuthority(directory, { commonName: "proxies", kind: "ecdsa-p384" });
  const line = { id: staticToken.id, user: "backup", groups: ["operators"], hash: await hashStaticToken(staticToken) };
  return [
    { frontProxy: { certificateAuthorityFile: proxyAuthority.certificateFile, allowedNames: ["front-proxy-client"] } },
    { clientCertificate: {} },
    { bootstrapToken: {} },
    { tokenFile: { file: file("tokens.yaml", `- ${JSON.stringify(line)}\n`) } },
    {
      jwt: {
        issuer: { url: provider.issuer, audiences: [provider.clientId], certificateAuthority: tls.caPem },
        claimMappings: {
          username: { claim: "email", prefix: "oidc:" },
          groups: { claim: "groups", prefix: "gatehouse:" },
          uid: { expression: "claims.sub + '@' + string(size(claims.groups))" },
          extra: [{ key: "example.com/domain", valueExpression: "claims.email.split('@')[1]" }],
        },
        claimValidationRules: [{ expression: "claims.email_verified && claims.exp - claims.iat <= 86400" }],
        userValidationRules: [{ expression: "!user.username.startsWith('oidc:mallory@')", message: "not she" }],
      },
    },
    {
      jwt: {
        issuer: { url: UNREACHABLE_ISSUER, audiences: ["gatehouse"] },
        claimMappings: { username: { claim: "sub", prefix: "gone:" } },
      },
    },
    {
      serviceAccount: {
        issuer: CLUSTER_ISSUER,
        audiences: ["gatehouse"],
        keyFiles: [file("sa.pub", await exportSPKI(clusterKey.publicKey))],
      },
    },
    { tokenReview: { url: reviewer.url, certificateAuthorityFile: file("reviewer-ca.crt", tls.caPem) } },
  ];
}

/** A webhook that knows one token. */
async function startReviewer({ serving: { certificatePem: cert, privateKeyPem: key } }: TlsIdentity) {
  const reviewed: string[] = [];
  const review = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { spec } = JSON.parse(await text(request)) as { spec: { token: string } };
    reviewed.push(spec.token);
    const isKnown = spec.token === "opaque";
    const status = { authenticated: isKnown, ...(isKnown && { user: { username: "carol", groups: ["reviewed"] } }) };
    response.end(JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", status }));
  };
  const server = createServer({ cert, key }, (request, response) => void review(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, reviewed, close: () => void server.close() };
}

function clientWith(credentials: Partial<Credentials>): HttpsClient {
  const client = new HttpsClient(gatehouse.url, { caPem: readFileSync(gatehouse.caFile, "utf8"), ...credentials });
  opened.push(client);
  return client;
}

const bearing = (token: string) => clientWith({ token });

/** Who the server takes the caller for. */
async function whoAmI(client: HttpsClient, headers: Record<string, string> = {}): Promise<unknown> {
  const body = JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" });
  const answer = await client.send("POST", SELF_REVIEW, {
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  expect([answer.status, answer.body.toString()]).toEqual([201, expect.any(String)]);
  return (JSON.parse(answer.body.toString()) as { status: { userInfo: unknown } }).status.userInfo;
}

/** A 401 that tells nothing. */
function expectRefusal({ status, headers, body }: Answer): void {
  expect(JSON.parse(body.toString())).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "Unauthorized",
    reason: "Unauthorized",
    code: 401,
  });
  expect([status, headers["www-authenticate"]]).toEqual([401, 'Bearer realm="gatehouse"']);
}

describe("a login at an OpenID provider", () => {
  test("an administrator's ID token is a bearer token with every right", async () => {
    const client = bearing(await provider.login("alice"));
    expect(await whoAmI(client)).toEqual({
      username: "oidc:alice@example.com",
      uid: "alice@1",
      groups: ["gatehouse:administrators", "system:authenticated"],
      extra: { "example.com/domain": ["example.com"] },
    });
    expect((await client.send("GET", REQUESTS)).status).toBe(200);
    expect((await client.send("GET", "/v1/bootstrap-tokens")).status).toBe(200);
  });

  test("somebody without groups is known and may do nothing", async () => {
    const client = bearing(await provider.login("bob"));
    expect(await whoAmI(client)).toMatchObject({ username: "oidc:bob@example.com" });
    expect((await client.send("GET", "/v1/bootstrap-tokens")).status).toBe(403);
  });

  test("somebody whom an expression refuses is refused, with the reason in the log", async () => {
    expectRefusal(await bearing(await provider.login("mallory")).send("GET", REQUESTS));
    expect(gatehouse.log()).toContain("is not met: not she");
  });

  test("a token that was changed, or signed by somebody else in the provider's name, is refused", async () => {
    const token = await provider.login("bob");
    const [head = "", payload = "", signature = ""] = token.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, groups: ["administrators"] })).toString("base64url");
    const stranger = { ...(await buildTokenKey("RS256", "provider-key")) };
    const attempts = [
      `${head}.${forged}.${signature}`,
      forgeToken({ alg: "none" }, claims),
      forgeToken({ alg: "HS256", kid: "provider-key" }, claims, "c2lnbmF0dXJl"),
      await buildSignedToken({ key: stranger, now: new Date(), claims: { ...claims } }),
    ];
    for (const attempt of attempts) expectRefusal(await bearing(attempt).send("GET", REQUESTS));
    expect(gatehouse.log()).toContain("the token's signature algorithm is not allowed");
    expect(gatehouse.log()).not.toContain(signature);
  });
});

/** A token as kube-apiserver makes one for a pod. */
function podToken(claims: object = {}): Promise<string> {
  return buildSignedToken({
    key: clusterKey,
    now: new Date(),
    header: { kid: undefined },
    claims: {
      aud: ["gatehouse"],
      iss: CLUSTER_ISSUER,
      jti: "5c2b8a9e-6a0e-4d0b-8a52-0d1f0a8f6f11",
      nbf: Math.floor(Date.now() / 1000),
      sub: "system:serviceaccount:apps:web",
      "kubernetes.io": {
        namespace: "apps",
        node: { name: "worker-1", uid: "n-uid" },
        pod: { name: "web-0", uid: "p-uid" },
        serviceaccount: { name: "web", uid: "s-uid" },
      },
      ...claims,
    },
  });
}

describe("a service account's token", () => {
  test("names account, pod and node", async () => {
    expect(await whoAmI(bearing(await podToken()))).toEqual({
      username: "system:serviceaccount:apps:web",
      uid: "s-uid",
      groups: ["system:serviceaccounts", "system:serviceaccounts:apps", "system:authenticated"],
      extra: {
        "authentication.kubernetes.io/credential-id": ["JTI=5c2b8a9e-6a0e-4d0b-8a52-0d1f0a8f6f11"],
        "authentication.kubernetes.io/node-name": ["worker-1"],
        "authentication.kubernetes.io/node-uid": ["n-uid"],
        "authentication.kubernetes.io/pod-name": ["web-0"],
        "authentication.kubernetes.io/pod-uid": ["p-uid"],
      },
    });
  });

  const seconds = Math.floor(Date.now() / 1000);
  test.each<{ name: string; claims: object }>([
    { name: "that has expired", claims: { exp: seconds - 60 } },
    { name: "that is not valid yet", claims: { nbf: seconds + 600, exp: seconds + 900 } },
    { name: "for the cluster itself", claims: { aud: [CLUSTER_ISSUER] } },
    { name: "of another issuer", claims: { iss: "https://elsewhere.example.com" } },
    { name: "about somebody else", claims: { sub: "system:serviceaccount:kube-system:admin" } },
  ])("$name is refused", async ({ claims }) => {
    expectRefusal(await bearing(await podToken(claims)).send("GET", REQUESTS));
  });
});

describe("a token of the token file", () => {
  test("names its line's user, is not sent to the reviewer, and ends with its line", async () => {
    const client = bearing(formatStaticToken(staticToken));
    expect(await whoAmI(client)).toEqual({ username: "backup", groups: ["operators", "system:authenticated"] });
    expectRefusal(await bearing(formatStaticToken(newStaticToken())).send("GET", REQUESTS));
    expect(reviewer.reviewed.filter((token) => token.startsWith("gatehouse_"))).toEqual([]);
    file("tokens.yaml", "");
    for (let tries = 0; tries < 30 && (await client.send("GET", "/version")).status === 200; tries += 1)
      await wait(500);
    expectRefusal(await client.send("GET", REQUESTS));
  });
});

test("a token that only the reviewer knows is asked for once, a wrong one is refused", async () => {
  expect(await whoAmI(bearing("opaque"))).toEqual({ username: "carol", groups: ["reviewed", "system:authenticated"] });
  await whoAmI(bearing("opaque"));
  expect(reviewer.reviewed.filter((token) => token === "opaque")).toHaveLength(1);
  expectRefusal(await bearing("guess").send("GET", REQUESTS));
});

test("tokens of an issuer that cannot be reached are refused, and nobody else notices", async () => {
  const token = await buildSignedToken({ key: clusterKey, now: new Date(), claims: { iss: UNREACHABLE_ISSUER } });
  expectRefusal(await bearing(token).send("GET", REQUESTS));
  expect(gatehouse.log()).toContain("the issuer's keys cannot be fetched");
  expect(await whoAmI(bearing(await podToken()))).toMatchObject({ username: "system:serviceaccount:apps:web" });
});

test("huge tokens are refused and do no harm", async () => {
  expectRefusal(await bearing("x".repeat(16_385)).send("GET", REQUESTS));
  expect((await bearing("x".repeat(40_000)).send("GET", REQUESTS)).status).toBe(431);
  expect((await clientWith({}).send("GET", "/livez")).status).toBe(200);
});

describe("a front proxy", () => {
  const ALICE = { "x-remote-user": "alice", "x-remote-group": "gatehouse:administrators" };
  const proxy = (commonName: string) => {
    const leaf = { name: commonName, subject: `/CN=${commonName}`, extensions: CLIENT_EXTENSIONS };
    const { certificateFile, keyFile } = makeOpensslLeaf(directory, proxyAuthority, leaf);
    return clientWith({
      certificatePem: readFileSync(certificateFile, "utf8"),
      privateKeyPem: readFileSync(keyFile, "utf8"),
    });
  };

  test("speaks for users; by itself it is nobody, and others with its headers are themselves", async () => {
    expect(await whoAmI(proxy("front-proxy-client"), ALICE)).toEqual({
      username: "alice",
      groups: ["gatehouse:administrators", "system:authenticated"],
    });
    expectRefusal(await proxy("front-proxy-client").send("GET", REQUESTS));
    expectRefusal(await proxy("gatehouse-admin").send("GET", REQUESTS, { headers: ALICE }));
    const { credentials } = readKubeconfig(gatehouse.adminKubeconfig);
    const administrator = clientWith(credentials);
    expect(await whoAmI(administrator, { "x-remote-user": "mallory" })).toMatchObject({ username: "gatehouse-admin" });
    expectRefusal(await clientWith({}).send("GET", REQUESTS, { headers: ALICE }));
  });
});

test("a revoked node is refused", async () => {
  let server = await startGatehouse({ configuration: autoApproving() });
  try {
    const kubelet = new KubeletClient({
      ...readKubeconfig(server.bootstrapKubeconfig),
      nodeName: "revoked",
      rotateCertificates: true,
    });
    const { certificatePem, privateKeyPem } = await kubelet.bootstrap();
    kubelet.close();
    const caPem = readFileSync(server.caFile, "utf8");
    const listing = async () => {
      const client = new HttpsClient(server.url, { caPem, certificatePem, privateKeyPem });
      opened.push(client);
      return client.send("GET", "/version");
    };
    expect((await listing()).status).toBe(200);
    await server.stop();
    revoke(server.dataDirectory, new X509Certificate(certificatePem));
    server = await startGatehouse({ dataDirectory: server.dataDirectory, configuration: autoApproving() });
    expectRefusal(await listing());
    expect(server.log()).toContain("the client certificate was revoked");
  } finally {
    await server.remove();
  }
});

function revoke(dataDirectory: string, { fingerprint256 }: X509Certificate): void {
  const database = new Database(join(dataDirectory, "gatehouse.db"));
  const fingerprint = fingerprint256.replaceAll(":", "");
  const { changes } = database
    .prepare("UPDATE certificates SET state = 'revoked' WHERE fingerprint = unhex(?)")
    .run(fingerprint);
  database.close();
  expect(changes).toBe(1);
}
