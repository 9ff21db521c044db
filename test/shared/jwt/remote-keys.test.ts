import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { httpsExchange } from "../../../services/shared/https-exchange.ts";
import { RemoteKeySet } from "../../../services/shared/jwt/remote-key-set.ts";
import { buildTokenKey, jwksText, type TokenKey } from "../../builders/signed-tokens.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../builders/tls-identity.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const DISCOVERY = "/tenant/.well-known/openid-configuration";
let tls: TlsIdentity;
let server: Server;
let origin: string;
let key: TokenKey;
let answers: Record<string, Answer> = {};
const asked: string[] = [];

beforeAll(async () => {
  tls = await buildTlsIdentity();
  key = await buildTokenKey();
  const { certificatePem: cert, privateKeyPem } = tls.serving;
  server = createServer({ cert, key: privateKeyPem }, (request, response) => {
    asked.push(request.url ?? "");
    const answer = answers[request.url ?? ""];
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => {
  answers = {};
  asked.length = 0;
});

const say =
  (body: string, status = 200, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
  };

function setUp(more: { readonly jwksUrl?: string; readonly staysAtOrigin?: boolean } = {}) {
  const clock = new SettableClock();
  const { logger, lines } = recordingLogger();
  const exchange = httpsExchange({ caPem: tls.caPem, timeoutMilliseconds: 300, maximumBytes: 20_000 });
  const keys = new RemoteKeySet({
    issuer: `${origin}/tenant`,
    discoveryUrl: undefined,
    exchange,
    clock,
    logger,
    ...more,
  });
  return { keys, clock, lines };
}

function provide(jwks = jwksText(key), more: object = {}): void {
  answers[DISCOVERY] = say(JSON.stringify({ issuer: `${origin}/tenant`, jwks_uri: `${origin}/jwks`, ...more }));
  answers["/jwks"] = say(jwks);
}

const kidsOf = (set: { jwks(): { keys: readonly { kid?: string }[] } } | undefined) =>
  set?.jwks().keys.map(({ kid }) => kid);

test("keys are found by discovery, once for everybody, and kept", async () => {
  provide();
  const { keys, clock } = setUp();
  const [one, two] = await Promise.all([keys.current(), keys.current()]);
  expect(one).toBe(two);
  expect(kidsOf(one)).toEqual(["ES256-key"]);
  clock.advance(3600);
  expect(await keys.current()).toBe(one);
  expect(asked).toEqual([DISCOVERY, "/jwks"]);
});

test.each<{ name: string; set: () => void; says: string }>([
  { name: "the provider is not there", set: () => {}, says: "HTTP 404" },
  { name: "discovery is garbage", set: () => (answers[DISCOVERY] = say("<html>")), says: "JSON" },
  {
    name: "discovery is of another kind",
    set: () => (answers[DISCOVERY] = say("[]")),
    says: "is no discovery document",
  },
  {
    name: "discovery is of another issuer",
    set: () => provide("", { issuer: `${origin}/tenant/` }),
    says: "of another issuer",
  },
  {
    name: "keys are to be fetched over http",
    set: () => provide("", { jwks_uri: "http://127.0.0.1/jwks" }),
    says: "no https URL",
  },
  {
    name: "keys are to be read from a file",
    set: () => provide("", { jwks_uri: "file:///etc/passwd" }),
    says: "no https URL",
  },
  {
    name: "discovery leads elsewhere",
    set: () => (answers[DISCOVERY] = say("", 302, { location: "http://127.0.0.1/other" })),
    says: "HTTP 302",
  },
  {
    name: "keys lead elsewhere",
    set: () => {
      provide();
      answers["/jwks"] = say("", 307, { location: `${origin}/other` });
    },
    says: "HTTP 307",
  },
  { name: "the keys are garbage", set: () => provide("nonsense"), says: "JSON" },
  { name: "there are no keys", set: () => provide('{"keys":[]}'), says: "no public key" },
  { name: "the keys are endless", set: () => provide("x".repeat(20_001)), says: "more than 20000 bytes" },
  {
    name: "the provider says nothing",
    set: () => (answers[DISCOVERY] = () => {}),
    says: "did not answer within 300 ms",
  },
  {
    name: "the provider never ends",
    set: () => {
      provide();
      answers["/jwks"] = (_request, response) => void response.writeHead(200).write("{");
    },
    says: "did not answer within 300 ms",
  },
  {
    name: "the provider breaks off",
    set: () => {
      provide();
      answers["/jwks"] = (_request, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("{", () => response.destroy());
      };
    },
    says: "aborted",
  },
])("no keys when $name; asked again only after half a minute", async ({ set, says }) => {
  set();
  const { keys, clock, lines } = setUp();
  const failure = { name: "KeysUnavailableError", message: expect.stringContaining(says) };
  await expect(Promise.resolve(keys.current())).rejects.toMatchObject(failure);
  expect(lines).toEqual([expect.objectContaining({ level: "warn", problem: expect.stringContaining(says) })]);
  const before = asked.length;
  clock.advance(29.9);
  expect(() => keys.current()).toThrow(expect.objectContaining({ name: "KeysUnavailableError" }));
  expect(await keys.renewed()).toBeUndefined();
  keys.maintain();
  expect(asked).toHaveLength(before);
  provide();
  clock.advance(0.1);
  expect(kidsOf(await keys.current())).toEqual(["ES256-key"]);
});

test("a provider whose certificate is another CA's is not believed", async () => {
  provide();
  const exchange = httpsExchange({ timeoutMilliseconds: 300, maximumBytes: 100 });
  await expect(exchange(new URL(`${origin}${DISCOVERY}`), { method: "GET" })).rejects.toThrow(/certificate/);
  await expect(exchange(new URL("http://127.0.0.1:1/"), { method: "GET" })).rejects.toThrow("is not https");
  expect(asked).toEqual([]);
});

test("a rolled key is fetched when a token asks for it, but not more often than twice a minute", async () => {
  provide();
  const { keys, clock } = setUp();
  await keys.current();
  const rolled = await buildTokenKey("ES256", "rolled");
  provide(jwksText(key, rolled));
  expect(await keys.renewed()).toBeUndefined();
  clock.advance(30);
  const [one, two] = await Promise.all([keys.renewed(), keys.renewed()]);
  expect([kidsOf(one), one]).toEqual([["ES256-key", "rolled"], two]);
  expect(await keys.renewed()).toBeUndefined();
  expect(asked).toHaveLength(4);
});

test("upkeep fetches keys ahead, again after ten minutes, and a withdrawn key is gone then", async () => {
  provide();
  const { keys, clock } = setUp();
  const upkeep = async () => {
    keys.maintain();
    return Promise.resolve(keys.current());
  };
  expect(kidsOf(await upkeep())).toEqual(["ES256-key"]);
  clock.advance(599);
  await upkeep();
  expect(asked).toHaveLength(2);
  provide(jwksText(await buildTokenKey("ES256", "next")));
  clock.advance(1);
  keys.maintain();
  expect(kidsOf(await keys.renewed())).toEqual(["next"]);
  expect(kidsOf(await keys.current())).toEqual(["next"]);
});

test("while the provider is down its last keys serve for an hour and no longer", async () => {
  provide();
  const { keys, clock } = setUp();
  await keys.current();
  answers = {};
  clock.advance(3600);
  expect(kidsOf(await keys.current())).toEqual(["ES256-key"]);
  clock.advance(1);
  await expect(Promise.resolve(keys.current())).rejects.toMatchObject({ name: "KeysUnavailableError" });
});

test("keys whose place is known are fetched from there, and nothing is discovered", async () => {
  provide();
  const { keys } = setUp({ jwksUrl: `${origin}/jwks` });
  expect(kidsOf(await keys.current())).toEqual(["ES256-key"]);
  expect(asked).toEqual(["/jwks"]);
});

test("keys elsewhere than at the issuer's origin are not fetched where they have to be there", async () => {
  provide();
  const { keys } = setUp({ staysAtOrigin: true });
  expect(kidsOf(await keys.current())).toEqual(["ES256-key"]);
  asked.length = 0;
  provide("", { jwks_uri: `${origin.replace("127.0.0.1", "localhost")}/jwks` });
  await expect(Promise.resolve(setUp({ staysAtOrigin: true }).keys.current())).rejects.toThrow(
    `names a jwks_uri that is not at ${origin}`,
  );
  expect(asked).toEqual([DISCOVERY]);
});
