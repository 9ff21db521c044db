import { X509Certificate } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Configuration, loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { type Custody, openCustody } from "../../services/certificate-authority/custody/custody.ts";
import { issuerAdministration } from "../../services/certificate-authority/issuer-administration.ts";
import { watchFiles } from "../../services/certificate-authority/issuer-files.ts";
import { LiveIssuers } from "../../services/certificate-authority/live-issuers.ts";
import { buildIssuer } from "../builders/issuer.ts";
import { openTestLedger } from "../builders/ledger.ts";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";
import { SettableClock } from "../fakes/settable-clock.ts";

const SERVING = "kubernetes.io/kubelet-serving";
const CLIENT = "kubernetes.io/kube-apiserver-client";
const MINUTE = 60;

let directory: string;
let opened: Awaited<ReturnType<typeof openTestLedger>>;
let clock: SettableClock;
let custody: Custody;
let log: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  directory = temporaryDirectory();
  opened = await openTestLedger();
  clock = new SettableClock(new Date());
  log = recordingLogger();
  custody = await openCustody({ directory: join(directory, "keys"), encryption: {}, logger: recordingLogger().logger });
});
afterEach(() => opened.close());

function configured(settings: object): Configuration {
  const configFile = join(directory, "gatehouse.json");
  writeFileSync(
    configFile,
    JSON.stringify({ apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration", ...settings }),
  );
  return loadConfiguration({ configFile });
}

function open(settings: object): Promise<LiveIssuers> {
  const deps = { custody, issuers: opened.ledger.issuers, clock, logger: log.logger };
  return LiveIssuers.open({ settings: configured(settings), ...deps });
}

/** The common names of what signs for a signer and of what goes with its certificates; or why nothing does. */
function signs(live: LiveIssuers, signerName: string): readonly string[] | string {
  const availability = live.issuerFor(signerName);
  if (availability.kind === "awaited") return availability.reason;
  const { description, chainPem } = availability.issuer;
  return [description.commonName, ...namesIn(chainPem)];
}

function namesIn(pem: string): readonly string[] {
  const blocks = pem.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block).subject.replace("CN=", ""));
}

const files = () => ({ certificateFile: join(directory, "ca.crt"), keyFile: join(directory, "ca.key") });

