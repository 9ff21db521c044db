import { X509Certificate } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { CertificateSigningRequest } from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import { buildCsr } from "../builders/csr.ts";
import { kubeconfigText } from "../builders/kubeconfig.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity } from "../builders/tls-identity.ts";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { ControlledCluster } from "./support/controlled-cluster.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { findControlPlane } from "./support/real-apiserver.ts";
import { type Refusal, UnreliableProxy, type Upstream } from "./support/unreliable-proxy.ts";

jest.setTimeout(240_000);

const programs = findControlPlane();
/** A machine without a control plane has nothing to show here; its run says so as skipped tests. */
const describeIfFound = programs === undefined ? describe.skip : describe;

const SHIFT_CLOCK = new URL("./support/shift-clock.ts", import.meta.url).pathname;
const START_LIMIT_MILLISECONDS = 120_000;
/** Longer than the longest pause between two tries. */
const WAIT_LIMIT_MILLISECONDS = 60_000;
const SKEW_SECONDS = 600;
/** What certificates are backdated by. */
const BACKDATE_SECONDS = 300;
const ROBOTS = { name: "robots", when: "subject.commonName.startsWith('robot-')", approve: "true" };
const APPROVAL = { hooks: [{ policy: { rules: [ROBOTS] } }] };
const USAGES = ["digital signature", "client auth"];

/** An API server that can be restarted, and what a controller is configured with to work for it. */
interface Scene {
  readonly settings: object;
  readonly signerName: string;
  upstream(): Upstream;
  restart(): Promise<void>;
  create(name: string, spec: CertificateSigningRequest["spec"]): Promise<unknown>;
  request(name: string): Promise<CertificateSigningRequest>;
  stop(): Promise<void>;
}

const SERVICE = "example.com/service";

/** `gatehouse serve`, which leaves requests of a signer alone that it does not know. */
async function standalone(): Promise<Scene> {
  let server = await startGatehouse({ startLimitMilliseconds: START_LIMIT_MILLISECONDS });
  let people = new Administrator(server.adminKubeconfig);
  const profile = { subject: { commonName: ["*"] }, usages: { allowed: USAGES } };
  return {
    signerName: SERVICE,
    settings: {
      issuers: [{ name: "services", commonName: "services" }],
      signers: [{ signerName: SERVICE, issuer: "services", profile }],
      // The standalone server has no Leases.
      cluster: { signers: [SERVICE], leaderElection: { enabled: false } },
    },
    upstream: () => readKubeconfig(server.adminKubeconfig),
    async restart() {
      const { dataDirectory } = server;
      people.close();
      await server.stop();
      server = await startGatehouse({ dataDirectory, startLimitMilliseconds: START_LIMIT_MILLISECONDS });
      people = new Administrator(server.adminKubeconfig);
    },
    create: (name, spec) => people.submit({ metadata: { name }, spec }),
    request: (name) => people.request(name),
    async stop() {
      people.close();
      await server.remove();
    },
  };
}

async function realApiserver(directory: string): Promise<Scene> {
  if (programs === undefined) throw new Error("no control plane");
  const cluster = await ControlledCluster.start(directory, programs);
  const { certificateFile, keyFile } = cluster.authority;
  return {
    signerName: "kubernetes.io/kube-apiserver-client",
    settings: {
      issuer: { import: { certificateFile, keyFile } },
      // Longer than a kube-apiserver takes to start on a busy machine: a term that runs out ends the process.
      cluster: { leaderElection: { leaseDurationSeconds: 90, renewDeadlineSeconds: 80, retryPeriodSeconds: 0.3 } },
    },
    upstream: () => readKubeconfig(cluster.controllerKubeconfig),
    restart: () => cluster.apiserver.restart(),
    create: (name, spec) => cluster.create(name, spec),
    request: (name) => cluster.request(name),
    stop: () => cluster.stop(),
  };
}

describe("gatehouse controller with gatehouse serve that fails", () => survives(standalone));

describeIfFound("gatehouse controller with a real kube-apiserver that fails", () =>
  survives(() => realApiserver(temporaryDirectory())),
);

