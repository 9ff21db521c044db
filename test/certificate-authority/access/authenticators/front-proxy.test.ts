import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { type AccessDependencies, createAccess } from "../../../../services/certificate-authority/access/access.ts";
import type { AuthenticatorSettings } from "../../../../services/certificate-authority/access/authenticators/settings.ts";
import { authenticationSchema } from "../../../../services/certificate-authority/access/authenticators/settings.ts";
import { compilePolicy } from "../../../../services/certificate-authority/access/rbac/policy.ts";
import { STOCK_OBJECTS } from "../../../../services/certificate-authority/access/rbac/stock-objects.ts";
import { readCertificate } from "../../../../services/certificate-authority/signer/certificate-reader.ts";
import { CLIENT_EXTENSIONS, makeOpensslLeaf } from "../../../builders/openssl-leaf.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { type AuthorityFiles, makeAuthority } from "../../../end-to-end/support/openssl-authority.ts";
import { FakeBootstrapTokens } from "../../../fakes/bootstrap-tokens.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const directory = temporaryDirectory();
let cluster: AuthorityFiles;
let proxies: AuthorityFiles;
const certificates: Record<string, Buffer> = {};

const SERVER = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth"];
const AUTHORITY = ["keyUsage=critical,keyCertSign", "basicConstraints=critical,CA:TRUE"];

beforeAll(() => {
  cluster = makeAuthority(directory, { commonName: "cluster", kind: "ecdsa-p384" });
  proxies = makeAuthority(directory, { commonName: "proxies", kind: "ecdsa-p384" });
  const leaf = (
    authority: AuthorityFiles,
    name: string,
    subject: string,
    extensions = CLIENT_EXTENSIONS,
  ): AuthorityFiles => {
    const made = makeOpensslLeaf(directory, authority, { name, subject, extensions });
    certificates[name] = new X509Certificate(readFileSync(made.certificateFile)).raw;
    return made;
  };
  leaf(proxies, "proxy", "/CN=front-proxy-client");
  leaf(proxies, "other-proxy", "/CN=someone-else");
  leaf(proxies, "nameless-proxy", "/O=none");
  leaf(proxies, "proxy-server", "/CN=front-proxy-client", SERVER);
  leaf(cluster, "node", "/O=system:nodes/CN=system:node:a");
  leaf(cluster, "impostor", "/CN=front-proxy-client");
  leaf(leaf(proxies, "between", "/CN=between", AUTHORITY), "deep-proxy", "/CN=front-proxy-client");
  // Without keyUsage only basicConstraints say that it is no CA.
  leaf(
    leaf(proxies, "no-authority", "/CN=no-authority", ["basicConstraints=CA:FALSE"]),
    "unlawful",
    "/CN=front-proxy-client",
  );
  const namesake = makeAuthority(mkdtempSync(join(directory, "namesake-")), {
    commonName: "proxies",
    kind: "ecdsa-p384",
  });
  leaf(namesake, "forged", "/CN=front-proxy-client", [...CLIENT_EXTENSIONS, "authorityKeyIdentifier=none"]);
});

type Headers = Readonly<Record<string, readonly string[]>>;

const ALICE: Headers = { "x-remote-user": ["alice"] };

function setUp(settings: object = {}, order: readonly AuthenticatorSettings[] = []) {
  const clock = new SettableClock(new Date());
  const { logger, lines } = recordingLogger();
  const frontProxy = {
    certificateAuthorityFile: proxies.certificateFile,
    allowedNames: ["front-proxy-client"],
    ...settings,
  };
  const clientCaPem = readFileSync(cluster.certificateFile, "utf8");
  const dependencies: AccessDependencies = {
    authentication: authenticationSchema.parse([
      { frontProxy },
      ...(order.length > 0 ? order : [{ clientCertificate: {} }]),
    ]),
    clusterCa: () => ({ clientCaPem, tlsCaPem: clientCaPem, strangerCaPem: "" }),
    tokens: new FakeBootstrapTokens(),
    tokenHashKey: Buffer.alloc(32, 7),
    attestationTokenKey: Buffer.alloc(32, 9),
    readCertificate,
    policy: compilePolicy(STOCK_OBJECTS),
    clock,
    logger,
  };
  const access = createAccess(dependencies);
  const login = async (name: string, headers: Headers = ALICE, intermediates: readonly string[] = []) => {
    const shown = {
      authorization: undefined,
      clientCertificateDer: certificates[name],
      intermediatesDer: () => intermediates.flatMap((each) => certificates[each] ?? []),
      headers: () => headers,
      remoteAddress: "192.0.2.1",
    };
    return (await access.authenticate(shown)).user;
  };
  return { access, login, clock, lines };
}

