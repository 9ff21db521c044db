import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { jwtVerify } from "jose";
import { z } from "zod";
import { createGcpIitAttestor } from "../../../../services/certificate-authority/attestation/gcp-iit/attestor.ts";
import {
  type GcpIitSettings,
  gcpIitShape,
  resolveGcpIitPaths,
} from "../../../../services/certificate-authority/attestation/gcp-iit/settings.ts";
import { boundAudience } from "../../../../services/shared/attestation/bind.ts";
import { ATTESTATION_AUDIENCE, attestorTools, proofInput, refusalIn } from "../../../builders/proof-input.ts";
import { buildSignedToken, buildTokenKey, jwksText, type TokenKey } from "../../../builders/signed-tokens.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../../builders/tls-identity.ts";
import { RoutedServer } from "../../../fakes/routed-server.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const NOW = new SettableClock().now();
const SECONDS = NOW.getTime() / 1000;
const schema = z.strictObject(gcpIitShape);
const INSTANCE = {
  project_id: "prod-1",
  project_number: 739419398126,
  zone: "europe-west1-b",
  instance_id: "152986662232938449",
  instance_name: "node-1",
  instance_creation_timestamp: SECONDS - 600,
};
const PATH = "/compute/v1/projects/prod-1/zones/europe-west1-b/instances/152986662232938449";
const LISTED = {
  ...{ id: INSTANCE.instance_id, name: "node-1", status: "RUNNING", labels: { cluster: "blue" } },
  creationTimestamp: "2026-01-02T02:54:05.000-00:00",
  lastStartTimestamp: "2026-01-02T03:00:00.000-00:00",
  networkInterfaces: [{ networkIP: "10.0.0.7" }],
};

let key: TokenKey;
let tls: TlsIdentity;
let server: RoutedServer;
let origin: string;
beforeAll(async () => {
  key = await buildTokenKey("RS256", "one");
  tls = await buildTlsIdentity();
  server = new RoutedServer(tls);
  origin = await server.listen();
});
afterAll(() => server.close());

let directory: string;
const at = (name: string): string => join(directory, name);
beforeEach(() => {
  directory = temporaryDirectory();
  writeFileSync(at("jwks.json"), jwksText(key));
  writeFileSync(at("ca.pem"), tls.caPem);
  writeFileSync(at("token"), "ya29.secret\n");
  server.requests.length = 0;
  server.answer = ({ url }) => (url === PATH ? { body: LISTED } : undefined);
});

const settingsOf = (changes: object = {}): GcpIitSettings =>
  schema.parse({ attestor: "gcp_iit", projects: ["prod-1"], keys: { file: at("jwks.json") }, ...changes });
const withCompute = (changes: object = {}) =>
  settingsOf({
    compute: { accessTokenFile: at("token"), endpoint: origin, certificateAuthorityFile: at("ca.pem"), ...changes },
  });

async function inputOf(instance: object | undefined = INSTANCE, claims: object = {}) {
  const bind = randomBytes(32);
  const all = {
    ...{ iss: "https://accounts.google.com", sub: "1234", azp: "1234", email: "sa@prod-1.iam.gserviceaccount.com" },
    aud: boundAudience(ATTESTATION_AUDIENCE, bind),
    google: instance && { compute_engine: instance },
    ...claims,
  };
  return proofInput({ bind, proof: { token: await buildSignedToken({ key, now: NOW, claims: all }) }, now: NOW });
}
const attestorOf = (settings: GcpIitSettings) => createGcpIitAttestor(settings, attestorTools(new SettableClock()));
async function refusalOf(instance: object | undefined = INSTANCE, settings = settingsOf(), claims: object = {}) {
  const input = await inputOf(instance, claims);
  return refusalIn(() => attestorOf(settings).verify(input));
}

test("an instance's token shows it", async () => {
  expect(await attestorOf(settingsOf()).verify(await inputOf())).toEqual({
    machineId: "gcp:prod-1/152986662232938449",
    pins: {},
    fields: {
      project_id: "prod-1",
      project_number: "739419398126",
      zone: "europe-west1-b",
      instance_id: "152986662232938449",
      instance_name: "node-1",
      instance_created: "2026-01-02T02:54:05.000Z",
    },
    isFresh: true,
  });
});

