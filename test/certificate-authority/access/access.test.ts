import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { type AccessDependencies, createAccess } from "../../../services/certificate-authority/access/access.ts";
import type { Credentials } from "../../../services/certificate-authority/access/authenticate.ts";
import type { AuthenticatorSettings } from "../../../services/certificate-authority/access/authenticators/settings.ts";
import { createRateLimiter, DEFAULT_RATE_LIMITS } from "../../../services/certificate-authority/access/rate-limiter.ts";
import { compilePolicy } from "../../../services/certificate-authority/access/rbac/policy.ts";
import { STOCK_OBJECTS } from "../../../services/certificate-authority/access/rbac/stock-objects.ts";
import { formatStaticToken, hashStaticToken, newStaticToken } from "../../../services/shared/static-token.ts";
import { clusterRoleBinding, subject, withStockObjects } from "../../builders/rbac.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { onResource } from "../../builders/users.ts";
import { FakeBootstrapTokens } from "../../fakes/bootstrap-tokens.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const directory = temporaryDirectory();

/** Certificates are their text: `cn/o`, `cn/o/expired`, or no certificate at all. */
function readCertificate(der: Uint8Array) {
  const [commonName = "", organization = "", state = ""] = Buffer.from(der).toString().split("/");
  if (state === "broken") throw new Error("no certificate");
  const none: readonly string[] = [];
  const others = {
    country: none,
    organizationalUnit: none,
    locality: none,
    province: none,
    streetAddress: none,
    postalCode: none,
    serialNumber: "",
  };
  return {
    subject: { ...others, commonName, organization: organization === "" ? [] : [organization] },
    uids: [],
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date(state === "expired" ? "2026-01-02T00:00:00Z" : "2026-02-01T00:00:00Z"),
    extendedKeyUsages: ["clientAuth"] as const,
  };
}

function setUp(overrides: Partial<AccessDependencies> = {}) {
  const clock = new SettableClock();
  const { logger, lines } = recordingLogger();
  const access = createAccess({
    tokens: new FakeBootstrapTokens(),
    tokenHashKey: Buffer.alloc(32, 7),
    attestationTokenKey: Buffer.alloc(32, 9),
    readCertificate,
    policy: compilePolicy(STOCK_OBJECTS),
    clock,
    logger,
    ...overrides,
  });
  return { access, clock, lines };
}

const certificate = (text: string) => Buffer.from(text);

function credentials(overrides: Partial<Credentials> = {}): Credentials {
  return { authorization: undefined, clientCertificateDer: undefined, remoteAddress: "192.0.2.1", ...overrides };
}

async function withToken() {
  const { access, clock, lines } = setUp();
  const wanted = { description: "", ttlSeconds: 3600, groups: [], nodeName: undefined, id: "abcdef" };
  const { token } = await access.tokenAdministration.create(wanted, "alice");
  return { access, clock, lines, bearer: `Bearer ${token}` };
}

const VALID = certificate("alice/admins");
const EXPIRED = certificate("alice/admins/expired");
const NAMELESS = certificate("");
const BROKEN = certificate("x/x/broken");

test.each<{ name: string; der: Buffer | undefined; token: "good" | "bad" | "none"; user: string | 401 }>([
  { name: "nothing", der: undefined, token: "none", user: "system:anonymous" },
  { name: "a certificate", der: VALID, token: "none", user: "alice" },
  { name: "a token", der: undefined, token: "good", user: "system:bootstrap:abcdef" },
  { name: "a bad token", der: undefined, token: "bad", user: 401 },
  { name: "both", der: VALID, token: "good", user: "alice" },
  { name: "a certificate and a bad token", der: VALID, token: "bad", user: "alice" },
  { name: "an expired certificate", der: EXPIRED, token: "none", user: 401 },
  { name: "an expired certificate and a token", der: EXPIRED, token: "good", user: "system:bootstrap:abcdef" },
  { name: "an expired certificate and a bad token", der: EXPIRED, token: "bad", user: 401 },
  { name: "an unreadable certificate", der: BROKEN, token: "none", user: 401 },
  { name: "a certificate without CN", der: NAMELESS, token: "none", user: "system:anonymous" },
  { name: "a certificate without CN and a token", der: NAMELESS, token: "good", user: "system:bootstrap:abcdef" },
  { name: "a certificate without CN and a bad token", der: NAMELESS, token: "bad", user: 401 },
])("who shows $name is $user", async ({ der, token, user }) => {
  const { access, bearer } = await withToken();
  const authorization = { good: bearer, bad: "Bearer abcdef.wrongwrongwrong0", none: undefined }[token];
  const outcome = access.authenticate(credentials({ authorization, clientCertificateDer: der }));
  if (user !== 401) {
    expect((await outcome).user.username).toBe(user);
    return;
  }
  await expect(outcome).rejects.toMatchObject({
    reason: "Unauthorized",
    code: 401,
    message: "Unauthorized",
    details: undefined,
  });
});

