import { createHmac } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity } from "../builders/tls-identity.ts";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;
const directory = temporaryDirectory();
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

function kubelet(gatehouse: GatehouseProcess, nodeName: string): KubeletClient {
  const client = new KubeletClient({
    ...readKubeconfig(gatehouse.bootstrapKubeconfig),
    nodeName,
    rotateCertificates: true,
  });
  opened.push(client);
  return client;
}

function administratorOf(gatehouse: GatehouseProcess): Administrator {
  const administrator = new Administrator(gatehouse.adminKubeconfig);
  opened.push(administrator);
  return administrator;
}

/** What `look` finds, once it finds something. */
async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(50)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`it took too long: ${what}`);
}

interface RecordedDecision {
  readonly outcome: string;
  readonly reason: string;
  readonly message: string;
  readonly trace: readonly { readonly hook: string; readonly kind: string; readonly message: string }[];
}

/** The newest decision on a request, once its outcome is this. */
function decision(administrator: Administrator, name: string, outcome: string): Promise<RecordedDecision> {
  return eventually(`${name} ${outcome}`, async () => {
    const { items } = await administrator.decisions(name);
    const last = items.at(-1) as RecordedDecision | undefined;
    return last?.outcome === outcome ? last : undefined;
  });
}

function program(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return file;
}

/** Decides by the beginning of the node's name. */
const BY_NAME = `#!${process.execPath}
let text = "";
process.stdin.on("data", (chunk) => { text += chunk; }).on("end", () => {
  const { nodeName } = JSON.parse(text);
  if (nodeName.startsWith("good")) console.log(JSON.stringify({ decision: "approve", reason: "Listed", message: "it is listed" }));
  else if (nodeName.startsWith("bad")) console.log(JSON.stringify({ decision: "deny", reason: "Stolen", message: "it was stolen" }));
  else if (nodeName.startsWith("slow")) setTimeout(() => undefined, 1_000_000);
  else if (nodeName.startsWith("broken")) { console.error("no database"); process.exit(7); }
  else process.exit(116);
});
`;

describe("with a script", () => {
  let gatehouse: GatehouseProcess;
  beforeAll(async () => {
    const command = [program("by-name", BY_NAME)];
    const script = { command, timeoutSeconds: 1, name: "by-name" };
    gatehouse = await startGatehouse({ configuration: configurationWith({ approval: { hooks: [{ script }] } }) });
  });
  afterAll(() => gatehouse.remove());

  test("a node it approves joins; one it denies is told why", async () => {
    expect((await kubelet(gatehouse, "good-1").bootstrap()).certificatePem).toContain("BEGIN CERTIFICATE");
    const administrator = administratorOf(gatehouse);
    const { name } = await kubelet(gatehouse, "bad-1").submit();
    const { reason, message } = await decision(administrator, name, "denied");
    expect({ reason, message }).toEqual({ reason: "Stolen", message: "it was stolen" });
    const [condition] = (await administrator.request(name)).status.conditions ?? [];
    expect(condition).toMatchObject({ type: "Denied", reason: "Stolen", message: "it was stolen" });
  });

  test("a node it has no opinion on waits for a person", async () => {
    const administrator = administratorOf(gatehouse);
    const client = kubelet(gatehouse, "other-1");
    const submitted = await client.submit();
    await decision(administrator, submitted.name, "pending");
    await administrator.approve(submitted.name);
    expect((await client.waitFor(submitted)).certificatePem).toContain("BEGIN CERTIFICATE");
  });

  test.each([
    { nodeName: "slow-1", says: "no answer within 1 s" },
    { nodeName: "broken-1", says: "the program ended with exit code 7" },
  ])("$nodeName is not decided by a program that fails: $says", async ({ nodeName, says }) => {
    const administrator = administratorOf(gatehouse);
    const { name } = await kubelet(gatehouse, nodeName).submit();
    const { reason, trace } = await decision(administrator, name, "pending");
    expect(reason).toBe("HookFailed");
    expect(trace.at(-1)).toMatchObject({ hook: "by-name", kind: "failed", message: says });
    // It is asked again, and again it is no answer: one decision is on record.
    await pause(1500);
    const { items } = await administrator.decisions(name);
    expect(items.map(({ outcome }) => outcome)).toEqual(["pending"]);
    expect((await administrator.request(name)).status.conditions ?? []).toEqual([]);
    if (nodeName === "broken-1") expect(gatehouse.log()).toContain("no database");
  });
});

/** Stays, and decides on everything alike. */
const always = (decision: string): string => `#!${process.execPath}
import { createInterface } from "node:readline";
createInterface({ input: process.stdin }).on("line", (line) => {
  console.log(JSON.stringify({ decision: "${decision}", uid: JSON.parse(line).request.uid }));
});
`;

