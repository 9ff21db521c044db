import { X509Certificate } from "node:crypto";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { buildIssuer } from "../../../builders/issuer.ts";
import { openssl } from "../../../builders/openssl.ts";
import { user } from "../../../builders/users.ts";
import { type Bench, DAY_SECONDS, elsewhere, rotationBench } from "./fixture.ts";

const SERVING = "kubernetes.io/kubelet-serving";
const PLAIN = { bridge: false, chainPem: undefined };
const BRIDGED = { bridge: true, chainPem: undefined };

let bench: Bench;
beforeEach(async () => {
  bench = await rotationBench();
});
afterEach(() => bench.opened.close());

type Opened = Awaited<ReturnType<Bench["open"]>>;

function blocks(pem: string): readonly string[] {
  return pem.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----\n/g) ?? [];
}

/** A node says that it holds the bundle of now. */
function holds({ trust, live }: Opened, nodeName: string): void {
  const user = { username: `system:node:${nodeName}`, uid: "", groups: ["system:nodes"], extra: {} };
  trust.holds(user, `bundle of ${blocks(live.directory.trustedPem).length}`, blocks(live.directory.trustedPem));
}

function signer({ live }: Opened, signerName = SERVING) {
  const availability = live.issuerFor(signerName);
  if (availability.kind === "awaited") throw new Error(availability.message);
  return availability.issuer;
}

const keys = () => readdirSync(join(bench.directory, "keys")).filter((name) => name.startsWith("issuer-"));

