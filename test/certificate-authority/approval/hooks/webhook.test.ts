import { createHmac } from "node:crypto";
import { chmodSync, renameSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { beforeAll, expect, test } from "@jest/globals";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../../builders/tls-identity.ts";
import { INPUT } from "./script-fixture.ts";
import { type Asked, always, serviceWith, webhookFor } from "./webhook-fixture.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const directory = temporaryDirectory();
const place = (name: string): string => join(directory, name);
const FILES = {
  certificateAuthorityFile: place("ca.crt"),
  hmac: { secretFile: place("secret") },
};
/** One try, so that a failure is told at once. */
const ONCE = { ...FILES, retries: 0 };

function writeSecret(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 });
}

let tls: TlsIdentity;
let serving: { cert: string; key: string };
beforeAll(async () => {
  tls = await buildTlsIdentity();
  serving = { cert: tls.serving.certificatePem, key: tls.serving.privateKeyPem };
  writeFileSync(FILES.certificateAuthorityFile, tls.caPem);
  writeSecret(FILES.hmac.secretFile, `${SECRET}\n`);
  writeFileSync(place("client.crt"), tls.client.certificatePem);
  writeSecret(place("client.key"), tls.client.privateKeyPem);
});

test.each([
  { decision: "approve", kind: "approved", reason: "WebhookApproved" },
  { decision: "deny", kind: "denied", reason: "WebhookDenied" },
  { decision: "noOpinion", kind: "noOpinion", reason: "WebhookNoOpinion" },
  { decision: "skip", kind: "skipped", reason: "WebhookSkipped" },
])("a service answers $decision", async ({ decision, kind, reason }) => {
  const { url, asked } = await serviceWith(
    always({ decision, message: "as the list says", evidence: { row: 3 } }),
    serving,
  );
  const verdict = await webhookFor({ settings: { ...FILES, url } }).ask();
  expect(verdict).toEqual({ kind, reason, message: "as the list says", evidence: { row: 3 } });
  expect(JSON.parse(asked[0]?.body ?? "")).toEqual(await INPUT.document());
  expect(asked[0]?.request).toMatchObject({ method: "POST", url: "/review" });
  expect(asked[0]?.request.headers).toMatchObject({ "content-type": "application/json" });
});

test.each([
  { name: "garbage", answer: "yes", says: "the answer is not valid JSON" },
  { name: "nothing", answer: "", says: "the answer is not valid JSON" },
  { name: "a partial answer", answer: '{"decision":"approve"', says: "the answer is not valid JSON" },
  { name: "an unknown decision", answer: { decision: "yes" }, says: "the answer's decision is not as it should be" },
  { name: "an unknown key", answer: { decision: "approve", allowed: true }, says: "keys that mean nothing" },
  { name: "another request's answer", answer: { decision: "approve", uid: "other" }, says: "the answer's uid" },
  {
    name: "too much",
    answer: { decision: "approve", message: "x".repeat(70_000) },
    says: "answered more than 65536 bytes",
  },
])("$name is no answer", async ({ answer, says }) => {
  const { url, asked } = await serviceWith(always(answer), serving);
  await expect(webhookFor({ settings: { ...FILES, url } }).ask()).rejects.toThrow(says);
  // Asking again would not make it better.
  expect(asked).toHaveLength(1);
});

test.each<{ name: string; says: string; answer: (asked: Asked, response: ServerResponse) => void }>([
  {
    name: "no UTF-8",
    says: "the answer is not UTF-8",
    answer: (_, response) => response.end(Buffer.from([0x22, 0xff, 0x22])),
  },
  {
    name: "a redirect",
    says: "answered HTTP 302",
    answer: (_, response) => response.writeHead(302, { location: "/other" }).end(),
  },
  {
    name: "an answer of status 404",
    says: "answered HTTP 404",
    answer: (_, response) => response.writeHead(404).end('{"decision":"approve"}'),
  },
  { name: "a connection that breaks off", says: "gave no answer", answer: (_, response) => response.destroy() },
  {
    name: "an answer that breaks off",
    says: "gave no answer",
    answer: (_, response) => {
      response.writeHead(200, { "content-length": "100" }).write('{"decision":"approve"}');
      setTimeout(() => response.destroy(), 10);
    },
  },
])("$name is no answer either", async ({ answer, says }) => {
  const { url, asked } = await serviceWith(answer, serving);
  await expect(webhookFor({ settings: { ...ONCE, url } }).ask()).rejects.toThrow(says);
  expect(asked).toHaveLength(1);
});

