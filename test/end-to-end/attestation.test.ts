import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { signPossession } from "../../services/shared/attestation/possession.ts";
import { openssl } from "../builders/openssl.ts";
import { Administrator } from "./support/administrator.ts";
import { type Attempt, AttestingMachine, byJoinToken } from "./support/attesting-machine.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";

const directory = mkdtempSync(join(tmpdir(), "gatehouse-attest-"));
const AUDIENCE = "https://node-ca.example/v1/attest";
let server: GatehouseProcess;
let administrator: Administrator;

const CONFIGURATION = `apiVersion: gatehouse.dev/v1
kind: GatehouseConfiguration
attestation:
  audience: ${AUDIENCE}
  profiles:
    - {name: tokens, attestor: join_token}
    - name: dc
      attestor: x509pop
      roots: ${directory}/dc.crt
      purpose: {extendedKeyUsage: 1.3.6.1.5.5.7.3.2}
      nodeName: "{dns_san - .nodes.example}"
      firstUse: true
  controlPlaneNodes: ["cp-*"]
approval:
  hooks:
    - node-attestation: {}
    - kubelet-serving: {sources: [{attestation: {}}]}
    - manual: {}
`;

beforeAll(async () => {
  openssl(
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=dc"],
    ...["-addext", "keyUsage=critical,keyCertSign", "-days", "30", "-keyout", `${directory}/dc.key`],
    ...["-out", `${directory}/dc.crt`],
  );
  server = await startGatehouse({ configuration: CONFIGURATION });
  administrator = new Administrator(server.adminKubeconfig);
}, 60_000);

afterAll(async () => {
  await server.remove();
  rmSync(directory, { recursive: true, force: true });
});

function machine(): AttestingMachine {
  return new AttestingMachine(server.url, readFileSync(server.caFile, "utf8"));
}

async function joinToken(nodeName: string): Promise<string> {
  return (await administrator.createToken({ nodeName, ttlSeconds: 600, use: "attestation" })).token;
}

async function attempt(who: AttestingMachine, nodeName: string): Promise<Attempt> {
  return who.prepare({ ...byJoinToken(await joinToken(nodeName)), nodeName });
}

describe("with a join token", () => {
  test("a machine attests, and its kubelet gets the certificate of that name, once", async () => {
    const who = machine();
    const { status, answer } = await who.complete(await attempt(who, "node-a"));
    expect(status).toBe(200);
    expect(answer).toMatchObject({ nodeName: "node-a", kind: "clientCert" });
    const { certificatePem } = await who.kubeletWith(answer, "node-a").bootstrap();
    expect(certificatePem).toContain("BEGIN CERTIFICATE");
    await expect(who.kubeletWith(answer, "node-a").bootstrap()).rejects.toThrow(/used for another request/);
  });

  test("what the credential asks for under another name is denied, and it is worth nothing from then on", async () => {
    const who = machine();
    const { answer } = await who.complete(await attempt(who, "node-b"));
    await expect(who.kubeletWith(answer, "node-other").bootstrap()).rejects.toThrow(/not for node-other/);
    await expect(who.kubeletWith(answer, "node-b").bootstrap()).rejects.toThrow(/revoked/);
  });

  test("of fifty uses of one token at a time exactly one counts", async () => {
    const token = await joinToken("node-c");
    const who = machine();
    const attempts = await Promise.all(
      Array.from({ length: 50 }, () => who.prepare({ ...byJoinToken(token), nodeName: "node-c" })),
    );
    const statuses: number[] = [];
    // As many as are verified at a time; others would be told to slow down.
    for (let first = 0; first < attempts.length; first += 10) {
      const some = await Promise.all(attempts.slice(first, first + 10).map((each) => who.complete(each)));
      statuses.push(...some.map(({ status }) => status));
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 403)).toHaveLength(49);
  });

  test("a challenge is answered once, well or badly", async () => {
    const who = machine();
    const good = await attempt(who, "node-d");
    const bad = { ...good, body: { ...good.body, proof: { mac: "AAAA" } } };
    expect(await who.complete(bad)).toMatchObject({ status: 403, code: "denied" });
    expect(await who.complete(good)).toMatchObject({ status: 403, code: "denied" });
  });

  test.each<[string, (good: Attempt, other: Attempt, who: AttestingMachine) => Attempt]>([
    ["another key's signature", (good, other) => ({ ...good, body: { ...good.body, keySig: other.body.keySig } })],
    ["another challenge's proof", (good, other) => ({ ...good, body: { ...good.body, proof: other.body.proof } })],
    ["another key", (good, _other, who) => ({ ...good, body: { ...good.body, spki: who.spki.toString("base64url") } })],
    ["another hello", (good) => ({ ...good, body: { ...good.body, hello: { tokenId: "zzzzzz" } } })],
    [
      "an altered challenge",
      (good) => ({ ...good, body: { ...good.body, challenge: `${good.body.challenge.slice(0, -4)}AAAA` } }),
    ],
  ])("%s gets nothing", async (_what, spoil) => {
    const who = machine();
    const token = await joinToken("node-e");
    const prepare = () => who.prepare({ ...byJoinToken(token), nodeName: "node-e" });
    const spoilt = spoil(await prepare(), await prepare(), machine());
    expect(await who.complete(spoilt)).toMatchObject({ status: 403, code: "denied" });
  });

  test("a wish for another name than the token's is denied", async () => {
    const who = machine();
    const token = await joinToken("node-f");
    const wish = await who.prepare({ ...byJoinToken(token), nodeName: "node-g" });
    expect(await who.complete(wish)).toMatchObject({ status: 403 });
  });

  test("the audit trail says why, and the caller does not hear it", async () => {
    const who = machine();
    const { answer } = await who.complete(await who.prepare({ ...byJoinToken("aaaaaa.bbbbbbbbbbbbbbbb") }));
    expect(JSON.stringify(answer)).not.toContain("aaaaaa");
    const entries = await administrator.audit("attestation");
    expect(entries[0]).toMatchObject({
      verb: "refused",
      details: { message: expect.stringMatching(/no join token "aaaaaa"/) },
    });
  });
});