describe("from one CA to the next", () => {
  test("a prepared one is trusted and does not sign; activated it signs; the old one goes when nothing of it is alive", async () => {
    const opened = await bench.open();
    const { rotation, live } = opened;
    const first = await bench.idOf("active");
    await bench.issue(first, 10 * DAY_SECONDS);
    const changes: number[] = [];
    live.onChange(async () => void changes.push(blocks(live.directory.clientCaPem).length));

    await rotation.prepare("default", PLAIN, "alice");
    expect(await bench.slots()).toEqual(["active", "prepared"]);
    expect(blocks(live.directory.trustedPem)).toHaveLength(2);
    expect(blocks(live.directory.clientCaPem)).toHaveLength(2);
    expect(signer(opened).description.id).toBe(first);

    await expect(rotation.activate("default", [], "alice")).rejects.toMatchObject({
      reason: "Conflict",
      message: expect.stringContaining("1 of 1 consumers are not shown to trust the new CA of default"),
      details: { causes: [expect.objectContaining({ field: "system:node:node-1" })] },
    });
    holds(opened, "node-1");
    await rotation.activate("default", [], "alice");
    const second = await bench.idOf("active");
    expect(second).not.toBe(first);
    expect(await bench.slots()).toEqual(["active", "old"]);
    expect(signer(opened).description.id).toBe(second);
    expect(signer(opened).description.commonName).toBe("gatehouse-ca");
    // The old one's key stays at hand for its CRLs.
    expect(live.directory.signing).toHaveLength(2);

    await bench.issue(second, 20 * DAY_SECONDS);
    const until = new Date(bench.clock.now().getTime() + 10 * DAY_SECONDS * 1000).toISOString();
    await expect(rotation.retire("default", undefined, [], "alice")).rejects.toMatchObject({
      reason: "Conflict",
      message: expect.stringContaining(
        `1 live certificates of the old issuer of default would stop working: node-1. Wait until they are replaced, the last ends ${until}`,
      ),
      details: { causes: [expect.objectContaining({ reason: "LiveCertificate", field: "node-1" })] },
    });
    expect(await bench.slots()).toEqual(["active", "old"]);
    bench.clock.advance(10 * DAY_SECONDS + 1);
    await rotation.retire("default", undefined, [], "alice");
    expect(await bench.slots()).toEqual(["active", "old, ended"]);
    expect(blocks(live.directory.trustedPem)).toEqual([signer(opened).description.certificatePem]);
    expect(blocks(live.directory.clientCaPem)).toHaveLength(1);
    expect(keys().every((name) => name.includes(second))).toBe(true);
    expect(live.directory.signing).toHaveLength(1);
    expect(changes).toEqual([2, 2, 1]);

    const { items } = await bench.opened.ledger.audit.find({ actor: "alice", after: 0, limit: 10 });
    expect(items.map(({ kind }) => kind)).toEqual([
      "issuer.prepared",
      "issuer.replaced",
      "issuer.activated",
      "issuer.retired",
    ]);
    expect(items[2]?.details).toMatchObject({ trust: { holding: 1, total: 1 }, force: [] });
    expect(await bench.opened.ledger.maintenance.verify()).toMatchObject({ problems: [] });
  });

  test("a prepared one is taken back: out of the bundle, its key destroyed, and another may be prepared", async () => {
    const { rotation, live } = await bench.open();
    await rotation.prepare("default", PLAIN, "alice");
    await rotation.abandon("default", "alice");
    expect(await bench.slots()).toEqual(["active", "prepared, ended"]);
    expect(blocks(live.directory.trustedPem)).toHaveLength(1);
    expect(keys()).toHaveLength(2);
    await rotation.prepare("default", PLAIN, "alice");
    expect(await bench.slots()).toContain("prepared");
    expect(await bench.opened.ledger.maintenance.verify()).toMatchObject({ problems: [] });
  });

  test("an administrator's word has a name and is on record", async () => {
    const { rotation } = await bench.open();
    const first = await bench.idOf("active");
    await bench.issue(first, DAY_SECONDS);
    await rotation.prepare("default", PLAIN, "alice");
    await expect(rotation.activate("default", ["live-certificates"], "alice")).rejects.toMatchObject({
      reason: "Conflict",
    });
    await rotation.activate("default", ["consumers-not-shown-to-trust"], "alice");
    await expect(rotation.retire("default", first, ["consumers-not-shown-to-trust"], "alice")).rejects.toMatchObject({
      reason: "Conflict",
    });
    await rotation.retire("default", first, ["live-certificates"], "alice");
    const { items } = await bench.opened.ledger.audit.find({ noun: "issuer", after: 0, limit: 10 });
    expect(items.map(({ kind, details }) => [kind, details["force"]]).slice(2)).toEqual([
      ["issuer.replaced", ["consumers-not-shown-to-trust"]],
      ["issuer.activated", ["consumers-not-shown-to-trust"]],
      ["issuer.retired", ["live-certificates"]],
    ]);
    // A certificate that was being signed meanwhile is not put on record any more.
    await expect(bench.issue(first, DAY_SECONDS)).rejects.toMatchObject({ reason: "Conflict" });
  });

  test("Gatehouse's own certificates are replaced by it, so they keep nothing from being retired", async () => {
    const { rotation } = await bench.open();
    const own = { signerName: "gatehouse.dev/administrator", nodeName: undefined as never };
    await bench.issue(await bench.idOf("active"), DAY_SECONDS, own);
    await rotation.prepare("default", PLAIN, "alice");
    await rotation.activate("default", ["consumers-not-shown-to-trust"], "alice");
    await rotation.retire("default", undefined, [], "alice");
    expect(await bench.slots()).toEqual(["active", "old, ended"]);
  });

  test("each step may be asked for again, and none out of order", async () => {
    const { rotation } = await bench.open();
    for (const step of ["activate", "retire", "abandon"] as const) {
      const taken =
        step === "activate"
          ? rotation.activate("default", [], "alice")
          : step === "retire"
            ? rotation.retire("default", undefined, [], "alice")
            : rotation.abandon("default", "alice");
      await expect(taken).rejects.toMatchObject({ reason: "Conflict" });
    }
    const once = await rotation.prepare("default", PLAIN, "alice");
    expect(await rotation.prepare("default", PLAIN, "alice")).toEqual(once);
    await rotation.activate("default", [], "alice");
    await rotation.activate("default", [], "alice");
    await expect(rotation.abandon("default", "alice")).rejects.toMatchObject({ reason: "Conflict" });
    await rotation.retire("default", undefined, [], "alice");
    await rotation.retire("default", undefined, [], "alice");
    expect(await bench.slots()).toEqual(["active", "old, ended"]);
    await expect(rotation.status("other")).rejects.toMatchObject({ reason: "NotFound" });
  });

  test("what is counted: nodes by their newest certificate, and when the last old one ends", async () => {
    const opened = await bench.open();
    const { rotation } = opened;
    const first = await bench.idOf("active");
    for (const nodeName of ["a", "b", "c"]) await bench.issue(first, 3 * DAY_SECONDS, { nodeName });
    await bench.issue(first, DAY_SECONDS, { nodeName: "a", signerName: SERVING });
    expect((await rotation.status("default")).summary).toBe("4 live node certificates, no rotation under way");
    await rotation.prepare("default", PLAIN, "alice");
    holds(opened, "b");
    const prepared = await rotation.status("default");
    expect(prepared.trust).toEqual({
      ...{ shown: 1, total: 3, isGiven: undefined },
      missing: ["system:node:a", "system:node:c"],
    });
    await rotation.activate("default", ["consumers-not-shown-to-trust"], "alice");
    bench.clock.advance(60);
    await bench.issue(await bench.idOf("active"), 3 * DAY_SECONDS, { nodeName: "a" });
    const status = await rotation.status("default");
    expect(status.moved).toEqual({ count: 1, of: 4 });
    expect(status.summary).toMatch(/^1 of 4 live node certificates on the new issuer, last old one ends \d{4}-/);
    expect(
      status.slots.map(({ slot, liveCertificates, nodeCertificates }) => [slot, liveCertificates, nodeCertificates]),
    ).toEqual([
      ["active", 1, 1],
      ["old", 4, 3],
    ]);
    const counted = await bench.opened.ledger.rotation.countLive(first, bench.clock.now());
    expect(counted).toEqual({ count: 4, lastEnds: status.slots[1]?.lastEnds });
  });
});