test.each([
  ["bearer TOKEN", "system:bootstrap:abcdef"],
  ["BEARER TOKEN", "system:bootstrap:abcdef"],
  ["  Bearer TOKEN  ", "system:bootstrap:abcdef"],
  ["Bearer TOKEN more", "system:bootstrap:abcdef"],
  ["Basic TOKEN", "system:anonymous"],
  ["Bearer", "system:anonymous"],
  ["Bearer ", "system:anonymous"],
  ["Bearer  TOKEN", "system:anonymous"],
  ["TOKEN", "system:anonymous"],
  ["", "system:anonymous"],
])("the header %j is read as %s", async (header, username) => {
  const { access, bearer } = await withToken();
  const authorization = header.replace("TOKEN", bearer.slice("Bearer ".length));
  expect((await access.authenticate(credentials({ authorization }))).user.username).toBe(username);
});

test("a token ends with its expiry and with its removal", async () => {
  const { access, clock, bearer } = await withToken();
  clock.advance(3599);
  await access.authenticate(credentials({ authorization: bearer }));
  clock.advance(1);
  await expect(access.authenticate(credentials({ authorization: bearer }))).rejects.toMatchObject({ code: 401 });
  clock.advance(-1);
  await access.tokenAdministration.remove("abcdef", "alice");
  await expect(access.authenticate(credentials({ authorization: bearer }))).rejects.toMatchObject({ code: 401 });
});

test("a refused certificate is logged with its reason, which the caller does not learn", async () => {
  const { access, lines } = setUp();
  await expect(access.authenticate(credentials({ clientCertificateDer: EXPIRED }))).rejects.toMatchObject({
    code: 401,
  });
  expect(lines).toEqual([
    expect.objectContaining({
      msg: "client certificate refused",
      remoteAddress: "192.0.2.1",
      reason: "the client certificate has expired",
    }),
  ]);
});

test("an administrator acts as somebody else, a stranger may not", async () => {
  const { access } = setUp();
  const impersonation = { user: "bob", groups: ["g"], extra: {} };
  const administrator = certificate("root/gatehouse:administrators");
  const { user, authenticated } = await access.authenticate(
    credentials({ clientCertificateDer: administrator, impersonation }),
  );
  expect([authenticated.username, user.username, user.groups]).toEqual(["root", "bob", ["g", "system:authenticated"]]);
  await expect(access.authenticate(credentials({ clientCertificateDer: VALID, impersonation }))).rejects.toMatchObject({
    code: 403,
  });
  await expect(access.authenticate(credentials({ impersonation }))).rejects.toMatchObject({ code: 403 });
});

test("without impersonation the user is the authenticated one", async () => {
  const { access } = setUp();
  const { user, authenticated } = await access.authenticate(credentials({ clientCertificateDer: VALID }));
  expect(user).toBe(authenticated);
});

test("the policy that is given decides", async () => {
  const own = [clusterRoleBinding("own", "cluster-admin", subject("User", "alice"))];
  const { access } = setUp({ policy: compilePolicy(withStockObjects(own)) });
  const { user } = await access.authenticate(credentials({ clientCertificateDer: VALID }));
  expect(await access.authorizer.authorize(user, onResource({ verb: "delete" }))).toEqual({
    allowed: true,
    reason: 'RBAC: allowed by ClusterRoleBinding "own" of ClusterRole "cluster-admin" to User "alice"',
  });
  expect(access.authorizer.rulesFor(user, "").length).toBeGreaterThan(2);
});