describe("with a certificate of the data centre", () => {
  function certified(name: string, sans: string): { chain: string[]; key: KeyObject } {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const file = join(directory, name);
    writeFileSync(`${file}.key`, privateKey.export({ type: "pkcs8", format: "pem" }));
    writeFileSync(`${file}.ext`, `subjectAltName=${sans}\nextendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n`);
    openssl("req", "-new", "-key", `${file}.key`, "-subj", `/CN=${name}`, "-out", `${file}.csr`);
    openssl(
      ...["x509", "-req", "-in", `${file}.csr`, "-CA", `${directory}/dc.crt`, "-CAkey", `${directory}/dc.key`],
      ...["-days", "30", "-extfile", `${file}.ext`, "-outform", "DER", "-out", `${file}.der`],
    );
    return { chain: [readFileSync(`${file}.der`).toString("base64url")], key: privateKey };
  }

  const wish = ({ chain, key }: ReturnType<typeof certified>) => ({
    attestor: "x509pop" as const,
    prove: (bind: Buffer) => ({ chain, signature: signPossession(key, "x509pop", bind).toString("base64url") }),
  });

  test("a machine attests under the name that its certificate has, again and again", async () => {
    const identity = certified("w1", "DNS:worker-1.nodes.example");
    for (let boot = 0; boot < 2; boot += 1) {
      const kubelet = await machine().kubelet(wish(identity), "worker-1");
      const node = await kubelet.bootstrap();
      expect(node.certificatePem).toContain("BEGIN CERTIFICATE");
    }
  });

  test("another machine does not get the name of one that is bound", async () => {
    const who = machine();
    await who.complete(await who.prepare(wish(certified("w2", "DNS:worker-2.nodes.example"))));
    const other = await who.complete(await who.prepare(wish(certified("w2b", "DNS:worker-2.nodes.example"))));
    expect(other).toMatchObject({ status: 409, code: "conflict" });
  });

  test("no template makes the name of a control-plane node", async () => {
    const who = machine();
    const answer = await who.complete(await who.prepare(wish(certified("cp", "DNS:cp-1.nodes.example"))));
    expect(answer).toMatchObject({ status: 403, code: "denied" });
  });

  test("a renewal is approved while the binding is active", async () => {
    const kubelet = await machine().kubelet(wish(certified("w3", "DNS:worker-3.nodes.example")), "worker-3");
    const node = await kubelet.bootstrap();
    const renewed = await kubelet.withCertificate(node).bootstrap();
    expect(renewed.certificatePem).not.toBe(node.certificatePem);
  });
});

test.each([
  ["no key", { v: 1, attestor: "join_token", spki: "AAAA" }, 400],
  ["an unknown attestor", { v: 1, attestor: "msi", spki: "AAAA" }, 422],
  ["an unknown field", { v: 1, attestor: "join_token", spki: "AAAA", more: 1 }, 422],
  ["another version", { v: 2, attestor: "join_token", spki: "AAAA" }, 422],
])("%s in a request for a challenge is told at once", async (_what, body, status) => {
  expect((await machine().post("challenge", body)).status).toBe(status);
});

test("a body that is too large is not read", async () => {
  const body = { v: 1, attestor: "join_token", spki: "A".repeat(100_000) };
  expect((await machine().post("challenge", body)).status).toBe(413);
});
