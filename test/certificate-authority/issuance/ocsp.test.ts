import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import request from "supertest";
import { generateKeyPair } from "../../../services/certificate-authority/custody/key-pair.ts";
import { ocspHandlers } from "../../../services/certificate-authority/http/admin-api/ocsp.ts";
import { createOcspResponder, type OcspResponder } from "../../../services/certificate-authority/issuance/ocsp.ts";
import type { IssuerDirectory } from "../../../services/certificate-authority/issuer-directory.ts";
import { ocspResponderKeys } from "../../../services/certificate-authority/ocsp-responder-keys.ts";
import { createOcspCodec } from "../../../services/certificate-authority/signer/ocsp-codec.ts";
import { readOcspRequest } from "../../../services/certificate-authority/signer/ocsp-request-reader.ts";
import { createSigner, type Signer } from "../../../services/certificate-authority/signer/signer.ts";
import { DerError } from "../../../services/shared/der/der-reader.ts";
import { element, oid, sequence, TAG } from "../../builders/der.ts";
import { appOf } from "../../builders/edge.ts";
import { buildIntent } from "../../builders/intent.ts";
import { type BuiltIssuer, buildIssuer } from "../../builders/issuer.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { openssl } from "../../builders/openssl.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { bytes } from "../http/admin-api/fixture.ts";

const directory = temporaryDirectory();
const { logger } = recordingLogger();
const clock = { offset: 0, now: () => new Date(Date.now() + clock.offset) };
const issuer = buildIssuer();
const other = buildIssuer("rsa-2048", { commonName: "Another CA" });
let opened: TestLedger;
let signer: Signer;
let responder: OcspResponder;
let app: ReturnType<typeof appOf>;

const idOf = ({ certificateDer }: BuiltIssuer): string => createHash("sha256").update(certificateDer).digest("hex");

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const CA = file("ca.pem", issuer.certificatePem);
const OTHER_CA = file("other.pem", other.certificatePem);

beforeAll(async () => {
  opened = await openTestLedger({ clock });
  const { ledger } = opened;
  for (const { certificateDer, certificatePem } of [issuer, other]) {
    const id = createHash("sha256").update(certificateDer).digest("hex");
    await ledger.issuers.record(issuerRecord({ id, name: id, certificateDer, certificatePem }));
  }
  const issuers = [issuer, other];
  signer = createSigner({ issuers, workers: 1, clock, logger });
  const signing: IssuerDirectory["signing"] = issuers;
  const responderFor = ocspResponderKeys({
    issuers: { directory: { signing } as unknown as IssuerDirectory },
    ...{ signer: signer.signer, certificates: ledger.certificates, clock, logger },
    generateKeyPair: () => generateKeyPair("ecdsa-p256"),
  });
  const codec = createOcspCodec({ issuers: () => signing, responderFor });
  responder = createOcspResponder({ codec, ...ledger, validitySeconds: 3600, clock, logger });
  const { get, post } = ocspHandlers({ ocsp: responder });
  app = appOf([
    { method: "POST", path: "/v1/ocsp", handler: post },
    { method: "GET", path: "/v1/ocsp/*request", handler: get },
  ]);
});
afterAll(async () => {
  await signer.close();
  await opened.close();
});

/** A certificate on record; its path. */
async function certificate(
  name: string,
  by = issuer,
): Promise<{ readonly path: string; readonly fingerprint: string }> {
  const signed = await signer.signer.sign(buildIntent(), idOf(by));
  const { serial, fingerprint, der } = signed;
  await opened.ledger.certificates.record(certificateRecord({ serial, fingerprint, der, issuerId: idOf(by) }));
  return { path: file(`${name}.pem`, signed.pem), fingerprint };
}

function revoke(fingerprint: string) {
  const target = { kind: "certificates", fingerprints: [fingerprint] } as const;
  return opened.ledger.revocations.revoke({ target, reason: "keyCompromise", message: "", by: "alice" });
}

/** What openssl asks about certificates, as DER. */
function asked(paths: readonly string[], ...options: readonly string[]): Buffer {
  const path = join(directory, `request-${randomBytes(4).toString("hex")}.der`);
  const certificates = paths.flatMap((each) => ["-cert", each]);
  openssl("ocsp", ...options, "-issuer", CA, ...certificates, "-reqout", path);
  return readFileSync(path);
}

/** What openssl makes of the answer to a question: what it prints and what it warns of. */
function judged(question: Buffer, answer: Uint8Array, paths: readonly string[], ca = CA): string {
  const certificates = paths.flatMap((each) => ["-cert", each]);
  const files = ["-reqin", file("q.der", question), "-respin", file("a.der", answer)];
  const { stdout, stderr } = spawnSync(
    "openssl",
    ["ocsp", "-no_nonce", "-issuer", ca, ...certificates, ...files, "-CAfile", ca],
    {
      encoding: "utf8",
    },
  );
  return stderr + stdout;
}

