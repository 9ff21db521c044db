import { X509Certificate } from "node:crypto";
import { expect, test } from "@jest/globals";
import { makeInstallation } from "../../builders/installation.ts";
import { buildIssuer, type IssuerArguments } from "../../builders/issuer.ts";
import { issuerRecord } from "../../builders/records.ts";
import { examine, lines } from "./examine.ts";

const DAY = 86_400;
const MESH = "example.com/mesh";
const USAGES = { allowed: ["server auth"] };

/** A data directory whose ledger has these issuers besides the default one. */
async function withIssuers(
  ...issuers: readonly (IssuerArguments & { name: string; above?: string; keyAlgorithm?: string })[]
) {
  const { dataDirectory } = await makeInstallation({
    fill: async (ledger) => {
      for (const { name, above = "", keyAlgorithm = "ecdsa-p256", ...args } of issuers) {
        const { certificatePem, certificateDer } = buildIssuer("ecdsa-p256", { commonName: name, ...args });
        const { fingerprint256, validFromDate, validToDate } = new X509Certificate(certificatePem);
        const id = fingerprint256.replaceAll(":", "").toLowerCase();
        const dates = { notBefore: validFromDate, notAfter: validToDate };
        const place = { id, name, commonName: name, ancestorsPem: above, keyAlgorithm };
        await ledger.issuers.record(
          issuerRecord({ ...place, ...dates, certificatePem, certificateDer, slot: "active" }),
        );
      }
    },
  });
  return dataDirectory;
}

const settingsFor = (issuer: string, profile: object = {}, more: object = {}) => ({
  signing: { maxDurationSeconds: 30 * DAY },
  issuers: [{ name: "mesh", commonName: "mesh", ...more }],
  signers: [{ signerName: MESH, issuer, profile: { usages: USAGES, ...profile } }],
});

test("without signers of one's own there is nothing to look at", async () => {
  for (const id of ["signers.issuers", "signers.spiffe-bundles"])
    expect(await examine(id)).toMatchObject([{ outcome: "skipped" }]);
  expect(await examine("signers.choices")).toMatchObject([{ outcome: "ok" }]);
});

test("an issuer that outlives what it signs is well; one that does not cuts certificates off, by its own end or its root's", async () => {
  const inDays = (days: number) => new Date(Date.now() + days * DAY * 1000 + 3_600_000);
  const long = await withIssuers({ name: "mesh", notAfter: inDays(31) });
  expect(await examine("signers.issuers", { dataDirectory: long, settings: settingsFor("mesh") })).toMatchObject([
    { outcome: "ok", subject: MESH, finding: expect.stringContaining("the issuer mesh ends in 31 days") },
  ]);
  const above = buildIssuer("ecdsa-p256", { notAfter: inDays(29) }).certificatePem;
  for (const issuer of [{ notAfter: inDays(29) }, { notAfter: inDays(31), above }]) {
    const dataDirectory = await withIssuers({ name: "mesh", ...issuer });
    const scene = { dataDirectory, settings: settingsFor("mesh") };
    expect(await examine("signers.issuers", scene)).toMatchObject([
      { outcome: "warning", finding: expect.stringContaining("sooner than certificates of 2592000 seconds") },
    ]);
    const shorter = settingsFor("mesh", { lifetime: { maximumSeconds: 29 * DAY } });
    expect(await examine("signers.issuers", { dataDirectory, settings: shorter })).toMatchObject([{ outcome: "ok" }]);
  }
  const past = await withIssuers({ name: "mesh", notAfter: inDays(-1) });
  expect(await examine("signers.issuers", { dataDirectory: past, settings: settingsFor("mesh") })).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("nothing is signed") },
  ]);
});

test("an issuer that is not there is one that a start makes, or one that waits for its certificate", async () => {
  const dataDirectory = await withIssuers();
  expect(await examine("signers.issuers", { dataDirectory, settings: settingsFor("mesh") })).toMatchObject([
    { outcome: "skipped", finding: expect.stringContaining("a start makes it") },
  ]);
  const settings = settingsFor("mesh", {}, { externallySigned: true });
  expect(await examine("signers.issuers", { dataDirectory, settings })).toMatchObject([
    {
      outcome: "warning",
      finding: expect.stringContaining("approved requests wait"),
      wayOut: expect.stringContaining("gatehouse issuer request mesh"),
    },
  ]);
  expect(await examine("signers.issuers", { settings })).toMatchObject([
    { outcome: "skipped", finding: expect.stringContaining("there is no ledger") },
  ]);
});