function put(pair: {
  readonly certificatePem: string;
  readonly privateKey: ReturnType<typeof buildIssuer>["privateKey"];
}) {
  writeFileSync(files().certificateFile, pair.certificatePem);
  writeFileSync(files().keyFile, pair.privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
}

const CHAINED = {
  issuer: { parent: "root", commonName: "nodes" },
  issuers: [
    { name: "serving", parent: "middle", commonName: "serving" },
    { name: "middle", parent: "root", commonName: "middle" },
    { name: "root", commonName: "root" },
  ],
  signers: [{ signerName: SERVING, issuer: "serving" }],
};

describe("issuers below each other", () => {
  test("sign with their chains; the root is trusted, what only signs CAs has no clients, and all of it lasts", async () => {
    const live = await open(CHAINED);
    expect(signs(live, CLIENT)).toEqual(["nodes", "nodes"]);
    expect(signs(live, SERVING)).toEqual(["serving", "serving", "middle"]);
    const { directory: now } = live;
    expect(namesIn(now.trustedPem)).toEqual(["root"]);
    expect(namesIn(now.clientCaPem).toSorted()).toEqual(["nodes", "serving"]);
    expect(namesIn(now.tlsCaPem).toSorted()).toEqual(["middle", "nodes", "root", "serving"]);
    expect(now.signing).toHaveLength(4);
    const again = await open(CHAINED);
    expect(again.directory.tlsCaPem).toBe(now.tlsCaPem);
    expect(await opened.ledger.issuers.list()).toHaveLength(4);
  });

  test("end with the first of those above them", async () => {
    const live = await open(CHAINED);
    const availability = live.issuerFor(SERVING);
    const root = new X509Certificate(live.directory.trustedPem);
    if (availability.kind === "awaited") throw new Error(availability.message);
    expect(availability.issuer.notAfter.getTime()).toBeLessThanOrEqual(root.validToDate.getTime());
  });

  test("a crash between making one and recording it is continued", async () => {
    const root = await open({ issuers: [{ name: "root", commonName: "root" }] });
    const above = root.selections.get("root");
    if (above?.kind !== "active") throw new Error("no root");
    const leftOver = await custody.createIssuer({
      commonName: "nodes",
      now: clock.now(),
      lifetimeSeconds: 86_400,
      parent: above.chained,
    });
    const live = await open({
      issuers: [
        { name: "root", commonName: "root" },
        { name: "nodes", commonName: "nodes", parent: "root" },
      ],
    });
    const nodes = live.selections.get("nodes");
    expect(nodes?.kind === "active" && nodes.chained.issuer.description.id).toBe(leftOver.description.id);
  });

  test.each([
    { name: "another parent", change: { issuer: { commonName: "nodes" } }, says: "another parent" },
    { name: "a path length", change: { issuer: { ...CHAINED.issuer, pathLength: 0 } }, says: "another pathLength" },
    {
      name: "name constraints",
      change: { issuer: { ...CHAINED.issuer, nameConstraints: { permitted: { dnsNames: ["a"] } } } },
      says: "another nameConstraints",
    },
  ])("are not silently other ones than are configured: $name", async ({ change, says }) => {
    await open(CHAINED);
    await expect(open({ ...CHAINED, ...change })).rejects.toMatchObject({
      name: "ConfigurationError",
      message: expect.stringContaining(says),
    });
    expect(signs(await open(CHAINED), CLIENT)).toEqual(["nodes", "nodes"]);
  });

  test("one that would outlive a root that has grown old is not made, and told how long it may live", async () => {
    await open({ issuers: [{ name: "root", commonName: "root" }] });
    clock.advance(100 * 86_400);
    const later = {
      issuers: [
        { name: "root", commonName: "root" },
        { name: "late", commonName: "late", parent: "root" },
      ],
    };
    await expect(open(later)).rejects.toThrow("set its lifetimeDays to 3550 at most");
    const [root, late] = later.issuers;
    await expect(open({ issuers: [root, { ...late, lifetimeDays: 3550 }] })).resolves.toBeDefined();
  });
});

describe("an issuer that is signed elsewhere", () => {
  const EXTERNAL = {
    issuers: [
      { name: "corporate", commonName: "corporate", externallySigned: true },
      { name: "below", commonName: "below", parent: "corporate", lifetimeDays: 400 },
    ],
    signers: [
      { signerName: SERVING, issuer: "corporate" },
      { signerName: CLIENT, issuer: "below" },
    ],
  };

  function administration(live: LiveIssuers, settings: object) {
    const { issuers, audit } = opened.ledger;
    return issuerAdministration({ settings: configured(settings), live, custody, issuers, audit, clock });
  }

  /** Signs as a CA of its own, whose certificate is appended. */
  function sign(requestPem: string, pathLength: number): string {
    const at = (name: string): string => join(directory, name);
    writeFileSync(at("request.csr"), requestPem);
    const extensions = `basicConstraints=critical,CA:TRUE,pathlen:${pathLength}\nkeyUsage=critical,keyCertSign\n`;
    writeFileSync(at("ext"), `${extensions}subjectKeyIdentifier=hash\n`);
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("root.key")];
    // openssl's certificates begin now, to the second.
    clock.advance(2);
    openssl("req", "-x509", ...newKey, "-subj", "/CN=elsewhere", "-days", "900", "-out", at("root.crt"));
    const ca = ["-CA", at("root.crt"), "-CAkey", at("root.key"), "-CAcreateserial", "-days", "800"];
    return (
      openssl("x509", "-req", "-in", at("request.csr"), ...ca, "-extfile", at("ext")) +
      openssl("x509", "-in", at("root.crt"))
    );
  }

  test("is awaited with everything below it, told once, and there after its certificate is installed", async () => {
    const live = await open(EXTERNAL);
    expect([signs(live, SERVING), signs(live, CLIENT)]).toEqual(["AwaitingCertificate", "AwaitingIssuer"]);
    await live.refresh();
    expect(log.lines.filter(({ msg }) => msg === "an issuer cannot sign yet")).toHaveLength(2);
    const changes: string[] = [];
    live.onChange(async () => void changes.push("changed"));
    const admin = administration(live, EXTERNAL);
    const requestPem = await admin.requestCertificate("corporate", "alice");
    await expect(admin.install("corporate", sign(requestPem, 0), "alice")).rejects.toMatchObject({
      reason: "BadRequest",
      message: expect.stringContaining("1 CAs are to be below it"),
    });
    expect(changes).toEqual([]);
    await admin.install("corporate", sign(requestPem, 1), "alice");
    expect(changes).toEqual(["changed"]);
    expect([signs(live, SERVING), signs(live, CLIENT)]).toEqual([
      ["corporate", "corporate"],
      ["below", "below", "corporate"],
    ]);
    expect(namesIn(live.directory.trustedPem)).toContain("elsewhere");
    expect(admin.list()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "corporate", state: "ready", problem: undefined, signerNames: [SERVING] }),
      ]),
    );
    const { items } = await opened.ledger.audit.find({ actor: "alice", after: 0, limit: 10 });
    expect(items.map(({ kind }) => kind)).toEqual(["issuer.requested", "issuer.installed"]);
    expect(signs(await open(EXTERNAL), SERVING)).toEqual(["corporate", "corporate"]);
  });

  test("may be renewed: the next certificate takes its place, the old one stays trusted", async () => {
    const settings = { ...EXTERNAL, issuers: EXTERNAL.issuers.slice(0, 1), signers: EXTERNAL.signers.slice(0, 1) };
    const live = await open(settings);
    const admin = administration(live, settings);
    for (let round = 0; round < 2; round += 1)
      await admin.install("corporate", sign(await admin.requestCertificate("corporate", "alice"), 0), "alice");
    const records = (await opened.ledger.issuers.list()).filter(({ name }) => name === "corporate");
    expect(records.map(({ slot }) => slot).toSorted()).toEqual(["active", "old"]);
    expect(namesIn(live.directory.trustedPem).filter((name) => name === "elsewhere")).toHaveLength(2);
    expect(signs(live, SERVING)).toEqual(["corporate", "corporate"]);
  });

  test("goes on when a crash kept its request from being forgotten: the same chain is installed again", async () => {
    const settings = { ...EXTERNAL, issuers: EXTERNAL.issuers.slice(0, 1), signers: EXTERNAL.signers.slice(0, 1) };
    const crashing = administration(await open(settings), settings);
    const chain = sign(await crashing.requestCertificate("corporate", "alice"), 0);
    const forgetRequest = custody.forgetRequest.bind(custody);
    custody.forgetRequest = () => Promise.reject(new Error("crash"));
    await expect(crashing.install("corporate", chain, "alice")).rejects.toThrow("crash");
    custody.forgetRequest = forgetRequest;
    const live = await open(settings);
    expect(signs(live, SERVING)).toEqual(["corporate", "corporate"]);
    await administration(live, settings).install("corporate", chain, "alice");
    expect((await opened.ledger.issuers.list()).filter(({ name }) => name === "corporate")).toHaveLength(1);
    await expect(administration(live, settings).install("corporate", chain, "alice")).rejects.toMatchObject({
      reason: "BadRequest",
      message: expect.stringContaining("gatehouse issuer request corporate"),
    });
  });

  test("is no other issuer", async () => {
    const admin = administration(await open(EXTERNAL), EXTERNAL);
    await expect(admin.requestCertificate("default", "alice")).rejects.toMatchObject({ reason: "Conflict" });
    await expect(admin.install("below", "x", "alice")).rejects.toMatchObject({ reason: "Conflict" });
  });
});