test.each<{ name: string; answer: (asked: Asked, response: ServerResponse) => void }>([
  { name: "never", answer: () => undefined },
  {
    name: "byte by byte",
    answer: (_, response) => {
      const drip = setInterval(() => response.write(" "), 50);
      response.once("close", () => clearInterval(drip));
    },
  },
])("a service that answers $name is given up at the time limit", async ({ answer }) => {
  const { url } = await serviceWith(answer, serving);
  const { ask, hook } = webhookFor({ settings: { ...FILES, url }, timeoutSeconds: 0.3 });
  await expect(ask()).rejects.toThrow("no answer within 0.3 s");
  await hook.close?.(false);
});

test("a service whose certificate is from somebody else is told nothing", async () => {
  const { url, asked } = await serviceWith(always({ decision: "approve" }), serving);
  const { hmac } = FILES;
  await expect(webhookFor({ settings: { hmac, retries: 0, url } }).ask()).rejects.toThrow(/certificate/);
  const other = url.replace("127.0.0.1", "localhost");
  await expect(webhookFor({ settings: { ...ONCE, url: other } }).ask()).rejects.toThrow(/altnames|ECONNREFUSED/);
  expect(asked).toEqual([]);
});

test("a service that speaks no TLS is told nothing", async () => {
  const { url, asked } = await serviceWith(always({ decision: "approve" }), undefined);
  const settings = { ...ONCE, url: url.replace("http:", "https:") };
  await expect(webhookFor({ settings }).ask()).rejects.toThrow("the webhook gave no answer");
  expect(asked).toEqual([]);
});

test("a client certificate is shown to who asks for it", async () => {
  const mutual = { ...serving, ca: tls.caPem, requestCert: true, rejectUnauthorized: true };
  const { url, asked } = await serviceWith(always({ decision: "skip" }), mutual);
  const { certificateAuthorityFile } = FILES;
  const client = { clientCertificateFile: place("client.crt"), clientKeyFile: place("client.key") };
  expect(await webhookFor({ settings: { certificateAuthorityFile, ...client, url } }).ask()).toMatchObject({
    kind: "skipped",
  });
  const shown = asked.map(({ request }) => (request.socket as TLSSocket).getPeerCertificate().subject.CN);
  expect(shown).toEqual(["client"]);
  await expect(webhookFor({ settings: { ...ONCE, url } }).ask()).rejects.toThrow("the webhook gave no answer");
});

/** As a receiver that was written from the documentation would compute it. */
const hmac = (secret: string, text: string): string => `v1=${createHmac("sha256", secret).update(text).digest("hex")}`;

test("messages are signed with the time and the body, with the secret as the file has it now", async () => {
  let now = 0;
  const { url, asked } = await serviceWith(always({ decision: "noOpinion" }), serving);
  const secretFile = place("changing");
  writeSecret(secretFile, SECRET);
  const { ask, lines } = webhookFor({ settings: { ...FILES, hmac: { secretFile }, url }, monotonicNow: () => now });
  const signedWith = async (secret: string): Promise<void> => {
    await ask();
    const { request, body } = asked.at(-1) ?? { request: undefined, body: "" };
    const timestamp = Number(request?.headers["gatehouse-timestamp"]);
    expect(Math.abs(timestamp - Date.now() / 1000)).toBeLessThan(300);
    expect(request?.headers["gatehouse-signature"]).toBe(hmac(secret, `v1:${timestamp}:${body}`));
  };
  await signedWith(SECRET);
  writeSecret(`${secretFile}.new`, "another secret that is long");
  renameSync(`${secretFile}.new`, secretFile);
  now = 1000;
  await signedWith("another secret that is long");
  writeSecret(secretFile, "short");
  now = 2000;
  await signedWith("another secret that is long");
  now = 3000;
  await signedWith("another secret that is long");
  expect(lines.filter(({ level }) => level === "error")).toMatchObject([
    { problem: expect.stringContaining("less than 16 bytes") },
  ]);
  expect(JSON.stringify(lines)).not.toContain("another secret");
});

