import { X509Certificate } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { loadConfiguration } from "../../../services/certificate-authority/configuration.ts";
import { openConfiguredCustody } from "../../../services/certificate-authority/configured-custody.ts";
import { openConfiguredTokens } from "../../../services/certificate-authority/configured-tokens.ts";
import { controlPlaneRenewal } from "../../../services/certificate-authority/control-plane-renewal.ts";
import { type Ledger, openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { LiveIssuers } from "../../../services/certificate-authority/live-issuers.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import {
  currentClock,
  currentRoot,
  DAY_SECONDS,
  everything,
  file,
  initialize,
  kubeconfig,
  read,
  takeMade,
  withDirectories,
} from "./fixture.ts";

withDirectories();

const logger = createLogger({ level: "silent" });
const ALL = [
  ...["apiserver", "apiserver-kubelet-client", "front-proxy-client", "etcd-server", "etcd-peer"],
  ...["etcd-healthcheck-client", "apiserver-etcd-client"],
  ...["admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"],
];

/** The configuration of a server that looks after what the fixture made. */
function configuration(more: object = {}) {
  const path = join(currentRoot(), "gatehouse.json");
  const controlPlane = {
    ...{ directory: "kubernetes/pki", nodeName: "cp-1", advertiseAddress: "192.0.2.10", keyAlgorithm: "ecdsa-p256" },
    ...more,
  };
  const document = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration", controlPlane };
  writeFileSync(path, JSON.stringify(document));
  return loadConfiguration({ configFile: path, dataDirectory: join(currentRoot(), "data") });
}

async function withLedger<T>(work: (ledger: Ledger) => Promise<T>): Promise<T> {
  const clock = currentClock();
  const ledger = await openLedger({ file: join(currentRoot(), "data", "gatehouse.db"), clock, logger });
  try {
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}

/** Runs the job as a server would. */
function runJob({ dryRun = false, ...more }: { readonly dryRun?: boolean; readonly clusterName?: string } = {}) {
  const settings = configuration(more);
  const clock = currentClock();
  return withLedger(async (ledger) => {
    const custody = await openConfiguredCustody(settings, ledger.issuers, logger);
    const tokens = await openConfiguredTokens(settings, logger);
    const { issuers } = ledger;
    const live = await LiveIssuers.open({ settings, custody, tokens, issuers, clock, logger });
    try {
      const renew = controlPlaneRenewal(settings.controlPlane, { ledger, custody, live, clock, logger });
      const lines: string[] = [];
      const { summary } = await renew({ dryRun, report: (line) => void lines.push(line) });
      return { summary, lines };
    } finally {
      await tokens.close();
      custody.close();
    }
  });
}

function passDays(days: number): void {
  currentClock().set(new Date(currentClock().now().getTime() + days * DAY_SECONDS * 1000));
}

test("the job renews what is due, tells before what it would, and afterwards what to restart", async () => {
  takeMade();
  expect(await runJob()).toEqual({ summary: "renewed 0 of 16 files", lines: [] });
  passDays(250);
  const before = everything();
  const tried = await runJob({ dryRun: true });
  expect(tried.summary).toBe("would renew 11 of 16 files");
  expect(new Set(tried.lines.slice(0, ALL.length))).toEqual(new Set(ALL));
  expect(everything()).toEqual(before);
  const report = await runJob();
  expect(report.summary).toBe("renewed 11 of 16 files");
  expect(report.lines.slice(ALL.length)).toEqual([
    expect.stringContaining("restart kube-controller-manager and kube-scheduler"),
    expect.stringContaining("admin.conf"),
  ]);
  const after = everything();
  const changed = Object.keys(before).filter((name) => before[name] !== after[name]);
  expect(changed).toHaveLength(7 * 2 + 4);
  expect((await runJob()).summary).toBe("renewed 0 of 16 files");
  expect((await initialize()).files.every(({ action }) => action === "kept")).toBe(true);
});

test("the job makes nothing: neither what somebody took away nor a CA that is not on record", async () => {
  takeMade();
  for (const name of ["front-proxy-client.crt", "front-proxy-client.key", "ca.key", "sa.key", "sa.pub"]) {
    rmSync(file(name));
  }
  rmSync(kubeconfig("super-admin.conf"));
  passDays(250);
  expect((await runJob()).summary).toBe("renewed 9 of 14 files");
  const names = Object.keys(everything());
  expect(names.filter((name) => /front-proxy-client|super-admin|sa\.|pki\/ca\.key/.test(name))).toEqual([]);
  await expect(runJob({ clusterName: "another" })).rejects.toThrow(/there is no CA "pki\/another\/front-proxy-ca"/);
});

test("the job does not replace what was revoked, and says so", async () => {
  takeMade();
  const { fingerprint256 } = new X509Certificate(read(file("apiserver.crt")));
  const before = read(file("apiserver.crt"));
  const fingerprint = fingerprint256.replaceAll(":", "").toLowerCase();
  await withLedger((ledger) =>
    ledger.revocations.revoke({
      target: { kind: "certificates", fingerprints: [fingerprint] },
      ...{ reason: "keyCompromise", message: "stolen", by: "alice" },
    }),
  );
  passDays(250);
  const report = await runJob();
  expect(report.summary).toBe("renewed 10 of 16 files");
  expect(report.lines).toContainEqual(expect.stringMatching(/apiserver\.crt is revoked, and is not renewed/));
  expect(read(file("apiserver.crt"))).toBe(before);
});

test("a renewal that was cut off is ended by the job, and only told by its trial", async () => {
  takeMade();
  writeFileSync(file("apiserver.crt.renewed"), read(file("apiserver.crt")));
  writeFileSync(file("apiserver.crt"), read(file("front-proxy-client.crt")));
  const before = everything();
  expect((await runJob({ dryRun: true })).summary).toBe("would renew 0 of 16 files");
  expect(everything()).toEqual(before);
  await runJob();
  expect(Object.keys(everything())).not.toContain("pki/apiserver.crt.renewed");
  expect(read(file("apiserver.crt"))).toBe(before["pki/apiserver.crt.renewed"]);
});

test("what is wrong is refused before anything is written, also in the configuration", async () => {
  takeMade();
  passDays(250);
  writeFileSync(file("etcd/peer.crt"), "nonsense");
  const before = everything();
  await expect(runJob()).rejects.toThrow(/peer\.crt holds no certificate/);
  expect(everything()).toEqual(before);
  expect(() => configuration({ advertiseAddress: "0.0.0.0" })).toThrow(/advertiseAddress "0\.0\.0\.0" is not usable/);
});

test("without a directory nothing is done", async () => {
  mkdirSync(join(currentRoot(), "data"), { recursive: true });
  const renew = controlPlaneRenewal(undefined, { clock: currentClock(), logger } as never);
  expect((await renew({ dryRun: false, report: () => undefined })).summary).toBe(
    "no control plane is configured (controlPlane.directory)",
  );
});