describe("an issuer in files", () => {
  const first = buildIssuer("ecdsa-p256", { commonName: "first" });
  const second = buildIssuer("ecdsa-p384", { commonName: "second" });
  const settings = () => ({ issuer: { import: files() } });

  test("is replaced by the next good pair, and nothing is looked at while nothing changes", async () => {
    put(first);
    const live = await open(settings());
    const changes: string[] = [];
    live.onChange(async () => void changes.push(String(signs(live, CLIENT))));
    await live.checkFiles();
    expect(changes).toEqual([]);
    put(second);
    expect(new Set(live.changedFiles())).toEqual(new Set([files().certificateFile, files().keyFile]));
    expect(changes).toEqual([]);
    await live.checkFiles();
    expect(live.changedFiles()).toEqual([]);
    await live.checkFiles();
    expect(changes).toEqual(["second"]);
    expect(namesIn(live.directory.clientCaPem).toSorted()).toEqual(["first", "second"]);
    put(first);
    await live.checkFiles();
    expect(signs(live, CLIENT)).toEqual(["first"]);
    expect(signs(await open(settings()), CLIENT)).toEqual(["first"]);
  });

  test.each([
    {
      name: "a key of another CA",
      spoil: () => writeFileSync(files().keyFile, pemOf(second)),
      says: "is not the one of",
    },
    { name: "no key", spoil: () => rmSync(files().keyFile), says: "does not exist" },
    {
      name: "half a certificate",
      spoil: () => writeFileSync(files().certificateFile, "-----BEGIN CERTIFICATE-----\n"),
      says: "damaged",
    },
    {
      name: "an expired CA",
      spoil: () => put(buildIssuer("ecdsa-p256", { notAfter: new Date(Date.now() - 1000) })),
      says: "expired at",
    },
    {
      name: "a CA of the future",
      spoil: () => put(buildIssuer("ecdsa-p256", { notBefore: new Date(Date.now() + 3_600_000) })),
      says: "is not valid before",
    },
    {
      name: "a directory",
      spoil: () => {
        rmSync(files().keyFile);
        mkdirSync(files().keyFile);
      },
      says: "cannot read",
    },
  ])("keeps $name out, says so once, and takes the next good pair", async ({ spoil, says }) => {
    put(first);
    const live = await open(settings());
    spoil();
    await live.checkFiles();
    await live.checkFiles();
    expect(signs(live, CLIENT)).toEqual(["first"]);
    const selection = live.selections.get("default");
    expect(selection?.kind === "active" && selection.problem).toContain(says);
    expect(log.lines.filter(({ level }) => level === "error")).toEqual([
      expect.objectContaining({ name: "default", problem: expect.stringContaining(says) }),
    ]);
    // A restart goes on as well.
    expect(signs(await open(settings()), CLIENT)).toEqual(["first"]);
    rmSync(files().keyFile, { recursive: true, force: true });
    put(second);
    await live.checkFiles();
    expect(signs(live, CLIENT)).toEqual(["second"]);
    expect(log.lines.at(-1)).toMatchObject({ msg: "the issuer's problem is solved" });
  });

  test("takes a CA of the future when its time has come", async () => {
    put(first);
    const live = await open(settings());
    put(buildIssuer("ecdsa-p256", { commonName: "future", notBefore: new Date(clock.now().getTime() + 30_000) }));
    await live.checkFiles();
    clock.advance(31);
    await live.checkFiles();
    expect(signs(live, CLIENT)).toEqual(["first"]);
    clock.advance(MINUTE);
    await live.checkFiles();
    expect(signs(live, CLIENT)).toEqual(["future"]);
  });

  test("stays as it is while nothing at all can be selected, told once", async () => {
    put(first);
    const live = await open(settings());
    put(second);
    const importIssuer = custody.importIssuer.bind(custody);
    custody.importIssuer = () => Promise.reject(new Error("the disk is away"));
    await live.checkFiles();
    clock.advance(2 * MINUTE);
    await live.checkFiles();
    expect(signs(live, CLIENT)).toEqual(["first"]);
    expect(log.lines.filter(({ level }) => level === "error")).toHaveLength(1);
    custody.importIssuer = importIssuer;
    clock.advance(2 * MINUTE);
    await live.checkFiles();
    expect(signs(live, CLIENT)).toEqual(["second"]);
  });

  test("is told when certificates end with it before their time, once", async () => {
    put(buildIssuer("ecdsa-p256", { notAfter: new Date(clock.now().getTime() + 300 * 86_400_000) }));
    const live = await open(settings());
    const told = () => log.lines.filter(({ msg }) => String(msg).includes("before signing.maxDurationSeconds"));
    expect(told()).toMatchObject([{ level: "warn", name: "default" }]);
    await live.refresh();
    expect(told()).toHaveLength(1);
    put(first);
    await live.checkFiles();
    expect(told()).toHaveLength(1);
  });

  test("a bad pair stops the first start, when there is nothing to go on with", async () => {
    put({ ...first, privateKey: second.privateKey });
    await expect(open(settings())).rejects.toMatchObject({ code: "KeyMismatch" });
  });

  test("a listener that fails hinders nobody", async () => {
    put(first);
    const live = await open(settings());
    const told: string[] = [];
    live.onChange(() => Promise.reject(new Error("no")));
    live.onChange(async () => void told.push("told"));
    put(second);
    await live.checkFiles();
    expect([told, signs(live, CLIENT)]).toEqual([["told"], ["second"]]);
    expect(log.lines.at(-1)).toMatchObject({
      level: "error",
      msg: "issuers have changed, but not everything could follow",
    });
  });

  function pemOf({ privateKey }: typeof first): string {
    return privateKey.export({ format: "pem", type: "pkcs8" }) as string;
  }
});