test("what every start warns of is told with the signers it is about", async () => {
  const settings = settingsFor("default", { usages: { allowed: ["client auth"] } });
  expect(await examine("signers.choices", { settings })).toMatchObject([
    { outcome: "warning", finding: expect.stringMatching(/^the signer example\.com\/mesh certifies clients with/) },
  ]);
});

test("an issuer of ML-DSA that is not chosen is what a start would stop at", async () => {
  const dataDirectory = await withIssuers({ name: "mesh", keyAlgorithm: "ml-dsa-65" });
  expect(await examine("signers.choices", { dataDirectory, settings: settingsFor("mesh") })).toMatchObject([
    { outcome: "error", subject: "issuer mesh", wayOut: "put ML-DSA-65 into keyPolicy.mlDsa, or give it another key" },
  ]);
  // One that the configuration does not name any more signs nothing.
  expect(await examine("signers.choices", { dataDirectory })).toMatchObject([{ outcome: "ok" }]);
});

const SPIFFE = settingsFor("mesh", { spiffe: { trustDomain: "example.org", paths: ["/*"] } });
const bundleOf = (...certificates: readonly string[]) =>
  JSON.stringify({ keys: certificates.map((pem) => ({ x5c: [new X509Certificate(pem).raw.toString("base64")] })) });
const serverThat = (status: number, body: string) => ({
  url: "https://s:1",
  get: async (path: string) => {
    if (path !== "/v1/spiffe/bundles/example.org") throw new Error(path);
    return { status, body, date: undefined };
  },
});

test("a trust domain's bundle is compared with what the server hands out", async () => {
  const root = buildIssuer("ecdsa-p256", { commonName: "root" });
  const dataDirectory = await withIssuers({ name: "mesh", above: root.certificatePem });
  const look = async (server?: ReturnType<typeof serverThat>) =>
    lines(await examine("signers.spiffe-bundles", { dataDirectory, settings: SPIFFE, ...(server && { server }) }));
  expect(await look()).toEqual(["ok example.org: its bundle holds CN=root"]);
  expect(await look(serverThat(200, bundleOf(root.certificatePem)))).toEqual(await look());
  const url = "https://s:1/v1/spiffe/bundles/example.org";
  const other = bundleOf(buildIssuer().certificatePem);
  expect(await look(serverThat(200, other))).toEqual([`error ${url}: lacks CN=root, which is on record`]);
  expect(await look(serverThat(404, ""))).toEqual([`error ${url}: answered 404`]);
  for (const body of ["<html>", "{}"])
    expect(await look(serverThat(200, body))).toEqual([expect.stringContaining(`error ${url}: is no bundle`)]);
});

test("a server that does not answer is told of elsewhere", async () => {
  const dataDirectory = await withIssuers({ name: "mesh" });
  const server = { url: "https://s:1", get: () => Promise.reject(new Error("refused")) };
  expect(await examine("signers.spiffe-bundles", { dataDirectory, settings: SPIFFE, server })).toMatchObject([
    { outcome: "ok" },
  ]);
});

test("a bundle without a root, or without anything, is a warning", async () => {
  const parent = buildIssuer("ecdsa-p256", { commonName: "root", withoutPathLength: true });
  const partial = await withIssuers({ name: "mesh", parent });
  expect(await examine("signers.spiffe-bundles", { dataDirectory: partial, settings: SPIFFE })).toMatchObject([
    { outcome: "warning", finding: expect.stringContaining("CN=mesh, which is no root") },
  ]);
  const nothing = await withIssuers();
  expect(await examine("signers.spiffe-bundles", { dataDirectory: nothing, settings: SPIFFE })).toMatchObject([
    { outcome: "warning", finding: expect.stringContaining("bundle is empty") },
  ]);
});