describe("a crash", () => {
  test("after the key and before the record: what is there is used, not a second key", async () => {
    const { rotation } = await bench.open();
    const records = bench.opened.ledger.rotation;
    const prepare = records.prepare.bind(records);
    const crash = new Error("kill -9");
    Object.assign(records, { prepare: () => Promise.reject(crash) });
    await expect(rotation.prepare("default", PLAIN, "alice")).rejects.toBe(crash);
    Object.assign(records, { prepare });
    const left = keys();
    expect(left).toHaveLength(4);
    const again = await bench.open();
    expect(await bench.slots()).toEqual(["active"]);
    expect(blocks(again.live.directory.trustedPem)).toHaveLength(1);
    await again.rotation.prepare("default", PLAIN, "alice");
    expect(keys()).toEqual(left);
    expect(await bench.slots()).toEqual(["active", "prepared"]);
  });

  test("between the key and its certificate: the key goes, unless the issuer is on record and is to be restored", async () => {
    const opened = await bench.open();
    await opened.rotation.prepare("default", PLAIN, "alice");
    await opened.rotation.abandon("default", "alice");
    const [unheard, active] = [
      await bench.custody.createIssuer({ now: bench.clock.now() }),
      await bench.idOf("active"),
    ];
    for (const id of [unheard.description.id, active]) rmSync(join(bench.directory, "keys", `issuer-${id}.crt`));
    await opened.rotation.recover();
    expect(keys().filter((name) => name.includes(unheard.description.id))).toEqual([]);
    expect(keys().filter((name) => name.includes(active))).toHaveLength(1);
  });

  test("after the record and before anything else: the next start goes on from there, and the keys of ended issuers go", async () => {
    const { rotation } = await bench.open();
    await rotation.prepare("default", PLAIN, "alice");
    const prepared = await bench.idOf("prepared");
    const entry = { at: bench.clock.now(), by: "alice", details: {} };
    await bench.opened.ledger.rotation.activate(prepared, entry);
    const opened = await bench.open();
    expect(signer(opened).description.id).toBe(prepared);
    await bench.opened.ledger.rotation.retire([await bench.idOf("old")], entry, false);
    const last = await bench.open();
    expect(blocks(last.live.directory.trustedPem)).toHaveLength(1);
    expect(keys()).toHaveLength(4);
    await last.takeDueSteps();
    expect(keys()).toHaveLength(2);
  });

  test("who holds what is known after a restart", async () => {
    const opened = await bench.open();
    await bench.issue(await bench.idOf("active"), DAY_SECONDS);
    await opened.rotation.prepare("default", PLAIN, "alice");
    holds(opened, "node-1");
    await bench.opened.ledger.maintenance.check();
    const again = await bench.open();
    await again.rotation.activate("default", [], "alice");
    expect(await bench.slots()).toEqual(["active", "old"]);
  });
});