test("where answers have to be signed, those that are not, or for another message, are none", async () => {
  const body = '{"decision":"approve"}';
  let signature = (own: string): string | undefined => hmac(SECRET, `v1-answer:${own}:${body}`);
  const { url } = await serviceWith(({ request }, response) => {
    const signed = signature(String(request.headers["gatehouse-signature"]));
    if (signed !== undefined) response.setHeader("Gatehouse-Signature", signed);
    response.end(body);
  }, serving);
  const settings = { ...ONCE, hmac: { secretEnvironment: "SECRET", verifyAnswers: true }, url };
  const { ask } = webhookFor({ settings, environment: { SECRET } });
  expect(await ask()).toMatchObject({ kind: "approved" });
  for (const wrong of [
    () => undefined,
    () => "",
    () => hmac(SECRET, `v1-answer:v1=00:${body}`),
    (own: string) => own,
  ]) {
    signature = wrong;
    await expect(ask()).rejects.toThrow("the answer is not signed as it should be");
  }
});

test("headers come from the settings, files and the environment", async () => {
  const { url, asked } = await serviceWith(always({ decision: "noOpinion" }), serving);
  writeSecret(place("token"), "Bearer sesame\n");
  const headers = { "X-Team": "infra", Authorization: { file: place("token") }, "X-Key": { environment: "KEY" } };
  await webhookFor({ settings: { ...FILES, headers, url }, environment: { KEY: "k" } }).ask();
  expect(asked[0]?.request.headers).toMatchObject({ "x-team": "infra", authorization: "Bearer sesame", "x-key": "k" });
});

test("a service that is overloaded or away for a moment is asked again", async () => {
  const states = [503, 429, 200];
  const { url, asked } = await serviceWith(
    (_, response) => response.writeHead(states[asked.length - 1] ?? 500).end('{"decision":"approve"}'),
    serving,
  );
  expect(await webhookFor({ settings: { ...FILES, url } }).ask()).toMatchObject({ kind: "approved" });
  expect(asked).toHaveLength(3);
  await expect(webhookFor({ settings: { ...ONCE, url } }).ask()).rejects.toThrow("answered HTTP 500");
});