function survives(open: () => Promise<Scene>): void {
  const directory = temporaryDirectory();
  const tokenFile = join(directory, "token");
  const clockFile = join(directory, "clock");
  const names: string[] = [];
  let scene: Scene;
  let proxy: UnreliableProxy;
  let controller: GatehouseProcess;

  beforeAll(async () => {
    const identity = await buildTlsIdentity();
    scene = await open();
    proxy = new UnreliableProxy(identity);
    const url = await proxy.listen();
    proxy.lead(scene.upstream());
    writeFileSync(tokenFile, proxy.token);
    writeFileSync(clockFile, "0");
    const kubeconfig = join(directory, "controller.kubeconfig");
    writeFileSync(kubeconfig, kubeconfigText(url, identity.caPem, { tokenFile }));
    controller = await startGatehouse({
      command: ["controller", "--kubeconfig", kubeconfig],
      configuration: configurationWith({ approval: APPROVAL, ...scene.settings }),
      dataDirectory: mkdtempSync(join(directory, "controller-")),
      environment: { NODE_OPTIONS: `--import ${SHIFT_CLOCK}`, CLOCK_SHIFT_FILE: clockFile },
      startLimitMilliseconds: START_LIMIT_MILLISECONDS,
    });
  });
  afterAll(async () => {
    await controller?.remove();
    await proxy?.close();
    await scene?.stop();
  });

  /** Asks for a certificate that the chain approves. */
  async function submit(): Promise<string> {
    const name = `robot-${names.length}`;
    names.push(name);
    const request = buildCsr({ commonName: name, organizations: [] }).requestBase64;
    await scene.create(name, { request, signerName: scene.signerName, usages: USAGES });
    return name;
  }

  async function certificateOf(name: string): Promise<X509Certificate> {
    const end = Date.now() + WAIT_LIMIT_MILLISECONDS;
    for (;;) {
      const { status } = await scene.request(name);
      if (status.certificate) return new X509Certificate(Buffer.from(status.certificate, "base64"));
      if (controller.hasEnded() || Date.now() > end)
        throw new Error(`waited in vain for ${name}; the controller logged:\n${controller.log()}`);
      await pause(50);
    }
  }

  async function hasCertificate(name: string): Promise<boolean> {
    return Boolean((await scene.request(name)).status.certificate);
  }

  test("connections that are cut again and again lose no request", async () => {
    const cutting = setInterval(() => proxy.cut(), 150);
    try {
      for (let count = 0; count < 40; count += 1) {
        await submit();
        await pause(50);
      }
    } finally {
      clearInterval(cutting);
    }
    for (const name of names) await certificateOf(name);
  });

  test("an API server that is restarted is worked for again", async () => {
    const before = await submit();
    await scene.restart();
    proxy.lead(scene.upstream());
    const after = await submit();
    await certificateOf(before);
    await certificateOf(after);
  });

  let calls = 0;
  const everySecond = (): Refusal | undefined => {
    calls += 1;
    return calls % 2 === 0 ? { status: 500 } : undefined;
  };
  test.each<{ name: string; storm: UnreliableProxy["storm"]; atMost: number }>([
    { name: "429 with Retry-After", storm: () => ({ status: 429, headers: { "retry-after": "1" } }), atMost: 60 },
    { name: "429 without", storm: () => ({ status: 429 }), atMost: 60 },
    { name: "500", storm: () => ({ status: 500 }), atMost: 400 },
    { name: "500 to writes", storm: (method) => (method === "PUT" ? { status: 500 } : undefined), atMost: 400 },
    { name: "500 to every second call", storm: everySecond, atMost: 400 },
  ])("a storm of $name is waited out, and is made no worse", async ({ storm, atMost }) => {
    proxy.refused.clear();
    proxy.storm = storm;
    const waiting = [await submit(), await submit(), await submit()];
    await pause(2500);
    const refused = [...proxy.refused.values()].reduce((sum, count) => sum + count, 0);
    proxy.storm = () => undefined;
    for (const name of waiting) await certificateOf(name);
    await certificateOf(await submit());
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThan(atMost);
  });

  test("a credential that expired is replaced by the one that its file holds then, without a restart", async () => {
    proxy.token = "second";
    // What was let in goes on until it ends; nothing new is.
    proxy.cut();
    const name = await submit();
    while ((proxy.refused.get(401) ?? 0) === 0) await pause(50);
    expect(await hasCertificate(name)).toBe(false);
    writeFileSync(tokenFile, "second");
    await certificateOf(name);
  });

  test.each([
    { name: "ahead", seconds: SKEW_SECONDS },
    { name: "behind", seconds: -SKEW_SECONDS },
  ])("with a clock ten minutes $name it works on, and rightly once the clock is right", async ({ seconds }) => {
    const skewOf = async (): Promise<number> => {
      const { validFromDate } = await certificateOf(await submit());
      return validFromDate.getTime() / 1000 - Date.now() / 1000 + BACKDATE_SECONDS;
    };
    writeFileSync(clockFile, `${seconds}`);
    await pause(200);
    expect(Math.abs((await skewOf()) - seconds)).toBeLessThan(30);
    writeFileSync(clockFile, "0");
    await pause(200);
    expect(Math.abs(await skewOf())).toBeLessThan(30);
  });

  test("through all of it it never ended, and each request has one certificate, which is on record", async () => {
    expect(controller.hasEnded()).toBe(false);
    const administrator = new Administrator(controller.adminKubeconfig);
    for (const name of names) {
      const onRecord = await administrator.certificates({ request: name });
      const released = await certificateOf(name);
      expect(onRecord.map(({ serial }) => serial)).toEqual([released.serialNumber.toLowerCase()]);
    }
    expect(await administrator.verifyLedger()).toMatchObject({ sound: true });
    administrator.close();
  });
}
