import { createHash, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { type Custody, openCustody } from "../../../services/certificate-authority/custody/custody.ts";
import { ML_DSA_ALGORITHMS } from "../../../services/certificate-authority/domain/issuer.ts";
import { decodeRequests } from "../../../services/certificate-authority/signer/csr-decoder.ts";
import { pemBlock } from "../../builders/der.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { describeMlDsa } from "../../builders/ml-dsa.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const NEEDS = { depthBelow: 0, maximumPathLength: undefined, nameConstraints: undefined };

let home: string;
let custody: Custody;
const open = () => openCustody({ directory: join(home, "keys"), encryption: {}, logger: recordingLogger().logger });

beforeAll(async () => {
  home = temporaryDirectory();
  custody = await open();
});

function file(name: string, content: string | Buffer): string {
  const path = join(home, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** PKCS#8 with nothing but the seed, as RFC 9881 section 6 prefers it; of what Node writes octets 30 to 61 are the seed. */
function seedOnly(pkcs8Der: Buffer): string {
  const head = Buffer.from("3034020100300b060960864801650304031204228020", "hex");
  return pemBlock("PRIVATE KEY", Buffer.concat([head, pkcs8Der.subarray(30, 62)]));
}

describeMlDsa("issuers of ML-DSA", () => {
  test.each(ML_DSA_ALGORITHMS)("%s: made, self-signed, sealed and loaded after a restart", async (algorithm) => {
    const { description, privateKey } = await custody.createIssuer({ algorithm, now: new Date() });
    expect(description.keyAlgorithm).toBe(algorithm);
    const certificate = new X509Certificate(description.certificatePem);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.ca).toBe(true);
    expect(certificate.checkPrivateKey(privateKey)).toBe(true);
    const spki = certificate.publicKey.export({ format: "der", type: "spki" });
    // RFC 5280, 4.2.1.2: the SHA-1 of the key's bits, which follow 22 octets of headers.
    expect(certificate.raw.includes(createHash("sha1").update(spki.subarray(22)).digest())).toBe(true);
    const sealed = readFileSync(join(home, "keys", `issuer-${description.id}.sealed`));
    expect(sealed.includes(privateKey.export({ format: "der", type: "pkcs8" }).subarray(-64))).toBe(false);
    const loaded = await (await open()).loadIssuer(description.id, new Date());
    expect(loaded.privateKey.equals(privateKey)).toBe(true);
  });

  test.each(["the seed alone", "as Node writes it"])("imported from files, the key in PKCS #8: %s", async (form) => {
    const { certificatePem, privateKey } = buildIssuer("ml-dsa-65");
    const pem = form === "the seed alone" ? seedOnly(privateKey.export({ format: "der", type: "pkcs8" })) : undefined;
    const keyFile = file("import.key", pem ?? privateKey.export({ format: "pem", type: "pkcs8" }));
    const files = { certificateFile: file("import.crt", certificatePem), keyFile };
    const { issuer } = await custody.importIssuer({ ...files, now: new Date() });
    expect(issuer.description.keyAlgorithm).toBe("ml-dsa-65");
    expect((await custody.importIssuer({ ...files, now: new Date() })).issuer.description.id).toBe(
      issuer.description.id,
    );
  });

  test("a key of another parameter set than the certificate's is refused", async () => {
    const certificateFile = file("other.crt", buildIssuer("ml-dsa-44").certificatePem);
    const other = buildIssuer("ml-dsa-65").privateKey.export({ format: "pem", type: "pkcs8" });
    const files = { certificateFile, keyFile: file("other.key", other) };
    await expect(custody.importIssuer({ ...files, now: new Date() })).rejects.toMatchObject({ code: "KeyMismatch" });
  });

  test.each([
    { above: "ml-dsa-87", below: "ml-dsa-44" },
    { above: "ml-dsa-65", below: "ecdsa-p256" },
    { above: "rsa-2048", below: "ml-dsa-65" },
  ] as const)("$above signs an intermediate of $below", async ({ above, below }) => {
    const now = new Date();
    const root = await custody.createIssuer({ algorithm: above, commonName: "root", now, pathLength: 1 });
    const parent = { issuer: root, ancestors: [] };
    const lifetimeSeconds = 86_400;
    const made = await custody.createIssuer({ algorithm: below, commonName: "child", now, parent, lifetimeSeconds });
    const certificate = new X509Certificate(made.description.certificatePem);
    expect(certificate.verify(new X509Certificate(root.description.certificatePem).publicKey)).toBe(true);
    expect(made.description.keyAlgorithm).toBe(below);
    expect(made.authority).toMatchObject({ isSelfSigned: false, pathLength: undefined });
  });

  test("asks for its certificate elsewhere, and takes the answer", async () => {
    const now = new Date();
    const wish = { commonName: "nodes", pathLength: 0, algorithm: "ml-dsa-44" as const };
    const requestPem = await custody.requestIssuer("nodes", wish);
    const [decoding] = decodeRequests([Buffer.from(requestPem).toString("base64")], undefined, { acceptsMlDsa: true });
    if (decoding?.kind !== "facts") throw new Error(decoding?.message);
    expect(decoding.facts.key).toEqual({ algorithm: "ML-DSA", parameterSet: "ML-DSA-44" });
    // As another CA would, of ML-DSA itself.
    const root = buildIssuer("ml-dsa-87", { commonName: "corporate", withoutPathLength: true });
    const { spkiDer } = decoding.facts;
    const { certificatePem } = buildIssuer("ecdsa-p256", { commonName: "nodes", parent: root, spkiDer });
    const installed = await custody.installIssuer("nodes", certificatePem + root.certificatePem, now, NEEDS);
    const { description, privateKey } = installed.issuer;
    expect(new X509Certificate(description.certificatePem).checkPrivateKey(privateKey)).toBe(true);
    const { publicKey } = new X509Certificate(root.certificatePem);
    expect(new X509Certificate(certificatePem).verify(publicKey)).toBe(true);
  });

  test("an error about a key that cannot be read does not name a newer runtime than this one", async () => {
    const { certificatePem } = buildIssuer("ml-dsa-44");
    const certificateFile = file("damaged.crt", certificatePem);
    const keyFile = file("damaged.key", "-----BEGIN PRIVATE KEY-----\nYII=\n-----END PRIVATE KEY-----\n");
    await expect(custody.importIssuer({ certificateFile, keyFile, now: new Date() })).rejects.toMatchObject({
      code: "InvalidPrivateKey",
    });
  });
});
