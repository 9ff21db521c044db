import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { CertificateAnchors, ReloadedFile } from "../../../services/certificate-authority/attestation/anchors.ts";
import { buildChainAuthority, type ChainCertificate } from "../../builders/certificate-chain.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

const one = buildChainAuthority({ commonName: "one" });
const two = buildChainAuthority({ commonName: "two" });
let directory: string;
let file: string;
beforeEach(() => {
  directory = temporaryDirectory();
  file = join(directory, "anchors.pem");
});

const namesIn = (anchors: CertificateAnchors) => anchors.current.map(({ subject }) => subject);
const pemOf = (...certificates: readonly ChainCertificate[]) => certificates.map(({ pem }) => pem).join("");

test("a file is followed: what is added counts, what is removed does not", () => {
  const anchors = new CertificateAnchors(file);
  writeFileSync(file, `# ours\n${pemOf(one, two)}`);
  expect(namesIn(anchors)).toEqual(["CN=one", "CN=two"]);
  writeFileSync(file, pemOf(two));
  expect(namesIn(anchors)).toEqual(["CN=two"]);
  writeFileSync(join(directory, "new"), pemOf(one));
  renameSync(join(directory, "new"), file);
  expect(namesIn(anchors)).toEqual(["CN=one"]);
});

test("an unchanged file is not read again", () => {
  writeFileSync(file, pemOf(one));
  const anchors = new CertificateAnchors(file);
  expect(anchors.current[0]).toBe(anchors.current[0]);
});

test.each<{ name: string; content: string | Buffer; says: string }>([
  { name: "is empty", content: "", says: "no PEM certificate" },
  { name: "has no certificate", content: "hello\n", says: "no PEM certificate" },
  { name: "is cut off", content: pemOf(one, two).slice(0, -60), says: "something else than whole" },
  {
    name: "has a broken certificate",
    content: pemOf(one)
      .replace("MII", "AII")
      .replace("MIIB", "AAAA")
      .replace(/\n(M.)/, "\nAA"),
    says: "cannot be used",
  },
  {
    name: "has another kind of PEM",
    content: `${pemOf(one)}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n`,
    says: "something else than whole",
  },
  { name: "is DER with more behind it", content: Buffer.concat([one.der, two.der]), says: "followed by other octets" },
  { name: "is too large", content: Buffer.alloc(4 * 1024 * 1024 + 1), says: "is larger than" },
])("nothing is trusted while the file $name, and all again once it is mended", ({ content, says }) => {
  writeFileSync(file, pemOf(one));
  const anchors = new CertificateAnchors(file);
  expect(namesIn(anchors)).toEqual(["CN=one"]);
  writeFileSync(file, content);
  for (let tries = 0; tries < 2; tries += 1) {
    const refusal = { name: "AttestationRefusal", code: "denied", message: expect.stringContaining(says) };
    expect(() => anchors.current).toThrow(expect.objectContaining(refusal));
  }
  writeFileSync(file, pemOf(two));
  expect(namesIn(anchors)).toEqual(["CN=two"]);
});

test("nothing is trusted without the file", () => {
  writeFileSync(file, pemOf(one));
  const anchors = new CertificateAnchors(file);
  expect(namesIn(anchors)).toEqual(["CN=one"]);
  rmSync(file);
  expect(() => anchors.current).toThrow("cannot be used");
});

test("a pipe in the file's place keeps nobody waiting", () => {
  execFileSync("mkfifo", [file]);
  expect(() => new CertificateAnchors(file).current).toThrow("is no file");
});

test("a directory is followed, PEM and DER alike", () => {
  const anchors = new CertificateAnchors(directory);
  expect(() => anchors.current).toThrow("holds no certificate");
  writeFileSync(join(directory, "b.pem"), pemOf(one));
  writeFileSync(join(directory, "a.der"), two.der);
  writeFileSync(join(directory, "README"), "not looked at");
  expect(namesIn(anchors)).toEqual(["CN=two", "CN=one"]);
  rmSync(join(directory, "b.pem"));
  expect(namesIn(anchors)).toEqual(["CN=two"]);
  writeFileSync(join(directory, "c.crt"), "broken");
  expect(() => anchors.current).toThrow("c.crt cannot be used");
  rmSync(join(directory, "c.crt"));
  mkdirSync(join(directory, "d.pem"));
  expect(() => anchors.current).toThrow("is no file");
});

test("whatever a file is read with may refuse it", () => {
  writeFileSync(file, "1");
  const reloaded = new ReloadedFile(file, (bytes) => JSON.parse(bytes.toString()) as number);
  expect(reloaded.current).toBe(1);
  writeFileSync(file, "{");
  expect(() => reloaded.current).toThrow(expect.objectContaining({ code: "denied" }));
  writeFileSync(file, "20");
  expect(reloaded.current).toBe(20);
});
