import { createHmac } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { expirySchema } from "../../../../services/certificate-authority/rotation/expiry/settings.ts";
import { createTarget } from "../../../../services/certificate-authority/rotation/expiry/targets.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../../builders/tls-identity.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { serviceWith } from "../../approval/hooks/webhook-fixture.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const directory = temporaryDirectory();
const secretFile = join(directory, "secret");
const certificateAuthorityFile = join(directory, "ca.crt");
const NEVER = new AbortController().signal;

let tls: TlsIdentity;
let serving: { cert: string; key: string };
beforeAll(async () => {
  tls = await buildTlsIdentity();
  serving = { cert: tls.serving.certificatePem, key: tls.serving.privateKeyPem };
  writeFileSync(certificateAuthorityFile, tls.caPem);
  writeFileSync(secretFile, SECRET, { mode: 0o600 });
});

function targetOf(settings: object) {
  const [parsed] = expirySchema.parse({ notifications: [{ name: "pager", ...settings }] }).notifications;
  if (parsed === undefined) throw new Error("there is one");
  const { logger, lines } = recordingLogger();
  return { ...createTarget(parsed, logger), lines };
}

function program(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, `#!${process.execPath}\n${text}`);
  chmodSync(file, 0o755);
  return file;
}

test.each([200, 202, 204])("a service that answers %d has been told, in words it can check", async (status) => {
  const { url, asked } = await serviceWith((_body, response) => response.writeHead(status).end(), serving);
  const target = targetOf({ webhook: { url, certificateAuthorityFile, hmac: { secretFile } } });
  await target.tell('{"items":[]}', NEVER);
  const { headers } = asked[0]?.request ?? {};
  const timestamp = String(headers?.["gatehouse-timestamp"]);
  const hmac = createHmac("sha256", SECRET).update(`v1:${timestamp}:{"items":[]}`).digest("hex");
  expect(headers?.["gatehouse-signature"]).toBe(`v1=${hmac}`);
  await target.close();
});

test.each([500, 404, 302])("a service that answers %d has not been told", async (status) => {
  const { url } = await serviceWith((_body, response) => response.writeHead(status).end(), serving);
  const target = targetOf({ webhook: { url, certificateAuthorityFile, hmac: { secretFile } } });
  await expect(target.tell("{}", NEVER)).rejects.toThrow(String(status));
  await target.close();
});

test("a service that does not answer in time, or by somebody else's certificate, has not been told", async () => {
  const { url } = await serviceWith(() => undefined, serving);
  const slow = targetOf({ timeoutSeconds: 0.1, webhook: { url, certificateAuthorityFile, hmac: { secretFile } } });
  await expect(slow.tell("{}", NEVER)).rejects.toThrow("did not answer");
  await slow.close();
  const stranger = await buildTlsIdentity();
  writeFileSync(join(directory, "stranger.crt"), stranger.caPem);
  const files = { certificateAuthorityFile: join(directory, "stranger.crt"), hmac: { secretFile } };
  const wrong = targetOf({ webhook: { url, ...files } });
  await expect(wrong.tell("{}", NEVER)).rejects.toThrow();
  await wrong.close();
});

test("a program is run with its arguments as they stand, without a shell, the message on its standard input", async () => {
  const told = join(directory, "told");
  const text = `
    let text = "";
    process.stdin.on("data", (chunk) => { text += chunk; }).on("end", () => {
      require("node:fs").writeFileSync(process.argv[2], JSON.stringify({ text, args: process.argv.slice(3), env: Object.keys(process.env) }));
    });`;
  const target = targetOf({ script: { command: [program("tell.cjs", text), told, "$(touch pwned); echo", "a b"] } });
  await target.tell('{"items":[1]}', NEVER);
  const said = JSON.parse(readFileSync(told, "utf8"));
  expect(said).toMatchObject({ text: '{"items":[1]}\n', args: ["$(touch pwned); echo", "a b"], env: ["PATH"] });
  expect(existsSync(join(directory, "pwned"))).toBe(false);
  await target.close();
});

test("a program that fails, or does not end in time, has not been told", async () => {
  const failing = targetOf({ script: { command: [program("fail.cjs", "process.exit(3)")] } });
  await expect(failing.tell("{}", NEVER)).rejects.toThrow("ended with 3");
  await failing.close();
  const hanging = program("hang.cjs", "setInterval(() => undefined, 1000)");
  const slow = targetOf({ timeoutSeconds: 0.5, script: { command: [hanging] } });
  await expect(slow.tell("{}", NEVER)).rejects.toThrow("did not end within 0.5 s");
  await slow.close();
});

test("what cannot be used is named with its target", () => {
  expect(() => targetOf({ script: { command: ["/nowhere/tell"] } })).toThrow(
    "expiry.notifications, pager: script.command",
  );
});

test.each([
  { name: "neither kind", settings: {}, says: "needs webhook or script" },
  {
    name: "both kinds",
    settings: { script: { command: ["/a"] }, webhook: { url: "https://a", allowUnauthenticated: true } },
    says: "one of them",
  },
  {
    name: "a service that cannot know us",
    settings: { webhook: { url: "https://a.example" } },
    says: "allowUnauthenticated",
  },
  {
    name: "a service without TLS",
    settings: { webhook: { url: "http://a.example", hmac: { secretFile: "a" } } },
    says: "https",
  },
  {
    name: "a setting of approval only",
    settings: { webhook: { url: "https://a", format: "opa", allowUnauthenticated: true } },
    says: "format",
  },
])("a target with $name is refused", ({ settings, says }) => {
  const parsed = expirySchema.safeParse({ notifications: [{ name: "pager", ...settings }] });
  expect(parsed.success).toBe(false);
  expect(parsed.error?.message).toContain(says);
});

test("settings are the same when they are read once more, as they are with the command line laid over them", () => {
  const script = { name: "mail", script: { command: ["/a"] } };
  const webhook = { name: "pager", webhook: { url: "https://a.example", hmac: { secretFile: "a" } } };
  const once = expirySchema.parse({ notifications: [script, webhook] });
  expect(expirySchema.parse(once)).toEqual(once);
});

test("two targets of one name are refused", () => {
  const target = { name: "pager", script: { command: ["/a"] } };
  expect(expirySchema.safeParse({ notifications: [target, target] }).error?.message).toContain("same name");
});
