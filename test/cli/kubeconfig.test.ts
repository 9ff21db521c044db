import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect, test } from "@jest/globals";
import { CommandError } from "../../services/cli/command-error.ts";
import { loadConnection } from "../../services/cli/kubeconfig.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { fakeTerminal, kubeconfigText, TOKEN } from "./fixture.ts";

function file(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const named = (port: number): string => kubeconfigText({ server: `https://localhost:${port}` });

function failureOf(work: () => unknown): { readonly message: string; readonly hint: string | undefined } {
  try {
    work();
  } catch (error) {
    if (error instanceof CommandError) return { message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error("did not fail");
}

test("the first kubeconfig of the five places is taken", () => {
  const work = temporaryDirectory();
  const home = temporaryDirectory();
  const load = (environment: Record<string, string>, kubeconfig?: string): string => {
    const { terminal } = fakeTerminal({ workingDirectory: work, homeDirectory: home, environment });
    return loadConnection({ kubeconfig }, terminal).server.port;
  };
  file(home, ".kube/config", named(5));
  expect(load({})).toBe("5");
  const listed = file(work, "listed", named(4));
  expect(load({ KUBECONFIG: listed })).toBe("4");
  file(work, "data/admin.kubeconfig", named(3));
  expect(load({ KUBECONFIG: listed })).toBe("3");
  file(work, "ours", named(2));
  expect(load({ KUBECONFIG: listed, GATEHOUSE_KUBECONFIG: "ours" })).toBe("2");
  file(work, "flag", named(1));
  expect(load({ KUBECONFIG: listed, GATEHOUSE_KUBECONFIG: "ours" }, "flag")).toBe("1");
});

test("with no kubeconfig anywhere, the places are named", () => {
  const { terminal } = fakeTerminal({ workingDirectory: "/nowhere", homeDirectory: "/home/nobody" });
  expect(failureOf(() => loadConnection({}, terminal))).toEqual({
    message:
      "no kubeconfig was found; looked at $GATEHOUSE_KUBECONFIG, /nowhere/data/admin.kubeconfig, $KUBECONFIG, /home/nobody/.kube/config",
    hint: 'Start a server with "gatehouse serve", which leaves data/admin.kubeconfig, or name a file with --kubeconfig.',
  });
});

test("a named KUBECONFIG that is missing is not replaced by the one at home", () => {
  const home = temporaryDirectory();
  file(home, ".kube/config", named(5));
  const environment = { KUBECONFIG: "/nowhere/config" };
  const { terminal } = fakeTerminal({ workingDirectory: "/nowhere", homeDirectory: home, environment });
  const { message } = failureOf(() => loadConnection({}, terminal));
  expect(message).toBe(
    "no kubeconfig was found; looked at $GATEHOUSE_KUBECONFIG, /nowhere/data/admin.kubeconfig, /nowhere/config",
  );
});

test("several files of KUBECONFIG make one; the first entry of a name wins; paths are relative to their file", () => {
  const directory = temporaryDirectory();
  file(directory, "one/ca.pem", "CA ONE");
  const one = file(
    directory,
    "one/config",
    "clusters: [{name: c, cluster: {server: 'https://one:1', certificate-authority: ca.pem}}]\n",
  );
  const two = file(
    directory,
    "two",
    `clusters: [{name: c, cluster: {server: 'https://two:2'}}]
users: [{name: u, user: {token: ${TOKEN}}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`,
  );
  const environment = { KUBECONFIG: [one, join(directory, "missing"), two].join(delimiter) };
  const { terminal } = fakeTerminal({ workingDirectory: directory, environment });
  expect(loadConnection({}, terminal)).toMatchObject({
    server: new URL("https://one:1"),
    caPem: "CA ONE",
    token: TOKEN,
    contextName: "x",
    userName: "u",
    source: [one, two].join(delimiter),
  });
});

test("inline data, files and a token file are read; inline wins", () => {
  const directory = temporaryDirectory();
  file(directory, "crt", "CRT");
  file(directory, "key", "KEY");
  file(directory, "token", "from-file\n");
  const path = file(
    directory,
    "config",
    kubeconfigText({
      cluster: { "certificate-authority-data": base64("CA INLINE"), "certificate-authority": "/nowhere" },
      user: { "client-certificate": "crt", "client-key": "key", tokenFile: "token" },
    }),
  );
  const { terminal } = fakeTerminal();
  expect(loadConnection({ kubeconfig: path }, terminal)).toMatchObject({
    caPem: "CA INLINE",
    clientCertificatePem: "CRT",
    clientKeyPem: "KEY",
    token: "from-file",
    skipsVerification: false,
  });
});

test("a context without a user is anonymous; unknown keys are let be", () => {
  const path = file(
    temporaryDirectory(),
    "config",
    `preferences: {colors: true}
clusters: [{name: c, cluster: {server: 'https://host/prefix/', tls-server-name: other, extensions: []}}]
users: null
contexts: [{name: x, context: {cluster: c, namespace: kube-system}}]
`,
  );
  const { terminal } = fakeTerminal();
  expect(loadConnection({ kubeconfig: path, context: "x" }, terminal)).toMatchObject({
    tlsServerName: "other",
    token: undefined,
    clientCertificatePem: undefined,
    userName: "",
  });
});

test.each([
  { name: "no YAML", text: "a: [", message: /^FILE is not valid YAML \(BAD_INDENT at line 1, column 5\)$/ },
  { name: "an empty file", text: "", message: /^FILE has no current-context$/ },
  { name: "a list", text: "[]", message: /^FILE is not a kubeconfig:\n/ },
  {
    name: "a number for a name",
    text: "clusters: [{name: 5, cluster: {server: x}}]",
    message: /^FILE is not a kubeconfig:\n.*expected string.*\n.*clusters\[0\]\.name/,
  },
  {
    name: "an unknown context",
    text: "contexts: [{name: a, context: {cluster: c}}]\ncurrent-context: b",
    message: /^FILE has no context "b"$/,
    hint: "It has a; choose with --context.",
  },
  {
    name: "no contexts",
    text: "current-context: b",
    message: /^FILE has no context "b"$/,
    hint: "It has no contexts at all.",
  },
  {
    name: "a missing cluster",
    text: "contexts: [{name: a, context: {cluster: c}}]\ncurrent-context: a",
    message: /^FILE has no entry "c" in clusters, which its context names$/,
  },
  {
    name: "http",
    text: kubeconfigText({ server: "http://127.0.0.1:1" }),
    message: /^cluster "gatehouse" of FILE: server "http:\/\/127\.0\.0\.1:1" is not https$/,
    hint: "Credentials travel over TLS only.",
  },
  {
    name: "no URL",
    text: kubeconfigText({ server: "127.0.0.1" }),
    message: /^cluster "gatehouse" of FILE: server "127\.0\.0\.1" is no URL$/,
  },
  {
    name: "a proxy",
    text: kubeconfigText({ cluster: { "proxy-url": "socks5://x" } }),
    message: /^cluster "gatehouse" of FILE: proxy-url is not supported$/,
  },
  {
    name: "a login program",
    text: kubeconfigText({ user: { exec: { command: "login" } } }),
    message: /^user "tester" of FILE: exec cannot be used here$/,
    hint: "Use a kubeconfig with a client certificate or a token.",
  },
  {
    name: "a certificate without its key",
    text: kubeconfigText({ user: { "client-certificate-data": base64("x") } }),
    message: /^user "tester" of FILE: a client certificate and its key must be given together$/,
  },
  {
    name: "a file that is not there",
    text: kubeconfigText({ user: { tokenFile: "gone" } }),
    message: /^user "tester" of FILE: ENOENT: .*gone'$/,
  },
])("a kubeconfig with $name is refused with the way out", ({ text, message, hint }) => {
  const path = file(temporaryDirectory(), "config", text);
  const failure = failureOf(() => loadConnection({ kubeconfig: path }, fakeTerminal().terminal));
  expect(failure.message.replaceAll(path, "FILE")).toMatch(message);
  if (hint !== undefined) expect(failure.hint).toBe(hint);
  expect(failure.message).not.toContain(TOKEN);
});

test("a kubeconfig that is not there is named", () => {
  const { message } = failureOf(() => loadConnection({ kubeconfig: "/nowhere/x" }, fakeTerminal().terminal));
  expect(message).toMatch(/^cannot read the kubeconfig \/nowhere\/x: ENOENT/);
});