test("a program that stays is replaced when its file changes", async () => {
  const command = [program("changing.mjs", always("deny"))];
  const hooks = [{ script: { command, mode: "server" } }];
  const gatehouse = await startGatehouse({ configuration: configurationWith({ approval: { hooks } }) });
  try {
    const administrator = administratorOf(gatehouse);
    const denied = await kubelet(gatehouse, "worker-1").submit();
    expect(await decision(administrator, denied.name, "denied")).toMatchObject({ reason: "ScriptDenied" });
    program("changing.mjs", always("approve"));
    await eventually("the new program decides", async () => {
      const { name } = await kubelet(gatehouse, "worker-2").submit();
      const [condition] = await eventually(
        "a decision",
        async () => (await administrator.request(name)).status.conditions,
      );
      return condition?.type === "Approved" ? true : undefined;
    });
  } finally {
    await gatehouse.remove();
  }
});

test.each(["SIGTERM", "SIGKILL"] as const)("no program survives the server's %s", async (signal) => {
  const pidFile = join(directory, `pid-${signal}`);
  const command = [
    program(`hangs-${signal}`, `#!/bin/sh\ntrap '' TERM\necho $$ > ${pidFile}\nwhile :; do sleep 1; done\n`),
  ];
  const hooks = [{ script: { command, timeoutSeconds: 300 } }];
  const gatehouse = await startGatehouse({ configuration: configurationWith({ approval: { hooks } }) });
  try {
    await kubelet(gatehouse, "worker-1").submit();
    const pid = await eventually("the program runs", async () =>
      existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) || undefined : undefined,
    );
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    await gatehouse.stop(signal);
    await eventually("the program is gone", async () => (existsSync(`/proc/${pid}`) ? undefined : true));
  } finally {
    await gatehouse.remove();
  }
});

test("a program that cannot be run stops the start, which says what to do", async () => {
  const hooks = [{ script: { command: ["/no/such/program"] } }];
  await expect(startGatehouse({ configuration: configurationWith({ approval: { hooks } }) })).rejects.toThrow(
    "/no/such/program cannot be used (ENOENT); correct the path",
  );
});

const SECRET = "a secret of more than sixteen bytes";

/** A service on a port of its own that checks signatures as the documentation says, and decides by name. */
function serviceOf(tls: { cert: string; key: string }): Server {
  return createServer(tls, (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      const body = Buffer.concat(chunks);
      const { "gatehouse-timestamp": timestamp, "gatehouse-signature": signature } = request.headers;
      const expected = createHmac("sha256", SECRET)
        .update(`v1:${String(timestamp)}:`)
        .update(body)
        .digest("hex");
      const { nodeName } = JSON.parse(body.toString()) as { nodeName: string };
      const decision = nodeName.startsWith("good") ? "approve" : "deny";
      if (signature !== `v1=${expected}`) response.writeHead(401).end();
      else response.end(JSON.stringify({ decision }));
    });
  });
}

test("a webhook decides; while it is away requests wait, and nothing is approved", async () => {
  const tls = await buildTlsIdentity();
  writeFileSync(join(directory, "ca.crt"), tls.caPem);
  writeFileSync(join(directory, "secret"), SECRET, { mode: 0o600 });
  const pair = { cert: tls.serving.certificatePem, key: tls.serving.privateKeyPem };
  let service = serviceOf(pair).listen(0, "127.0.0.1");
  await once(service, "listening");
  const { port } = service.address() as AddressInfo;
  const webhook = {
    url: `https://127.0.0.1:${port}/`,
    certificateAuthorityFile: join(directory, "ca.crt"),
    hmac: { secretFile: join(directory, "secret") },
    retries: 0,
    circuitBreaker: { failures: 2, openSeconds: 0.5 },
  };
  const gatehouse = await startGatehouse({ configuration: configurationWith({ approval: { hooks: [{ webhook }] } }) });
  try {
    const administrator = administratorOf(gatehouse);
    expect((await kubelet(gatehouse, "good-1").bootstrap()).certificatePem).toContain("BEGIN CERTIFICATE");
    const denied = await kubelet(gatehouse, "bad-1").submit();
    expect(await decision(administrator, denied.name, "denied")).toMatchObject({ reason: "WebhookDenied" });

    service.closeAllConnections();
    service.close();
    const waiting = kubelet(gatehouse, "good-2");
    const submitted = await waiting.submit();
    expect(await decision(administrator, submitted.name, "pending")).toMatchObject({ reason: "HookFailed" });
    await eventually("the breaker opens", async () => (gatehouse.log().includes('"state":"open"') ? true : undefined));
    expect((await administrator.request(submitted.name)).status.conditions ?? []).toEqual([]);

    service = serviceOf(pair).listen(port, "127.0.0.1");
    await once(service, "listening");
    expect((await waiting.waitFor(submitted)).certificatePem).toContain("BEGIN CERTIFICATE");
    expect(gatehouse.log()).not.toContain(SECRET);
  } finally {
    service.closeAllConnections();
    service.close();
    await gatehouse.remove();
  }
});
