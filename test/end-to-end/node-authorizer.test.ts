import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { json } from "node:stream/consumers";
import { afterEach, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { COMMAND_ENTRY, runCommand } from "./support/gatehouse-command.ts";

jest.setTimeout(60_000);

const directory = temporaryDirectory();
const running: ChildProcessWithoutNullStreams[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue;
    child.kill("SIGTERM");
    await once(child, "exit");
  }
});

const pod = (name: string, secretName: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", uid: `uid-${name}` },
  spec: { nodeName: "n1", containers: [{ name: "c", envFrom: [{ secretRef: { name: secretName } }] }] },
});
const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

/** Starts the built command on a free port. */
async function start(...args: string[]) {
  const child = spawn(process.execPath, [COMMAND_ENTRY, "node-authorizer", "--listen", "127.0.0.1:0", ...args]);
  running.push(child);
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    log += chunk;
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const { value } = await lines.next();
  const [, url] = /^gatehouse ready (https:\/\/127\.0\.0\.1:\d+)$/.exec(String(value)) ?? [];
  if (url === undefined) throw new Error(`it did not become ready: ${value}\n${log}`);
  return { child, url, log: () => log };
}

async function send(url: string, method: string, path: string, body?: object) {
  // The certificate was made for this run: nobody can verify it.
  const outgoing = request(`${url}${path}`, { method, rejectUnauthorized: false, agent: false });
  if (body !== undefined) outgoing.setHeader("content-type", "application/json");
  outgoing.end(body && JSON.stringify(body));
  const [answer] = await once(outgoing, "response");
  return { status: answer.statusCode as number, body: (await json(answer)) as Record<string, never> };
}

async function mayRead(url: string, name: string): Promise<boolean> {
  const { body } = await send(url, "POST", "/authorize", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user: "system:node:n1",
      groups: ["system:nodes"],
      resourceAttributes: { verb: "get", version: "v1", resource: "secrets", namespace: "shop", name },
    },
  });
  return body["status"]?.["allowed"] ?? false;
}

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

test("fed from a file: it decides as Kubernetes' node authorizer would, and ends when told to", async () => {
  const objects = file(
    "list.json",
    JSON.stringify({ apiVersion: "v1", kind: "List", items: [pod("a", "one")] }, null, 2),
  );
  const { child, url, log } = await start("--objects", objects, "--mode", "full");
  expect(await mayRead(url, "one")).toBe(true);
  expect(await mayRead(url, "two")).toBe(false);
  expect(log()).toMatch(/less safe: everybody on this machine may ask/);
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("mode veto has no opinion on what it would allow", async () => {
  const { url } = await start("--objects", file("veto.jsonl", line("ADDED", pod("a", "one"))));
  expect(await mayRead(url, "one")).toBe(false);
});

test("fed from standard input, for ever: what comes is known, what goes is not", async () => {
  const { child, url } = await start("--objects", "-", "--mode", "full");
  const applied = async (count: number) => {
    for (;;) if ((await send(url, "GET", "/v1/graph")).body["eventsApplied"] === count) return;
  };
  child.stdin.write(line("ADDED", pod("a", "one")));
  await applied(1);
  expect(await mayRead(url, "one")).toBe(true);
  child.stdin.write(line("DELETED", pod("a", "one")));
  await applied(2);
  expect(await mayRead(url, "one")).toBe(false);
});

test.each([
  { args: ["--mode", "full"], says: /--mode full .*--kubeconfig, or --objects/ },
  { args: ["--objects", "a", "--kubeconfig", "b"], says: /--kubeconfig and --objects/ },
  { args: ["--objects", "/nowhere/list.json"], says: /list\.json|ENOENT/ },
  { args: ["--listen", "0.0.0.0:0"], says: /--listen 0\.0\.0\.0:0: .*--client-ca/ },
  { args: ["--allowed-client", "x"], says: /--allowed-client needs --client-ca/ },
  { args: ["--feature-gates", "Unknown=true"], says: /Unknown/ },
  { args: ["--revocations", "/nowhere/list"], says: /--revocations \/nowhere\/list/ },
  { args: ["--tls-key", "x"], says: /--tls-certificate and --tls-key/ },
])("$args is refused in words", async ({ args, says }) => {
  const { code, stdout, stderr } = await runCommand("", ["node-authorizer", ...args]);
  expect(code).not.toBe(0);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^error: /m);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/defect/);
});

test("explain and reach show the way from an object to a node, or what is missing", async () => {
  const objects = file("explain.jsonl", line("ADDED", pod("a", "one")));
  const run = async (...args: string[]) =>
    (await runCommand("", ["node-authorizer", ...args, "--objects", objects])).stdout;
  expect(await run("explain", "--node", "n1", "get", "secret", "shop/one")).toBe(
    "allowed\n  secret shop/one → pod shop/a → node n1\n",
  );
  expect(await run("explain", "--node", "n1", "get", "secret", "shop/two")).toMatch(/^no opinion\n.*\n {2}missing: /);
  expect(await run("reach", "secret", "shop/one")).toMatch(/^n1 +secret shop\/one → pod shop\/a → node n1$/m);
  expect(JSON.parse(await run("reach", "--node", "n1", "-o", "json")).objects).toContainEqual({
    kind: "secret",
    namespace: "shop",
    name: "one",
  });
  expect(await run("drain", "n1")).toMatch(/^lost +secret +shop +one$/m);
});

test("manifests: certificates that verify, secrets that are nobody else's to read, nothing replaced unasked", async () => {
  const output = join(directory, "manifests");
  const args = ["node-authorizer", "manifests", "--output", output, "--url", "https://authorizer.example:9446"];
  expect(await runCommand("", args)).toMatchObject({ code: 0, stderr: "" });
  const path = (name: string) => join(output, name);
  const host = ["-verify_hostname", "authorizer.example", "-purpose", "sslserver"];
  expect(openssl("verify", "-CAfile", path("ca.crt"), ...host, path("serving.crt"))).toMatch(/OK/);
  const kubeconfig = parse(readFileSync(path("authorize.kubeconfig"), "utf8"));
  expect(kubeconfig.clusters[0].cluster.server).toBe("https://authorizer.example:9446/authorize");
  const client = file(
    "client.crt",
    Buffer.from(kubeconfig.users[0].user["client-certificate-data"], "base64").toString(),
  );
  expect(openssl("verify", "-CAfile", path("ca.crt"), "-purpose", "sslclient", client)).toMatch(/OK/);
  for (const name of ["authorize.kubeconfig", "admit.kubeconfig", "serving.key"]) {
    expect(statSync(path(name)).mode & 0o777).toBe(0o600);
  }
  const { authorizers } = parse(readFileSync(path("authorization-configuration.yaml"), "utf8"));
  expect(authorizers.map(({ type }: { type: string }) => type)).toEqual(["Webhook", "Node", "RBAC"]);
  const again = await runCommand("", args);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/has .*ca\.crt.* already\nGive --force/) });
});
