import { generateKeyPairSync } from "node:crypto";
import { chmodSync, utimesSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { hashStaticToken, newStaticToken } from "../../../services/shared/static-token.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../builders/tls-identity.ts";
import { startServer } from "../../cli/fixture.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";
import { examine, lines } from "./examine.ts";

const NOW = new Date("2026-06-01T00:00:00Z");

let identity: TlsIdentity;
beforeAll(async () => {
  identity = await buildTlsIdentity();
});

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const JWKS = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", use: "sig" }] });

function file(content: string, name = "file"): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

const about = (...authentication: readonly object[]) =>
  examine("authentication.settings", {
    settings: { authentication: [{ clientCertificate: {} }, ...authentication] },
    clock: new SettableClock(NOW),
  });

test("certificates and bootstrap tokens need nothing; without certificates nodes cannot renew", async () => {
  expect((await about({ bootstrapToken: {} })).every(({ outcome }) => outcome === "ok")).toBe(true);
  const settings = { authentication: [{ bootstrapToken: {} }] };
  expect(await examine("authentication.settings", { settings })).toMatchObject([
    { outcome: "ok" },
    { outcome: "warning", finding: expect.stringContaining("nodes cannot renew") },
  ]);
});

test("tokens of a file that expired or soon will are named by id and user, never by secret", async () => {
  const hash = await hashStaticToken(newStaticToken());
  const entry = (id: string, expires?: string) => ({ id, hash, user: `user-of-${id}`, ...(expires && { expires }) });
  const path = file(
    JSON.stringify([
      entry("aaaaaaaa", "2026-05-30T00:00:00Z"),
      entry("bbbbbbbb", "2026-06-05T00:00:00Z"),
      entry("cccccccc"),
    ]),
  );
  const [, ...findings] = await about({ tokenFile: { file: path } });
  expect(lines(findings)).toEqual([
    `warning ${path}: the token aaaaaaaa of user-of-aaaaaaaa expired 2 days ago`,
    `warning ${path}: the token bbbbbbbb of user-of-bbbbbbbb expires in 4 days`,
  ]);
  expect(JSON.stringify(findings)).not.toContain(hash);
  chmodSync(path, 0o622);
  expect((await about({ tokenFile: { file: path } }))[1]).toMatchObject({
    outcome: "error",
    wayOut: `chmod go-w ${path}`,
  });
  expect((await about({ tokenFile: { file: file("[{ id: short }]") } }))[1]).toMatchObject({ outcome: "error" });
});

/** An OpenID provider that answers as told. */
async function provider(answer: (url: string, origin: string, response: ServerResponse) => void) {
  const server = await startServer(identity, ({ url, headers }, response) =>
    answer(url, `https://${headers.host}`, response),
  );
  const jwt = (more: object = {}) => ({
    jwt: {
      issuer: { url: server.url, audiences: ["gatehouse"], certificateAuthority: identity.caPem },
      claimMappings: { username: { claim: "sub", prefix: "oidc:" } },
      ...more,
    },
  });
  return { ...server, jwt };
}

test("an OpenID provider that answers with keys is well; empty prefixes are told", async () => {
  const issuer = await provider((url, origin, response) => {
    response.end(url === "/keys" ? JWKS : JSON.stringify({ issuer: origin, jwks_uri: `${origin}/keys` }));
  });
  try {
    expect((await about(issuer.jwt()))[1]).toMatchObject({ outcome: "ok", finding: "answers with its keys" });
    const empty = issuer.jwt({ claimMappings: { username: { claim: "sub", prefix: "" } } });
    expect((await about(empty)).slice(1).map(({ outcome }) => outcome)).toEqual(["warning", "ok"]);
  } finally {
    await issuer.close();
  }
  expect((await about(issuer.jwt()))[1]).toMatchObject({
    outcome: "error",
    finding: expect.stringContaining("cannot be fetched"),
  });
});

test("a provider that calls itself otherwise is an error", async () => {
  const issuer = await provider((_url, origin, response) => {
    response.end(JSON.stringify({ issuer: "https://other.example.com", jwks_uri: `${origin}/keys` }));
  });
  try {
    expect((await about(issuer.jwt()))[1]).toMatchObject({
      outcome: "error",
      finding: expect.stringContaining("document of another issuer"),
    });
  } finally {
    await issuer.close();
  }
});

test("keys in a file: fresh, old, and none at all", async () => {
  const jwt = (jwksFile: string) => ({
    jwt: {
      issuer: { url: "https://login.example.com", audiences: ["gatehouse"] },
      claimMappings: { username: { claim: "sub", prefix: "oidc:" } },
      jwksFile,
    },
  });
  const path = file(JWKS);
  utimesSync(path, NOW, NOW);
  expect((await about(jwt(path)))[1]).toMatchObject({ outcome: "ok" });
  const old = new Date(NOW.getTime() - 200 * 86_400_000);
  utimesSync(path, old, old);
  expect((await about(jwt(path)))[1]).toMatchObject({ outcome: "warning", finding: "was last changed 200 days ago" });
  expect((await about(jwt(file("{}"))))[1]).toMatchObject({ outcome: "error", finding: "not a JSON Web Key Set" });
});

test("service accounts' keys must be public ones; that their tokens stand is told", async () => {
  const serviceAccount = (path: string) => ({
    serviceAccount: { issuer: "https://cluster", audiences: ["gatehouse"], keyFiles: [path] },
  });
  const pub = file(publicKey.export({ type: "spki", format: "pem" }).toString());
  expect((await about(serviceAccount(pub)))[1]).toMatchObject({ outcome: "warning" });
  const secret = file(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  expect((await about(serviceAccount(secret)))[1]).toMatchObject({
    outcome: "error",
    finding: "a file holds a PRIVATE KEY; give the public key",
  });
});

test("a token review server is reached or not", async () => {
  const reviewer = await provider((_url, _origin, response) => response.end("{}"));
  const review = { tokenReview: { url: `${reviewer.url}/review`, certificateAuthorityFile: file(identity.caPem) } };
  expect((await about(review))[1]).toMatchObject({ outcome: "ok" });
  await reviewer.close();
  expect((await about(review))[1]).toMatchObject({ outcome: "error", finding: "cannot be reached: ECONNREFUSED" });
});

test("front proxies need a CA of their own that is valid", async () => {
  const frontProxy = (certificateAuthorityFile: string) => ({
    frontProxy: { certificateAuthorityFile, allowedNames: ["proxy"] },
  });
  const dataDirectory = temporaryDirectory();
  writeFileSync(join(dataDirectory, "ca.crt"), identity.caPem);
  const own = await examine("authentication.settings", {
    dataDirectory,
    settings: { authentication: [{ clientCertificate: {} }, frontProxy(file(identity.caPem))] },
  });
  expect(own[1]).toMatchObject({ outcome: "error", finding: expect.stringContaining("the cluster's own CA") });
  const late = { clock: new SettableClock(new Date(Date.now() + 40 * 86_400_000)) };
  const expired = await examine("authentication.settings", {
    ...late,
    settings: { authentication: [{ clientCertificate: {} }, frontProxy(file(identity.caPem))] },
  });
  expect(expired[1]).toMatchObject({ outcome: "error", finding: expect.stringContaining("expired") });
  expect((await about(frontProxy(file("nothing"))))[1]).toMatchObject({ outcome: "error" });
});
