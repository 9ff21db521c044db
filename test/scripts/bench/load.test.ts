import "reflect-metadata";
import { createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Pkcs10CertificateRequest } from "@peculiar/x509";
import { certificateChecker, WrongCertificateError } from "../../../scripts/bench/load/check-certificate.ts";
import { ChunkDecoder } from "../../../scripts/bench/load/connection.ts";
import { bodyOfEvent, certificateIn, nameOfObject } from "../../../scripts/bench/load/peek.ts";
import { type PreparedRequest, RequestPool } from "../../../scripts/bench/load/request-pool.ts";
import { createNaiveIssuer } from "../../../scripts/bench/naive-issuing.ts";
import { makeTestAuthority } from "../../../scripts/bench/servers/test-authority.ts";
import { encodeProtobuf } from "../../../services/shared/kubernetes/protobuf.ts";
import { watchFrame } from "../../../services/shared/kubernetes/watch-frames.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";

function csrObject(name: string, certificate: string) {
  return encodeProtobuf({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name, uid: "u", labels: { a: "b" } },
    spec: {
      request: Buffer.from("-----BEGIN CERTIFICATE REQUEST-----").toString("base64"),
      signerName: "s",
      usages: [],
    },
    status: { certificate: Buffer.from(certificate).toString("base64") },
  });
}

test("peek finds the name of an object and the certificate of a watch event", () => {
  const frame = watchFrame("MODIFIED", csrObject("csr-x7k2p", PEM)).subarray(4);
  const body = bodyOfEvent(frame) ?? Buffer.alloc(0);
  expect(nameOfObject(body)).toBe("csr-x7k2p");
  expect(certificateIn(body)).toBe(PEM);
});

test("peek finds nothing in a pending request, nor in half a certificate", () => {
  expect(certificateIn(csrObject("csr-x7k2p", ""))).toBeUndefined();
  expect(certificateIn(Buffer.from(PEM.slice(0, -1)))).toBeUndefined();
  expect(nameOfObject(Buffer.from("k8s\0"))).toBe("");
});

test.each([1, 2, 3, 7, 100])("a chunked body is put together from pieces of %i octets", (size) => {
  const whole = Buffer.from("5\r\nhello\r\n1a; ext=1\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n");
  const decoder = new ChunkDecoder();
  const parts: Buffer[] = [];
  for (let at = 0; at < whole.length; at += size) parts.push(...decoder.push(whole.subarray(at, at + size)));
  expect(Buffer.concat(parts).toString()).toBe("helloabcdefghijklmnopqrstuvwxyz");
});

test("prepared requests verify, and each has its own name", async () => {
  const pool = new RequestPool();
  pool.prepare(3);
  for (const index of [0, 1, 2]) {
    const { pem, commonName } = pool.at(index);
    const parsed = new Pkcs10CertificateRequest(pem);
    expect(parsed.subject).toBe(`O=system:nodes, CN=${commonName}`);
    expect(await parsed.verify(webcrypto as Crypto)).toBe(true);
  }
  expect(pool.at(0).commonName).not.toBe(pool.at(1).commonName);
  expect(pool.at(3)).toBe(pool.at(0));
});

test("the checker takes the right certificate and refuses every wrong one", async () => {
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-bench-test-"));
  try {
    const authority = makeTestAuthority(directory);
    const other = makeTestAuthority(directory);
    const issuerOf = async ({ caPem, caKeyFile }: typeof authority) =>
      createNaiveIssuer(webcrypto as Crypto, caPem, createPrivateKey(readFileSync(caKeyFile)));
    // The second authority's files replaced the first one's, so the key on disk is the second one's.
    const issue = await issuerOf(other);
    const pool = new RequestPool();
    pool.prepare(2);
    const [request, neighbour] = [pool.at(0), pool.at(1)];
    const pem = (await issue(request.pem))?.toString("pem") ?? "";
    expect(new X509Certificate(pem).checkIssued(new X509Certificate(other.caPem))).toBe(true);
    const check = certificateChecker(other.caPem);
    expect(() => check(pem, request)).not.toThrow();
    const wrongOnes: readonly (readonly [string, PreparedRequest])[] = [
      ["another key", { ...request, spkiDer: neighbour.spkiDer }],
      ["another subject", { ...request, commonName: neighbour.commonName }],
    ];
    for (const [what, wanted] of wrongOnes) expect(() => check(pem, wanted)).toThrow(what);
    expect(() => certificateChecker(authority.caPem)(pem, request)).toThrow(WrongCertificateError);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