describe("a bridge", () => {
  test("makes who trusts the old CA alone accept what the new one signs, and asks nobody to trust the new one yet", async () => {
    const opened = await bench.open();
    const { rotation } = opened;
    const before = blocks(opened.live.directory.trustedPem);
    await bench.issue(await bench.idOf("active"), DAY_SECONDS);
    await rotation.prepare("default", BRIDGED, "alice");
    await rotation.activate("default", [], "alice");
    const { chainPem, description } = signer(opened);
    const [bridge = ""] = blocks(chainPem);
    const path = (name: string, content: string): string => {
      writeFileSync(join(bench.directory, name), content);
      return join(bench.directory, name);
    };
    const old = path("old.pem", before.join(""));
    expect(openssl("verify", "-x509_strict", "-CAfile", old, path("bridge.pem", bridge))).toContain(": OK");
    const [one, other] = [new X509Certificate(bridge), new X509Certificate(description.certificatePem)];
    expect(one.publicKey.equals(other.publicKey)).toBe(true);
    expect(one.subject).toBe(other.subject);
    const shown = (pem: string, ...what: readonly string[]): string =>
      openssl("x509", "-in", path("x.pem", pem), "-noout", ...what);
    const extensions = "basicConstraints,keyUsage,subjectKeyIdentifier";
    expect(shown(bridge, "-ext", extensions)).toBe(shown(description.certificatePem, "-ext", extensions));

    // Who has not the new CA when the old one goes accepts nothing any more.
    bench.clock.advance(2 * DAY_SECONDS);
    await bench.issue(await bench.idOf("active"), DAY_SECONDS);
    await expect(rotation.retire("default", undefined, [], "alice")).rejects.toMatchObject({
      message: expect.stringContaining("consumers are not shown to trust the new CA"),
    });
    holds(opened, "node-1");
    await rotation.retire("default", undefined, [], "alice");
    expect(signer(opened).chainPem).toBe("");
  });

  test.each([
    { name: "path length 0", settings: { issuer: { pathLength: 0 } }, says: "path length 0" },
    {
      name: "a root above it",
      settings: { issuer: { parent: "root" }, issuers: [{ name: "root", commonName: "root" }] },
      says: "needs no bridge",
    },
  ])("is refused for a CA with $name", async ({ settings, says }) => {
    const { rotation } = await bench.open(settings);
    await expect(rotation.prepare("default", BRIDGED, "alice")).rejects.toMatchObject({
      reason: "Conflict",
      message: expect.stringContaining(says),
    });
    expect(await bench.slots()).toEqual(["active"]);
  });
});

describe("issuers below others", () => {
  const BELOW = { issuer: { parent: "root", commonName: "nodes" }, issuers: [{ name: "root", commonName: "root" }] };

  test("need no new trust below the same root, and keep that root from being retired while they are in use", async () => {
    const opened = await bench.open(BELOW);
    const { rotation, live } = opened;
    const first = await bench.idOf("active");
    await bench.issue(first, DAY_SECONDS);
    await rotation.prepare("default", PLAIN, "alice");
    expect(blocks(live.directory.trustedPem)).toHaveLength(1);
    expect((await rotation.status("default")).trust?.isGiven).toBe("sameAnchor");
    await rotation.activate("default", [], "alice");
    bench.clock.advance(2 * DAY_SECONDS);
    await rotation.retire("default", undefined, [], "alice");

    await rotation.prepare("root", PLAIN, "alice");
    await rotation.activate("root", [], "alice");
    expect(await bench.slots("root")).toEqual(["active", "old"]);
    // A start does not mind that what is below was signed by the root before.
    const again = await bench.open(BELOW);
    await expect(again.rotation.retire("root", undefined, [], "alice")).rejects.toMatchObject({
      message: expect.stringContaining("is below"),
    });
    await again.rotation.prepare("default", PLAIN, "alice");
    await again.rotation.activate("default", [], "alice");
    await again.rotation.retire("default", undefined, [], "alice");
    await again.rotation.retire("root", undefined, [], "alice");
    const [root] = blocks(again.live.directory.trustedPem);
    expect(
      new X509Certificate(blocks(signer(again).chainPem)[0] ?? "").verify(new X509Certificate(root ?? "").publicKey),
    ).toBe(true);
  });
});

