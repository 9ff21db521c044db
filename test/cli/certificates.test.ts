import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { certificateRecord } from "../builders/records.ts";
import { startAdminServer } from "./admin-server.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.certificates.records.length = 0;
  server.certificates.queries.length = 0;
  server.certificates.continueToken = undefined;
});

const none = { nodeName: undefined, requestName: undefined, requestUid: undefined, requester: undefined };
const OWN = { ...none, serial: "0f", commonName: "gatehouse", signerName: "gatehouse.dev/serving" };

test("list shows a table", async () => {
  server.certificates.records.push(
    certificateRecord(),
    certificateRecord({ ...OWN, state: "revoked", predecessor: "33".repeat(32), keyReused: true }),
  );
  expect(await server.command(["certificate", "list"])).toEqual({
    code: 0,
    stdout: [
      "SERIAL   COMMON NAME          SIGNER                                        STATE     NOT AFTER              REQUEST     KEY",
      "0a1b2c   system:node:node-1   kubernetes.io/kube-apiserver-client-kubelet   valid     2026-02-01T00:00:00Z   csr-abcde   new",
      "0f       gatehouse            gatehouse.dev/serving                         revoked   2026-02-01T00:00:00Z   <none>      reused",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("list passes its filters on", async () => {
  const filters = [
    "--node",
    "n",
    "--signer",
    "s",
    "--request",
    "r",
    "--state",
    "expired",
    "--expires-within",
    "1d",
    ...["--issuer", "ab".repeat(32), "--key", "cd".repeat(32), "--san", "A.example"],
    ...["--expires-after", "2026-01-02T00:00:00Z"],
    ...["--limit", "5"],
  ];
  await server.command(["certificate", "list", ...filters]);
  expect(server.certificates.queries).toEqual([
    {
      nodeName: "n",
      signerName: "s",
      requestName: "r",
      issuerId: "ab".repeat(32),
      spkiSha256: "cd".repeat(32),
      name: "a.example",
      state: "expired",
      expiresAfter: new Date("2026-01-02T00:00:00Z"),
      expiresBefore: new Date("2026-01-03T03:04:05Z"),
      limit: 5,
    },
  ]);
});

test("list without certificates says so on standard error", async () => {
  const empty = { code: 0, stdout: "", stderr: "No certificates.\n" };
  expect(await server.command(["certificate", "list"])).toEqual(empty);
  const { stdout } = await server.command(["certificate", "list", "-o", "json"]);
  expect(JSON.parse(stdout)).toEqual({
    apiVersion: "gatehouse.dev/v1",
    kind: "CertificateList",
    metadata: {},
    items: [],
  });
});

test("list says when there are more than it shows", async () => {
  server.certificates.records.push(certificateRecord(), certificateRecord());
  server.certificates.continueToken = "more";
  const { code, stderr } = await server.command(["certificate", "list", "--limit", "2"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "There are more than these 2; --limit 0 shows all.\n" });
});

test("list --limit 0 follows all pages, a thousand at a time", async () => {
  const { certificates } = server;
  const find = certificates.find.bind(certificates);
  const tokens = ["page-2", "page-3", undefined];
  server.certificates.records.push(certificateRecord());
  certificates.find = async (query) => ({ ...(await find(query)), continueToken: tokens.shift() });
  const { stdout, stderr } = await server.command(["certificate", "list", "--limit", "0", "-o", "yaml"]);
  certificates.find = find;
  expect(parse(stdout).items).toHaveLength(3);
  expect(stderr).toBe("");
  expect(certificates.queries).toEqual([
    { limit: 1000 },
    { limit: 1000, continueToken: "page-2" },
    { limit: 1000, continueToken: "page-3" },
  ]);
});

test("show tells everything about one certificate", async () => {
  const sans = { dnsNames: ["a.example", "b.example"], emailAddresses: [], ipAddresses: ["10.0.0.1"], uris: [] };
  const record = certificateRecord({ sans, predecessor: "33".repeat(32), keyReused: false });
  server.certificates.records.push(record);
  expect(await server.command(["certificate", "show", "0A:1B:2C"])).toEqual({
    code: 0,
    stdout: [
      "Serial:               0a1b2c",
      `Fingerprint:          ${record.fingerprint}`,
      "State:                valid",
      "Signer:               kubernetes.io/kube-apiserver-client-kubelet",
      `Issuer:               ${"11".repeat(32)}`,
      "Node:                 node-1",
      "Common name:          system:node:node-1",
      "Organizations:        system:nodes",
      "DNS names:            a.example",
      "                      b.example",
      "IP addresses:         10.0.0.1",
      "E-mail addresses:     <none>",
      "URIs:                 <none>",
      "Not before:           2026-01-01T00:00:00Z",
      "Not after:            2026-02-01T00:00:00Z",
      "Issued at:            2026-01-01T00:05:00Z",
      `Public key SHA-256:   ${"22".repeat(32)}`,
      "Request:              csr-abcde by system:bootstrap:abcdef",
      `Replaces:             ${"33".repeat(32)} (with a new key)`,
      "Lineage:              <none>",
      "Replaced by:          <none>",
      "Risks:                medium: its encoding is unreadable",
      "                      medium: its issuer is not on record",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("show tells what a certificate replaced, what replaces it and what that has of it", async () => {
  const first = certificateRecord({ serial: "01" });
  const second = certificateRecord({ serial: "02", predecessor: first.fingerprint, keyReused: true });
  server.certificates.records.push(certificateRecord({ serial: "03", predecessor: second.fingerprint }), second, first);
  const { stdout } = await server.command(["certificate", "show", "02"]);
  const life = "from 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z, valid";
  expect(stdout).toContain(`\nLineage:              01 ${life}\nReplaced by:          03 ${life}\n`);
  expect(stdout).toContain("low: has the key of the certificate it replaces\n");
});

test("show --pem prints the certificate alone", async () => {
  server.certificates.records.push(certificateRecord({ der: Buffer.from("DER") }));
  expect(await server.command(["certificate", "show", "0a1b2c", "--pem"])).toEqual({
    code: 0,
    stdout: "-----BEGIN CERTIFICATE-----\nREVS\n-----END CERTIFICATE-----\n",
    stderr: "",
  });
});

test("show of none is a failure in the server's words", async () => {
  expect(await server.command(["certificate", "show", "ff"])).toEqual({
    code: 1,
    stdout: "",
    stderr: "error: no certificate with serial or fingerprint ff is on record\n",
  });
});
