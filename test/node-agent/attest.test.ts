import { createPublicKey } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { patience } from "../../services/node-agent/api/patient.ts";
import { type AttestationOptions, attest, rehearseAttestation } from "../../services/node-agent/attesting/attest.ts";
import { bindOf } from "../../services/shared/attestation/bind.ts";
import { isPossessed } from "../../services/shared/attestation/possession.ts";
import { challengeRequestSchema, completeRequestSchema, octetsOf } from "../../services/shared/attestation/wire.ts";
import { buildIssuer } from "../builders/issuer.ts";
import { generateKey } from "../builders/keys.ts";
import { kubeconfigText } from "../builders/kubeconfig.ts";
import { buildLeafCertificate } from "../builders/leaf-certificate.ts";
import { buildTlsIdentity, type TlsIdentity } from "../builders/tls-identity.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";
import { type RoutedAnswer, RoutedServer } from "../fakes/routed-server.ts";

const SECRET = "0123456789abcdef";
const NONCE = Buffer.alloc(32, 7);
const MINUTE_MILLISECONDS = 60_000;
const issuer = buildIssuer("ecdsa-p256");
const stranger = generateKey("ecdsa-p256").privateKey;

let tls: TlsIdentity;
let server: RoutedServer;
let origin: string;
beforeAll(async () => {
  tls = await buildTlsIdentity();
  server = new RoutedServer(tls);
  origin = await server.listen();
});
afterAll(() => server.close());

/** What the authority does otherwise than it should. */
let faults: {
  challenge?: object;
  complete?: object;
  refusals?: RoutedAnswer[];
  key?: typeof stranger;
};
beforeEach(() => {
  faults = {};
  server.requests.length = 0;
  server.answer = ({ url, body }) => {
    const isChallenge = url === "/v1/attest/challenge";
    const refusal = isChallenge ? undefined : faults.refusals?.shift();
    return refusal ?? { body: isChallenge ? challengeFor() : credentialFor(body) };
  };
});

function challengeFor(): object {
  const expiresAt = new Date(Date.now() + MINUTE_MILLISECONDS).toISOString();
  const nonce = NONCE.toString("base64url");
  return { challenge: "sealed", nonce, audience: `${origin}/v1/attest`, expiresAt, params: {}, ...faults.challenge };
}

function credentialFor(body: string): object {
  const { spki } = completeRequestSchema.parse(JSON.parse(body));
  const key = createPublicKey({ key: octetsOf(spki), format: "der", type: "spki" });
  const now = Date.now();
  const [notBefore, notAfter] = [new Date(now - MINUTE_MILLISECONDS), new Date(now + 10 * MINUTE_MILLISECONDS)];
  const certPem = buildLeafCertificate({
    ...{ issuer, commonName: "nodeattest:1", organization: "system:bootstrappers:node-attest", notBefore, notAfter },
    key: faults.key ?? key,
  });
  return {
    ...{ nodeName: "node-1", kind: "clientCert", credentialId: "1", certPem, expiresAt: notAfter.toISOString() },
    kubeconfig: kubeconfigText("https://api.example:6443", tls.caPem, {}),
    ...faults.complete,
  };
}

const refused = (status: number, code: string): RoutedAnswer => ({
  status,
  body: { kind: "Status", message: "no", details: { causes: [{ reason: code, message: "no", field: "" }] } },
});

function options(changes: Partial<AttestationOptions> = {}): AttestationOptions {
  return {
    server: { url: new URL(origin), caPem: tls.caPem, serverName: undefined },
    source: { kind: "join_token", token: `abcdef.${SECRET}` },
    ...{ profile: undefined, nodeName: "node-1", audience: undefined, present: undefined },
    ...changes,
  };
}

async function attested(changes: Partial<AttestationOptions> = {}, retrySeconds = 0) {
  const deps = { clock: { now: () => new Date() }, signal: new AbortController().signal };
  const { logger, lines } = recordingLogger();
  const again = patience(retrySeconds, { ...deps, logger, random: () => 0 });
  const outcome = await attest(options(changes), again, deps);
  expect(JSON.stringify(lines)).not.toContain(SECRET);
  return outcome;
}

test("a challenge, and an answer that the bootstrap key signs; the secret does not travel", async () => {
  const { nodeName, server: target, credentials, expiresAt } = await attested({ profile: "tokens" });
  expect([nodeName, target.url.href, target.caPem]).toEqual(["node-1", "https://api.example:6443/", tls.caPem]);
  expect(expiresAt.getTime()).toBeGreaterThan(Date.now());
  expect(credentials).toMatchObject({ keyPem: expect.stringContaining("PRIVATE KEY") });
  const [asked, answered] = server.requests;
  const challenge = challengeRequestSchema.parse(JSON.parse(asked?.body ?? ""));
  expect(challenge).toMatchObject({ v: 1, attestor: "join_token", profile: "tokens", nodeName: "node-1" });
  const complete = completeRequestSchema.parse(JSON.parse(answered?.body ?? ""));
  expect([complete.spki, complete.hello]).toEqual([challenge.spki, challenge.hello]);
  const spki = octetsOf(complete.spki);
  const audience = `${origin}/v1/attest`;
  const bind = bindOf({ audience, attestor: "join_token", nonce: NONCE, nodeName: "node-1", spki });
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  expect(isPossessed(key, "bootstrap-key", bind, octetsOf(complete.keySig))).toBe(true);
  expect(server.requests.map(({ body }) => body).join("")).not.toContain(SECRET);
});