test("a change in a watched directory is told once it is quiet there", async () => {
  const told: string[] = [];
  const watched = watchFiles([files().certificateFile, files().keyFile], () => void told.push("changed"), log.logger);
  await new Promise((resolve) => setTimeout(resolve, 50));
  put(buildIssuer());
  for (const limit = Date.now() + 10_000; told.length === 0 && Date.now() < limit; )
    await new Promise((resolve) => setTimeout(resolve, 20));
  watched.close();
  expect(told).toEqual(["changed"]);
});

test("a directory that cannot be watched is told, and no failure", () => {
  watchFiles(["/does/not/exist/ca.crt"], () => undefined, log.logger).close();
  expect(log.lines).toMatchObject([{ level: "warn", directory: "/does/not/exist" }]);
});

test("an old issuer still signs CRLs while it is trusted, and is asked for no certificates", async () => {
  const live = await open({});
  const [first] = await opened.ledger.issuers.list();
  if (first === undefined) throw new Error("no issuer was made");
  const next = await custody.createIssuer({ commonName: "next", now: clock.now() });
  await opened.ledger.issuers.record({ ...first, ...next.description, slot: "active", createdAt: clock.now() });
  await live.refresh();
  expect(signs(live, CLIENT)).toEqual(["next"]);
  const names = live.directory.signing.map(({ certificateDer }) => new X509Certificate(certificateDer).subject);
  expect(names).toEqual(["CN=next", "CN=gatehouse-ca"]);
  await custody.forgetIssuer(first.id);
  await live.refresh();
  expect(live.directory.signing).toHaveLength(1);
  expect(log.lines.filter(({ level, msg }) => level === "warn" && String(msg).includes("old issuer"))).toHaveLength(1);
});