test("a front proxy names its user by headers", async () => {
  const headers = {
    "x-remote-user": ["", "ignored"],
    "x-user": [Buffer.from("älice").toString("latin1"), "second"],
    "x-remote-uid": ["7"],
    "x-remote-group": ["a, b", "", "c"],
    "x-group": ["d"],
    "x-remote-extra-example.com%2fteam": ["x", "y"],
    "x-remote-extra-%zz": ["z"],
    "x-other": ["no"],
  };
  const { login } = setUp({
    usernameHeaders: ["X-Remote-User", "X-User"],
    groupHeaders: ["X-Remote-Group", "X-Group"],
  });
  expect(await login("proxy", headers)).toEqual({
    username: "älice",
    uid: "7",
    groups: ["a, b", "c", "d", "system:authenticated"],
    extra: { "example.com/team": ["x", "y"], "%zz": ["z"] },
  });
});

test.each<{ name: string; certificate: string; user: string | 401; says?: string }>([
  { name: "an allowed proxy", certificate: "proxy", user: "alice" },
  {
    name: "a proxy with another name",
    certificate: "other-proxy",
    user: 401,
    says: 'front proxy "someone-else" is not an allowed name',
  },
  { name: "a proxy without a name", certificate: "nameless-proxy", user: 401, says: "not from a CA of this cluster" },
  {
    name: "a proxy's serving certificate",
    certificate: "proxy-server",
    user: 401,
    says: "not for client authentication",
  },
  {
    name: "a CA that is only called like theirs",
    certificate: "forged",
    user: 401,
    says: "not from a CA of this cluster",
  },
  { name: "a node", certificate: "node", user: "system:node:a" },
  { name: "a client of the cluster that is called like a proxy", certificate: "impostor", user: "front-proxy-client" },
])("who shows the certificate of $name together with headers is $user", async ({ certificate, user, says }) => {
  const { login, lines } = setUp();
  if (user !== 401) {
    expect((await login(certificate)).username).toBe(user);
    return;
  }
  await expect(login(certificate)).rejects.toMatchObject({ code: 401, message: "Unauthorized", details: undefined });
  expect(lines.map(({ reason }) => String(reason)).join()).toContain(says);
});

test("a proxy without headers is nobody, whatever its certificate says", async () => {
  const { login } = setUp();
  await expect(login("proxy", {})).rejects.toMatchObject({ code: 401 });
  await expect(login("proxy", { "x-remote-group": ["gatehouse:administrators"] })).rejects.toMatchObject({ code: 401 });
});

test("headers without a certificate mean nothing", async () => {
  expect((await setUp().login("none")).username).toBe("system:anonymous");
});

test("certificates are told apart in any order of authenticators, and again when they are remembered", async () => {
  const { login } = setUp({}, [{ clientCertificate: {} }, { bootstrapToken: {} }]);
  for (const _round of [1, 2]) {
    expect((await login("proxy")).username).toBe("alice");
    expect((await login("node")).username).toBe("system:node:a");
  }
});

test("a proxy below an intermediate CA shows the way to its own CA, and only CAs lead there", async () => {
  const { login } = setUp();
  expect((await login("deep-proxy", ALICE, ["between"])).username).toBe("alice");
  await expect(setUp().login("deep-proxy")).rejects.toMatchObject({ code: 401 });
  await expect(setUp().login("unlawful", ALICE, ["no-authority"])).rejects.toMatchObject({ code: 401 });
});

test("a proxy's certificate ends like any other", async () => {
  const { login, clock } = setUp();
  expect((await login("proxy")).username).toBe("alice");
  clock.advance(2 * 86_400);
  await expect(login("proxy")).rejects.toMatchObject({ code: 401 });
});

test("more groups than anybody has are refused", async () => {
  const groups = (count: number) => ({ ...ALICE, "x-remote-group": Array<string>(count).fill("g") });
  expect((await setUp().login("proxy", groups(1000))).groups).toHaveLength(1001);
  await expect(setUp().login("proxy", groups(1001))).rejects.toMatchObject({ code: 401 });
});

test.each<{ name: string; file: () => string; says: string }>([
  { name: "the cluster's own CA", file: () => cluster.certificateFile, says: "holds the cluster's own CA" },
  { name: "no CA", file: () => proxies.keyFile, says: "holds no PEM certificate" },
  { name: "no file", file: () => "/does/not/exist.crt", says: "/does/not/exist.crt" },
])("$name is refused as front proxies' CA", ({ file, says }) => {
  expect(() => setUp({ certificateAuthorityFile: file() })).toThrow(
    expect.objectContaining({ name: "AuthenticationSetupError", message: expect.stringContaining(says) }),
  );
});

test("TLS is told to let proxies through", () => {
  expect(setUp().access.additionalClientCaPem).toBe(readFileSync(proxies.certificateFile, "utf8"));
});