test("each attestation has a key of its own", async () => {
  await attested();
  await attested();
  const keys = server.requests.map(({ body }) => (JSON.parse(body) as { spki: string }).spki);
  expect(new Set(keys).size).toBe(2);
});

test("a token instead of a certificate is taken as well", async () => {
  faults.complete = { kind: "token", certPem: undefined, token: "abcdef.0123456789abcdef" };
  expect((await attested()).credentials).toEqual({ token: "abcdef.0123456789abcdef" });
});

test("a rehearsal asks for a challenge and sends nothing more", async () => {
  const deps = { clock: { now: () => new Date() }, signal: new AbortController().signal };
  const rehearsed = await rehearseAttestation(options(), (work) => work(), deps);
  expect(server.requests.map(({ url }) => url)).toEqual(["/v1/attest/challenge"]);
  expect(rehearsed.values.map(({ field }) => field)).toEqual([
    "challenge",
    "spki",
    "hello.tokenId",
    "proof.mac",
    "keySig",
  ]);
});

interface Fault {
  readonly name: string;
  readonly faults: () => typeof faults;
  readonly failure: string;
  readonly message: string | RegExp;
}

describe("what cannot be used is refused, and nothing of it is kept", () => {
  test.each<Fault>([
    {
      ...{ name: "a certificate for another key", failure: "wrongAnswer", message: "for another key" },
      faults: () => ({ key: stranger }),
    },
    {
      ...{
        name: "a credential for another node",
        failure: "wrongAnswer",
        message: 'for node "node-2", not for node-1',
      },
      faults: () => ({ complete: { nodeName: "node-2" } }),
    },
    {
      ...{ name: "one that has expired", failure: "wrongAnswer", message: "has expired already" },
      faults: () => ({ complete: { expiresAt: "2026-01-01T00:00:00Z" } }),
    },
    {
      ...{ name: "one without a time", failure: "wrongAnswer", message: "has expired already" },
      faults: () => ({ complete: { expiresAt: "tomorrow" } }),
    },
    {
      ...{ name: "no credential at all", failure: "wrongAnswer", message: "neither a certificate nor a token" },
      faults: () => ({ complete: { certPem: undefined } }),
    },
    {
      ...{ name: "a kubeconfig without a server", failure: "wrongAnswer", message: "names no server" },
      faults: () => ({ complete: { kubeconfig: "kind: Config" } }),
    },
    {
      ...{
        name: "a kubeconfig that would send credentials in the clear",
        failure: "wrongAnswer",
        message: "is not https",
      },
      faults: () => ({ complete: { kubeconfig: kubeconfigText("http://api.example", tls.caPem, {}) } }),
    },
    {
      ...{ name: "an answer that is none", failure: "refused", message: "with something else" },
      faults: () => ({ complete: { kind: "password" } }),
    },
    {
      ...{ name: "a challenge that is none", failure: "refused", message: "with something else" },
      faults: () => ({ challenge: { nonce: "!" } }),
    },
    {
      ...{
        name: "a challenge for another authority",
        failure: "untrusted",
        message: /asks for evidence for "https:\/\/other/,
      },
      faults: () => ({ challenge: { audience: "https://other.example/v1/attest" } }),
    },
  ])("$name", async ({ faults: wrong, failure, message }) => {
    faults = wrong();
    await expect(attested()).rejects.toMatchObject({
      ...{ name: "AgentError", failure },
      message: typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message),
    });
  });
});

describe("refusals", () => {
  test("that ask to wait are followed by another challenge, while there is time", async () => {
    faults.refusals = [refused(429, "slow_down")];
    await attested({}, 30);
    expect(server.requests.map(({ url }) => url.split("/").at(-1))).toEqual([
      "challenge",
      "complete",
      "challenge",
      "complete",
    ]);
  });

  test.each([
    { code: "bad_request", status: 400, failure: "refused" },
    { code: "denied", status: 403, failure: "denied" },
    { code: "conflict", status: 409, failure: "denied" },
    { code: "slow_down", status: 429, failure: "unreachable" },
  ])("$code is told in words, and what to do", async ({ code, status, failure }) => {
    faults.refusals = [refused(status, code)];
    await expect(attested()).rejects.toMatchObject({
      ...{ failure, message: expect.stringContaining(`(${code})`), hint: expect.stringMatching(/\w/) },
    });
  });

  test("an answer that was lost is not asked for twice: it may have counted", async () => {
    faults.refusals = [{ status: 502, body: "bad gateway" }];
    await expect(attested({}, 30)).rejects.toMatchObject({
      failure: "refused",
      hint: expect.stringContaining("run it again"),
    });
    expect(server.requests).toHaveLength(2);
  });
});