test("after too many failures an address may show certificates, but tokens are no longer looked at", async () => {
  const clock = new SettableClock();
  const failedAuthentications = { perSecond: 1, burst: 2 };
  const rateLimiter = createRateLimiter({ ...DEFAULT_RATE_LIMITS, failedAuthentications, clock });
  const { access } = setUp({ rateLimiter });
  const guess = credentials({ authorization: "Bearer abcdef.wrongwrongwrong0" });
  for (const _attempt of [1, 2]) {
    await expect(access.authenticate(guess)).rejects.toMatchObject({ code: 401 });
    rateLimiter.noteFailedAuthentication(guess.remoteAddress);
  }
  await expect(access.authenticate(guess)).rejects.toMatchObject({ code: 429, details: { retryAfterSeconds: 1 } });
  expect((await access.authenticate({ ...guess, clientCertificateDer: VALID })).user.username).toBe("alice");
  expect((await access.authenticate(credentials())).user.username).toBe("system:anonymous");
  await expect(access.authenticate({ ...guess, remoteAddress: "192.0.2.2" })).rejects.toMatchObject({ code: 401 });
});

test("a short hash key is refused at construction", () => {
  expect(() => setUp({ tokenHashKey: Buffer.alloc(31) })).toThrow("at least 32 bytes");
});

/** A token file with one token of bob's. */
async function tokenFileOfBob() {
  const made = newStaticToken();
  const hash = await hashStaticToken(made, { logN: 10, r: 8, p: 1 });
  const path = join(directory, "tokens.yaml");
  writeFileSync(path, `- ${JSON.stringify({ id: made.id, user: "bob", hash })}\n`);
  return { settings: { tokenFile: { file: path } }, bearer: `Bearer ${formatStaticToken(made)}` };
}

test("authenticators are asked in the order they are configured, and the first that names somebody wins", async () => {
  const { settings, bearer: authorization } = await tokenFileOfBob();
  const login = async (authentication: readonly AuthenticatorSettings[], der?: Buffer) => {
    const { access } = setUp({ authentication });
    return (await access.authenticate(credentials({ authorization, clientCertificateDer: der }))).user.username;
  };
  const certificates = { clientCertificate: {} };
  expect(await login([certificates, settings], VALID)).toBe("alice");
  expect(await login([settings, certificates], VALID)).toBe("bob");
  expect(await login([certificates, settings], EXPIRED)).toBe("bob");
  expect(await login([{ bootstrapToken: {} }, settings])).toBe("bob");
  expect(await login([{ bootstrapToken: {} }, certificates], VALID)).toBe("alice");
  await expect(login([certificates, { bootstrapToken: {} }])).rejects.toMatchObject({ code: 401 });
  await expect(login([certificates])).rejects.toMatchObject({ code: 401 });
});

test("what is not configured is not looked at", async () => {
  const { settings } = await tokenFileOfBob();
  const { access, lines } = setUp({ authentication: [settings] });
  const shown = credentials({ clientCertificateDer: VALID });
  expect((await access.authenticate(shown)).user.username).toBe("system:anonymous");
  expect(lines).toEqual([
    expect.objectContaining({ level: "warn", msg: expect.stringContaining("no clientCertificate") }),
  ]);
});

test("why a token was refused is in the log and in the error's cause, and the token in neither", async () => {
  const { access, lines } = setUp();
  const error: unknown = await access
    .authenticate(credentials({ authorization: "Bearer some.secret" }))
    .catch((e) => e);
  expect(error).toMatchObject({
    code: 401,
    message: "Unauthorized",
    cause: { message: "no authenticator knows the token" },
  });
  expect(lines).toEqual([
    expect.objectContaining({ msg: "bearer token refused", reason: "no authenticator knows the token" }),
  ]);
  expect(JSON.stringify(lines)).not.toContain("secret");
});

test("a revoked certificate is refused", async () => {
  const { access } = setUp({ isRevoked: () => true });
  await expect(access.authenticate(credentials({ clientCertificateDer: VALID }))).rejects.toMatchObject({ code: 401 });
});

test.each([
  { length: 16_384, looked: 1 },
  { length: 16_385, looked: 0 },
])("a token of $length characters is looked at $looked times, and refused", async ({ length, looked }) => {
  let guesses = 0;
  const requireAttemptsLeft = (): void => {
    guesses += 1;
  };
  const { access } = setUp({ rateLimiter: { requireAttemptsLeft } });
  const authorization = `Bearer ${"x".repeat(length)}`;
  await expect(access.authenticate(credentials({ authorization }))).rejects.toMatchObject({ code: 401 });
  expect(guesses).toBe(looked);
});
