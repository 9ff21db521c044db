import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { issuerRecord } from "../builders/records.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { startAdminServer } from "./admin-server.ts";
import { gatehouse, kubeconfigText } from "./fixture.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.tokens.records.length = 0;
  server.tokens.created.length = 0;
});

test("create prints the token alone, and the rest on standard error", async () => {
  expect(await server.command(["token", "create"])).toEqual({
    code: 0,
    stdout: "aaaaa0.0123456789abcdef\n",
    stderr: "Token aaaaa0 is for any node and expires 2026-01-03T03:04:05Z. It is not shown again.\n",
  });
});

test("create passes everything on", async () => {
  const groups = ["--group", "system:bootstrappers:b", "--group", "system:bootstrappers:a"];
  const args = ["token", "create", "--node", "n1", "--ttl", "1h30m", ...groups, "--description", "rack 4"];
  const { stderr } = await server.command(args);
  expect(stderr).toBe("Token aaaaa0 is for node n1 only and expires 2026-01-02T04:34:05Z. It is not shown again.\n");
  expect(server.tokens.created).toEqual([
    {
      options: {
        nodeName: "n1",
        ttlSeconds: 5400,
        groups: ["system:bootstrappers:a", "system:bootstrappers:b"],
        description: "rack 4",
      },
      createdBy: "alice",
    },
  ]);
});

test("create --never-expires says so", async () => {
  const { stderr } = await server.command(["token", "create", "--never-expires"]);
  expect(stderr).toBe("Token aaaaa0 is for any node and never expires. It is not shown again.\n");
  expect(server.tokens.created[0]?.options.ttlSeconds).toBeUndefined();
});

test.each([
  {
    args: ["--never-expires", "--ttl", "1h"],
    stderr: "error: --never-expires contradicts --ttl\nGive one of the two.\n",
  },
  {
    args: ["--print-kubeconfig", "-o", "json"],
    stderr: "error: --print-kubeconfig contradicts -o json\nA kubeconfig is YAML; leave -o out.\n",
  },
])("create $args is a usage error and makes nothing", async ({ args, stderr }) => {
  expect(await server.command(["token", "create", ...args])).toEqual({ code: 2, stdout: "", stderr });
  expect(server.tokens.created).toEqual([]);
});

test("create tells the server's refusal", async () => {
  const { code, stderr } = await server.command(["token", "create", "--ttl", "366d"]);
  expect(code).toBe(1);
  expect(stderr).toBe(
    "error: BootstrapToken is invalid: ttlSeconds: 31622400 must be a whole number of seconds from 60 to 31536000 (365 days)\n",
  );
});

test("create -o json shows the object with its token", async () => {
  const { stdout } = await server.command(["token", "create", "-o", "json"]);
  expect(JSON.parse(stdout)).toMatchObject({ kind: "BootstrapToken", id: "aaaaa0", token: "aaaaa0.0123456789abcdef" });
});

const bootstrap = (url: string, ca: string) => ({
  apiVersion: "v1",
  kind: "Config",
  clusters: [
    { name: "gatehouse", cluster: { server: url, "certificate-authority-data": Buffer.from(ca).toString("base64") } },
  ],
  users: [{ name: "kubelet-bootstrap", user: { token: "aaaaa0.0123456789abcdef" } }],
  contexts: [{ name: "gatehouse", context: { cluster: "gatehouse", user: "kubelet-bootstrap" } }],
  "current-context": "gatehouse",
});

test("create --print-kubeconfig prints what a kubelet needs", async () => {
  const { code, stdout } = await server.command(["token", "create", "--print-kubeconfig"]);
  expect(code).toBe(0);
  expect(parse(stdout)).toEqual(bootstrap(server.url, server.caPem));
});

test("create --print-kubeconfig takes the server's trust bundle where the kubeconfig names no CA", async () => {
  server.issuers.records.push(issuerRecord());
  const path = join(temporaryDirectory(), "kubeconfig");
  const cluster = { "insecure-skip-tls-verify": true };
  writeFileSync(path, kubeconfigText({ server: server.url, cluster }));
  const { stdout } = await gatehouse(["token", "create", "--print-kubeconfig", "--kubeconfig", path]);
  expect(parse(stdout)).toEqual(bootstrap(server.url, issuerRecord().certificatePem));
});

test("list shows a table that marks what expired", async () => {
  await server.command(["token", "create", "--node", "n1", "--description", "rack 4"]);
  await server.command(["token", "create", "--never-expires", "--group", "system:bootstrappers:a"]);
  const old = server.tokens.records[0];
  if (old !== undefined)
    server.tokens.records.push({
      ...old,
      id: "zzzzzz",
      expiresAt: new Date("2026-01-02T03:04:05Z"),
      usages: ["authentication", "signing"],
    });
  expect(await server.command(["token", "list"])).toEqual({
    code: 0,
    stdout: [
      "ID       NODE    EXPIRES                          USAGES                   GROUPS                   CREATED BY   DESCRIPTION",
      "aaaaa0   n1      2026-01-03T03:04:05Z             authentication           <none>                   alice        rack 4",
      "aaaaa1   <any>   never                            authentication           system:bootstrappers:a   alice",
      "zzzzzz   n1      2026-01-02T03:04:05Z (expired)   authentication,signing   <none>                   alice        rack 4",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("list without tokens says so on standard error", async () => {
  expect(await server.command(["token", "list"])).toEqual({ code: 0, stdout: "", stderr: "No bootstrap tokens.\n" });
});

test.each(["aaaaa0", "aaaaa0.0123456789abcdef"])("delete %s takes the token back", async (name) => {
  await server.command(["token", "create"]);
  expect(await server.command(["token", "delete", name])).toEqual({
    code: 0,
    stdout: "token aaaaa0 deleted\n",
    stderr: "",
  });
  expect(server.tokens.records).toEqual([]);
  expect(await server.command(["token", "delete", name])).toEqual({
    code: 1,
    stdout: "",
    stderr: "error: no bootstrap token aaaaa0 exists; /v1/bootstrap-tokens lists them\n",
  });
});