test("a service that fails again and again is left alone for some time, and then tried once", async () => {
  let now = 0;
  let status = 500;
  const { url, asked } = await serviceWith(
    (_, response) => response.writeHead(status).end('{"decision":"approve"}'),
    serving,
  );
  const circuitBreaker = { failures: 3, openSeconds: 30 };
  const { ask, lines } = webhookFor({ settings: { ...ONCE, circuitBreaker, url }, monotonicNow: () => now });
  for (let count = 0; count < 3; count += 1) await expect(ask()).rejects.toThrow("answered HTTP 500");
  for (let count = 0; count < 5; count += 1)
    await expect(ask()).rejects.toThrow("not asked for up to 30 s, since it failed 3 times in a row");
  expect(asked).toHaveLength(3);
  now = 30_000;
  const tried = await Promise.allSettled([ask(), ask(), ask()]);
  expect(tried.map((each) => each.status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(asked).toHaveLength(4);
  status = 200;
  now = 59_999;
  await expect(ask()).rejects.toThrow("not asked");
  now = 60_000;
  expect(await ask()).toMatchObject({ kind: "approved" });
  expect((await Promise.all([ask(), ask()])).map(({ kind }) => kind)).toEqual(["approved", "approved"]);
  expect(lines.filter(({ state }) => state !== undefined).map(({ state }) => state)).toEqual(["open", "closed"]);
});

test("requests that are withdrawn while it is asked do not speak against a service", async () => {
  const isSilent = { yes: true };
  const { url, asked } = await serviceWith((one, response) => {
    if (!isSilent.yes) always({ decision: "approve" })(one, response);
  }, serving);
  const settings = { ...ONCE, url, circuitBreaker: { failures: 1, openSeconds: 30 } };
  const { ask, lines } = webhookFor({ settings });
  for (const count of [1, 2]) {
    const interest: { isLost: boolean; onLost: (() => void) | undefined } = { isLost: false, onLost: undefined };
    const answer = ask({ ...INPUT, interest });
    while (asked.length < count) await pause(5);
    interest.onLost?.();
    await expect(answer).rejects.toThrow("the request was settled");
  }
  isSilent.yes = false;
  expect(await ask()).toMatchObject({ kind: "approved" });
  expect(lines.filter(({ level }) => level === "warn")).toEqual([]);
});

test("no more requests are under way than configured", async () => {
  let under = 0;
  let most = 0;
  const { url } = await serviceWith((_, response) => {
    under += 1;
    most = Math.max(most, under);
    setTimeout(() => {
      under -= 1;
      response.end('{"decision":"noOpinion"}');
    }, 10);
  }, serving);
  const { ask } = webhookFor({ settings: { ...FILES, url }, concurrency: 3 });
  expect(await Promise.all(Array.from({ length: 20 }, () => ask()))).toHaveLength(20);
  expect(most).toBe(3);
});

test("http is for loopback, where it was chosen, and says so", async () => {
  const { url } = await serviceWith(always({ decision: "deny" }), undefined);
  const settings = { url, allowPlainHttp: true, allowUnauthenticated: true };
  const { ask, lines } = webhookFor({ settings });
  expect(await ask()).toMatchObject({ kind: "denied" });
  const warned = lines.filter(({ level }) => level === "warn").map(({ msg }) => msg);
  expect(warned).toEqual([
    expect.stringContaining("in the clear"),
    expect.stringContaining("whoever has the port decides"),
    expect.stringContaining("allowUnauthenticated is set"),
  ]);
});

test.each([
  {
    name: "a CA file",
    settings: { certificateAuthorityFile: "/no/ca" },
    says: "webhook.certificateAuthorityFile: cannot read /no/ca (ENOENT)",
  },
  {
    name: "a secret",
    settings: { hmac: { secretEnvironment: "ABSENT" } },
    says: "the environment has no variable ABSENT",
  },
  {
    name: "a header",
    settings: { headers: { Authorization: { environment: "ABSENT" } } },
    says: "headers.Authorization",
  },
  {
    name: "a key that is the certificate's",
    settings: () => ({ clientCertificateFile: place("client.crt"), clientKeyFile: place("other.key") }),
    says: "the key is not the certificate's",
  },
])("without $name it is refused at start", ({ settings, says }) => {
  writeSecret(place("other.key"), tls.serving.privateKeyPem);
  const given = typeof settings === "function" ? settings() : settings;
  expect(() => webhookFor({ settings: { ...FILES, ...given, url: "https://127.0.0.1/" } })).toThrow(says);
});

test.each(["secret", "key", "header"])("a %s that everybody may read stops the start until it is closed", (kind) => {
  const open = place(`open-${kind}`);
  writeFileSync(open, kind === "key" ? tls.client.privateKeyPem : SECRET, { mode: 0o644 });
  const settings = {
    secret: { hmac: { secretFile: open } },
    key: { clientCertificateFile: place("client.crt"), clientKeyFile: open },
    header: { headers: { Authorization: { file: open } } },
  }[kind];
  const make = () => webhookFor({ settings: { ...FILES, ...settings, url: "https://127.0.0.1/" } });
  expect(make).toThrow(`chmod 600 ${open}`);
  chmodSync(open, 0o600);
  expect(make).not.toThrow();
});