test("openssl hears good, revoked and unknown, with its nonce, of several at a time, and verifies the answer", async () => {
  const [good, bad] = [await certificate("good"), await certificate("bad")];
  await revoke(bad.fingerprint);
  const foreign = await signer.signer.sign(buildIntent(), idOf(issuer));
  const unknown = file("unknown.pem", foreign.pem);
  const paths = [good.path, bad.path, unknown];
  const question = asked(paths);
  const text = judged(question, (await responder.answer(question)).der, paths);
  expect(text).toContain("Response verify OK");
  expect(text).not.toMatch(/nonce/i);
  expect(text).toContain(`${good.path}: good`);
  expect(text).toMatch(new RegExp(`${bad.path}: revoked\n(.*\n)*.*Reason: keyCompromise\n.*Revocation Time:`));
  expect(text).toContain(`${unknown}: unknown`);
});

test.each(["-sha1", "-sha256", "-sha384", "-sha512"])("issuers are known by %s", async (hash) => {
  const { path } = await certificate("hashed");
  const question = asked([path], hash, "-no_nonce");
  const { der } = await responder.answer(question);
  const text = openssl("ocsp", "-respin", file("h.der", der), "-noverify", "-resp_text");
  expect(text).toContain("Cert Status: good");
});

test("the answer is signed by a responder of its issuer, which nobody need check", async () => {
  const { path } = await certificate("signed");
  const question = asked([path]);
  const { der } = await responder.answer(question);
  const text = openssl("ocsp", "-respin", file("s.der", der), "-CAfile", CA, "-issuer", CA, "-resp_text");
  expect(text).toContain("X509v3 Extended Key Usage: \n                OCSP Signing");
  expect(text).toContain("OCSP No Check");
  const [recorded] = (await opened.ledger.certificates.find({ signerName: "gatehouse.dev/ocsp", limit: 10 })).items;
  expect(recorded).toMatchObject({ issuerId: idOf(issuer), commonName: "gatehouse-ocsp" });
});

test("an issuer of another kind of key has a responder of its own", async () => {
  const { path } = await certificate("rsa", other);
  const out = join(directory, "rsa.der");
  openssl("ocsp", "-issuer", OTHER_CA, "-cert", path, "-reqout", out);
  const question = readFileSync(out);
  const text = judged(question, (await responder.answer(question)).der, [path], OTHER_CA);
  expect(text).toContain("Response verify OK");
  expect(text).toContain(`${path}: good`);
});

test("without a nonce the answer is kept, until something is revoked or half of its time is over", async () => {
  const { path, fingerprint } = await certificate("kept");
  const question = asked([path], "-no_nonce");
  const first = await responder.answer(question);
  expect(await responder.answer(question)).toBe(first);
  const { fingerprint: another } = await certificate("another");
  await revoke(another);
  const second = await responder.answer(question);
  expect(second).not.toBe(first);
  clock.offset = 1_801_000;
  const third = await responder.answer(question);
  clock.offset = 0;
  expect(third).not.toBe(second);
  await revoke(fingerprint);
  expect(judged(question, (await responder.answer(question)).der, [path])).toContain(`${path}: revoked`);
});

test("with a nonce each answer is made for its question", async () => {
  const { path } = await certificate("nonce");
  const question = asked([path]);
  const first = await responder.answer(question);
  expect(first.keptUntil).toBeUndefined();
  const nonceIn = (text: string): string | undefined => /OCSP Nonce: \n +([0-9A-F]+)/.exec(text)?.[1];
  const sent = nonceIn(openssl("ocsp", "-reqin", file("n.der", question), "-req_text", "-no_nonce"));
  const returned = nonceIn(openssl("ocsp", "-respin", file("n.der", first.der), "-resp_text", "-noverify"));
  expect(sent).toMatch(/^[0-9A-F]{32,}$/);
  expect(returned).toBe(sent);
  const plain = await responder.answer(asked([path], "-no_nonce"));
  expect(openssl("ocsp", "-respin", file("n.der", plain.der), "-resp_text", "-noverify")).not.toContain("Nonce");
});

test("a certificate of somebody else's issuer is no business of ours", async () => {
  const stranger = buildIssuer();
  const { path } = await certificate("ours");
  const out = join(directory, "stranger.der");
  openssl("ocsp", "-issuer", file("stranger.pem", stranger.certificatePem), "-cert", path, "-reqout", out);
  const { der } = await responder.answer(readFileSync(out));
  expect(Buffer.from(der).toString("hex")).toBe("30030a0106");
});