test.each<{ name: string; instance?: object | undefined; settings?: object; claims?: object; says: string }>([
  { name: "of the standard format", claims: { google: undefined }, says: "asked for with format=full" },
  {
    name: "of the standard format with other claims of Google's",
    claims: { google: {} },
    says: "asked for with format=full",
  },
  {
    name: "of another project",
    instance: { ...INSTANCE, project_id: "prod-2" },
    says: "does not list the project prod-2",
  },
  { name: "of another zone", settings: { zones: ["europe-west1-c"] }, says: "does not list the zone" },
  { name: "of an old instance", settings: { maximumInstanceAgeSeconds: 599 }, says: "more than 599 seconds ago" },
  {
    name: "of a future instance",
    instance: { ...INSTANCE, instance_creation_timestamp: SECONDS + 11 },
    says: "in the future",
  },
  {
    name: "of an instance without number",
    instance: { ...INSTANCE, instance_id: "node-1" },
    says: "no instance as it should",
  },
  {
    name: "of an instance whose name leads elsewhere",
    instance: { ...INSTANCE, instance_name: "a/b" },
    says: "no instance as it should",
  },
  {
    name: "of a zone that leads elsewhere",
    instance: { ...INSTANCE, zone: "../../x" },
    says: "no instance as it should",
  },
  { name: "of another issuer", claims: { iss: "https://accounts.example.com" }, says: "iss is not acceptable" },
  {
    name: "of another challenge",
    claims: { aud: boundAudience(ATTESTATION_AUDIENCE, randomBytes(32)) },
    says: "aud is not acceptable",
  },
  { name: "for the plain audience", claims: { aud: ATTESTATION_AUDIENCE }, says: "aud is not acceptable" },
  { name: "that is old", claims: { iat: SECONDS - 311 }, says: "is too old" },
])("refused: a token $name", async ({ instance, settings = {}, claims = {}, says }) => {
  expect(await refusalOf(instance, settingsOf(settings), claims)).toContain(says);
});

test("an instance of the last second of its time is taken", async () => {
  expect(await refusalOf(INSTANCE, settingsOf({ maximumInstanceAgeSeconds: 600, zones: [INSTANCE.zone] }))).toBe(
    "accepted",
  );
});

test("what the API says of the instance becomes names and its launch", async () => {
  server.answer = () => ({ body: { ...LISTED, hostname: "node-1.internal.example" } });
  expect(await attestorOf(withCompute({ labels: { cluster: "blue" } })).verify(await inputOf())).toMatchObject({
    sans: { dnsNames: ["node-1.internal.example"], ipAddresses: ["10.0.0.7"] },
    launchedAt: new Date("2026-01-02T03:00:00Z"),
    isFresh: true,
  });
  expect(server.requests).toMatchObject([{ url: PATH, headers: { authorization: "Bearer ya29.secret" } }]);
});

test.each<{ name: string; answer: () => object | undefined; says: string }>([
  { name: "is not there", answer: () => undefined, says: "knows no instance" },
  {
    name: "is stopped",
    answer: () => ({ body: { ...LISTED, status: "TERMINATED" } }),
    says: 'is "TERMINATED", not RUNNING',
  },
  { name: "is another", answer: () => ({ body: { ...LISTED, id: "1" } }), says: "about another instance" },
  {
    name: "has another name",
    answer: () => ({ body: { ...LISTED, name: "node-2" } }),
    says: "calls the instance otherwise",
  },
  {
    name: "has another label",
    answer: () => ({ body: { ...LISTED, labels: { cluster: "green" } } }),
    says: "label cluster=blue",
  },
  { name: "has no labels", answer: () => ({ body: { ...LISTED, labels: undefined } }), says: "label cluster=blue" },
])("refused: an instance that $name by the API", async ({ answer, says }) => {
  server.answer = answer;
  expect(await refusalOf(INSTANCE, withCompute({ labels: { cluster: "blue" } }))).toContain(says);
});

test.each<{ name: string; answer: () => object; says: string }>([
  { name: "refuses us", answer: () => ({ status: 403 }), says: "HTTP 403" },
  {
    name: "leads elsewhere",
    answer: () => ({ status: 302, headers: { location: "https://example.com" } }),
    says: "HTTP 302",
  },
  { name: "talks nonsense", answer: () => ({ body: "<html>" }), says: "JSON" },
  { name: "never ends", answer: () => ({ body: "x".repeat(1024 * 1024 + 1) }), says: "more than" },
])("nobody is let in while the API $name, and the secret is not told", async ({ answer, says }) => {
  server.answer = answer;
  const verification = attestorOf(withCompute()).verify(await inputOf());
  await expect(verification).rejects.toThrow(says);
  await expect(verification).rejects.not.toThrow("ya29");
});

const list =
  (items: object, more: object = {}) =>
  () => ({ body: { items, ...more } });