describe("whose rotation is not ours alone", () => {
  test("a CA in files: preparing says what to do instead, and the one before it can be retired", async () => {
    const files = { certificateFile: join(bench.directory, "ca.crt"), keyFile: join(bench.directory, "ca.key") };
    const put = (commonName: string): void => {
      const { certificatePem, privateKey } = buildIssuer("ecdsa-p256", { commonName });
      writeFileSync(files.certificateFile, certificatePem);
      writeFileSync(files.keyFile, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    };
    put("first");
    const { rotation, live } = await bench.open({ issuer: { import: files } });
    await expect(rotation.prepare("default", PLAIN, "alice")).rejects.toMatchObject({
      reason: "Conflict",
      message: expect.stringContaining("is taken from files"),
    });
    put("second");
    await live.checkFiles();
    expect(await bench.slots()).toEqual(["active", "old"]);
    await rotation.retire("default", undefined, [], "alice");
    expect(blocks(live.directory.trustedPem)).toHaveLength(1);
    put("first");
  });

  test("a CA that is signed elsewhere: the first call asks for a certificate, the second brings it", async () => {
    const sign = elsewhere(bench);
    const settings = { issuers: [{ name: "corporate", commonName: "corporate", externallySigned: true }] };
    const { rotation, live } = await bench.open(settings);
    await expect(rotation.prepare("corporate", PLAIN, "alice")).rejects.toMatchObject({ reason: "Conflict" });
    const home = await bench.custody.requestIssuer("corporate", { algorithm: "ecdsa-p256", commonName: "corporate" });
    const needs = { depthBelow: 0, maximumPathLength: undefined, nameConstraints: undefined };
    const chained = await bench.custody.installIssuer("corporate", sign(home), bench.clock.now(), needs);
    await bench.custody.forgetRequest("corporate");
    const ancestorsPem = chained.ancestors.map(({ certificatePem }) => certificatePem).join("");
    const common = {
      name: "corporate",
      ancestorsPem,
      slot: "active",
      origin: "generated",
      createdAt: bench.clock.now(),
    } as const;
    await bench.opened.ledger.issuers.record({ ...chained.issuer.description, ...common });
    await live.refresh();

    const asked = await rotation.prepare("corporate", PLAIN, "alice");
    if (asked.kind !== "awaitsCertificate") throw new Error("it was not asked for");
    expect(await rotation.prepare("corporate", PLAIN, "alice")).toMatchObject({ kind: "awaitsCertificate" });
    await expect(rotation.prepare("corporate", { bridge: false, chainPem: sign(home) }, "alice")).rejects.toMatchObject(
      {
        reason: "Conflict",
        message: expect.stringContaining("no certificate for the key"),
      },
    );
    await rotation.prepare("corporate", { bridge: false, chainPem: sign(asked.requestPem) }, "alice");
    expect(await bench.slots("corporate")).toEqual(["active", "prepared"]);
    await rotation.activate("corporate", [], "alice");
    expect(await bench.slots("corporate")).toEqual(["active", "old"]);
  });
});

test("who is no node and not configured counts for nothing; a configured consumer does", async () => {
  const opened = await bench.open({ issuerRotation: { consumers: ["kube-apiserver"] } });
  const bundle = blocks(opened.live.directory.trustedPem);
  opened.trust.holds(user("alice"), "etag", bundle);
  opened.trust.holds(user("kube-apiserver"), "etag", bundle);
  await bench.opened.ledger.maintenance.check();
  expect(bench.opened.ledger.rotation.trustReports().map(({ consumer }) => consumer)).toEqual(["kube-apiserver"]);
  await opened.rotation.prepare("default", PLAIN, "alice");
  expect((await opened.rotation.status("default")).trust?.missing).toEqual(["kube-apiserver"]);
});