/** A question with an extension 1.2.3; `critical` is a BOOLEAN in hex, or nothing. */
function withExtension(critical: string): Buffer {
  const hash = element(TAG.octetString, Buffer.alloc(20));
  const id = sequence(sequence(oid("1.3.14.3.2.26")), hash, hash, element(TAG.integer, Buffer.from([1])));
  const extension = sequence(oid("1.2.3"), Buffer.from(critical, "hex"), element(TAG.octetString));
  return sequence(sequence(sequence(sequence(id)), element(0xa2, sequence(extension))));
}

test("an extension that is not critical is passed over", () => {
  expect(readOcspRequest(withExtension("")).certificates).toHaveLength(1);
});

test.each([
  { name: "nothing", octets: Buffer.alloc(0) },
  { name: "text", octets: Buffer.from("GET / HTTP/1.1") },
  { name: "17 KB", octets: Buffer.alloc(17 * 1024, 0x30) },
  { name: "an empty list", octets: Buffer.from("300430023000", "hex") },
  { name: "what has a critical extension that nobody knows", octets: withExtension("0101ff") },
  { name: "what has neither true nor false for critical", octets: withExtension("010101") },
])("$name is a malformed request", async ({ octets }) => {
  expect(Buffer.from((await responder.answer(octets)).der).toString("hex")).toBe("30030a0101");
});

test("while an issuer cannot charge a responder, one is told to try later", async () => {
  const { path } = await certificate("later");
  const question = asked([path]);
  const failing = async (): Promise<never> => {
    await Promise.resolve();
    const { StatusError } = await import("../../../services/shared/status-error.ts");
    throw new StatusError("ServiceUnavailable", "the token is away");
  };
  const codec = createOcspCodec({ issuers: () => [issuer], responderFor: failing });
  const { certificates, revocations } = opened.ledger;
  const away = createOcspResponder({ codec, certificates, revocations, validitySeconds: 60, clock, logger });
  expect(Buffer.from((await away.answer(question)).der).toString("hex")).toBe("30030a0103");
});

test("by GET and POST the same is answered, and GET may be cached", async () => {
  const { path } = await certificate("http");
  const question = asked([path], "-no_nonce");
  const url = `/v1/ocsp/${encodeURIComponent(question.toString("base64"))}`;
  const got = await request(app).get(url).buffer(true).parse(bytes).expect(200);
  expect(got.headers).toMatchObject({
    "content-type": "application/ocsp-response",
    "cache-control": "max-age=3600, public, no-transform, must-revalidate",
  });
  const type = "application/ocsp-request";
  const posted = request(app).post("/v1/ocsp").set("content-type", type).send(question);
  const { body } = await posted.buffer(true).parse(bytes).expect(200);
  expect(body).toEqual(got.body);
  expect(judged(question, body, [path])).toContain(`${path}: good`);
  const unescaped = await request(app)
    .get(`/v1/ocsp/${question.toString("base64")}`)
    .expect(200);
  expect(unescaped.headers["content-type"]).toBe("application/ocsp-response");
});

test("what is no OCSP is refused", async () => {
  await request(app).post("/v1/ocsp").set("content-type", "application/json").send("{}").expect(415);
  const malformed = await request(app).get("/v1/ocsp/%25%25").buffer(true).parse(bytes).expect(200);
  expect((malformed.body as Buffer).toString("hex")).toBe("30030a0101");
  const { get } = ocspHandlers({ ocsp: undefined });
  await request(appOf([{ method: "GET", path: "/v1/ocsp/*request", handler: get }]))
    .get("/v1/ocsp/MAA=")
    .expect(404);
});

test("a mutated request is refused with a DerError or read within bounds", async () => {
  const { path } = await certificate("fuzz");
  const originals = [asked([path]), asked([path, path], "-sha256")];
  const mutation = fc.record({
    original: fc.constantFrom(...originals),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    octets: fc.uint8Array({ maxLength: 6 }),
    removed: fc.integer({ min: 0, max: 6 }),
  });
  fc.assert(
    fc.property(mutation, ({ original, at, octets, removed }) => {
      const start = Math.floor(at * original.length);
      const mutated = Buffer.concat([original.subarray(0, start), octets, original.subarray(start + removed)]);
      try {
        const { certificates, nonce } = readOcspRequest(mutated);
        expect(certificates.length).toBeLessThanOrEqual(64);
        expect(nonce?.length ?? 0).toBeLessThanOrEqual(131);
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    }),
    { numRuns: 3_000 },
  );
});