const UNREACHABLE = { "zones/a": { warning: { code: "UNREACHABLE" } } };
test.each<{ name: string; answer: () => object; gone: boolean | undefined }>([
  { name: "it is in no zone", answer: list({ "zones/a": { warning: { code: "NO_RESULTS_ON_PAGE" } } }), gone: true },
  {
    name: "it is in one, though it does not run",
    answer: list({ "zones/a": { instances: [{ id: INSTANCE.instance_id }] } }),
    gone: false,
  },
  { name: "others are", answer: list({ "zones/a": { instances: [{ id: "1" }] } }), gone: true },
  { name: "a zone does not answer", answer: list(UNREACHABLE), gone: undefined },
  { name: "a part does not answer", answer: list({}, { unreachables: ["zones/b"] }), gone: undefined },
  { name: "there is always more", answer: list({}, { nextPageToken: "n" }), gone: undefined },
  { name: "the API is down", answer: () => ({ status: 503 }), gone: undefined },
  { name: "the API talks nonsense", answer: () => ({ body: "<html>" }), gone: undefined },
  { name: "the API answers something else", answer: list([]), gone: undefined },
])("whether an instance is gone when $name: $gone", async ({ answer, gone }) => {
  server.answer = answer;
  const attestor = attestorOf(withCompute());
  expect(await attestor.isGone?.("gcp:prod-1/152986662232938449", AbortSignal.timeout(5000))).toBe(gone);
  expect(server.requests.length).toBeLessThanOrEqual(20);
  expect(server.requests[0]?.url).toBe(
    "/compute/v1/projects/prod-1/aggregated/instances?filter=id%3D152986662232938449",
  );
});

test("machines of others are not asked about, nor any without the API", async () => {
  expect(await attestorOf(withCompute()).isGone?.("aws:1/2/3", AbortSignal.timeout(5000))).toBeUndefined();
  expect("isGone" in attestorOf(settingsOf())).toBe(false);
  expect(server.requests).toEqual([]);
});

test("a service account's key signs a token for the API alone, once for many questions", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const account = {
    client_email: "gatehouse@prod-1.iam.gserviceaccount.com",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    private_key_id: "k1",
  };
  writeFileSync(at("account.json"), JSON.stringify(account));
  const attestor = attestorOf(withCompute({ accessTokenFile: undefined, serviceAccountKeyFile: at("account.json") }));
  await attestor.verify(await inputOf());
  await attestor.verify(await inputOf());
  const [first, second] = server.requests.map(({ headers }) => headers.authorization?.replace("Bearer ", "") ?? "");
  expect(second).toBe(first);
  const { payload, protectedHeader } = await jwtVerify(first ?? "", publicKey, { currentDate: NOW });
  expect(protectedHeader).toEqual({ alg: "RS256", kid: "k1", typ: "JWT" });
  const { client_email: email } = account;
  expect(payload).toEqual({ iss: email, sub: email, aud: `${origin}/`, iat: SECONDS, exp: SECONDS + 3600 });
  writeFileSync(at("account.json"), JSON.stringify({ ...account, private_key: "secret" }));
  expect(await refusalIn(async () => attestor.verify(await inputOf()))).toBe(
    "the service account's key is no RSA key in PKCS #8",
  );
  writeFileSync(at("account.json"), "secret");
  expect(await refusalIn(async () => attestor.verify(await inputOf()))).toMatch(
    /it is no service account's key in JSON$/,
  );
});

test.each<{ name: string; changes: object; path: readonly (string | number)[] }>([
  { name: "no project", changes: { projects: [] }, path: ["projects"] },
  { name: "a project by number", changes: { projects: ["12345678"] }, path: ["projects", 0] },
  { name: "an empty list of zones", changes: { zones: [] }, path: ["zones"] },
  {
    name: "an API over http",
    changes: { compute: { accessTokenFile: "t", endpoint: "http://127.0.0.1" } },
    path: ["compute", "endpoint"],
  },
  {
    name: "an API below a path, which would be left away",
    changes: { compute: { accessTokenFile: "t", endpoint: "https://proxy.example/google" } },
    path: ["compute", "endpoint"],
  },
  { name: "an API without credentials", changes: { compute: {} }, path: ["compute"] },
])("settings with $name are refused", ({ changes, path }) => {
  const { error } = schema.safeParse({ attestor: "gcp_iit", projects: ["prod-1"], ...changes });
  expect(error?.issues.map((issue) => issue.path)).toEqual([path]);
});

test("Google's keys are the default, and paths are made absolute", () => {
  const usual = { attestor: "gcp_iit", projects: ["prod-1"] };
  const settings = schema.parse({ ...usual, compute: { accessTokenFile: "t", certificateAuthorityFile: "c" } });
  expect(settings.keys).toEqual({ url: "https://www.googleapis.com/oauth2/v3/certs" });
  expect(resolveGcpIitPaths(settings, (path) => `/etc/${path}`).compute).toMatchObject({
    accessTokenFile: "/etc/t",
    certificateAuthorityFile: "/etc/c",
  });
});
