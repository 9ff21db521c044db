import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ATTRIBUTE, encodePublic } from "../../../../services/shared/tpm/public-area.ts";
import {
  buildChainAuthority,
  buildChainCertificate,
  CHAIN_NOW,
  type ChainCertificateArguments,
  CLIENT_AUTH,
  extension,
} from "../../../builders/certificate-chain.ts";
import { element } from "../../../builders/der.ts";
import {
  criticalNames,
  EK_CERTIFICATE,
  encodeCertification,
  encodeQuote,
  endorsementCertificate,
  FIRMWARE_PCRS,
  type SoftMachine,
  softAttestationKey,
  softEndorsementKey,
  softExchange,
  softHello,
  softKey,
  softMachine,
  softName,
  softPcrs,
  type softProof,
  softSignature,
  text,
  tpmName,
  VENDOR,
  VENDOR_ISSUER,
} from "../../../builders/soft-tpm.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { anchorsFile, type TpmExchange, tpm2Attestor, verifyExchange } from "../../../builders/tpm-attestation.ts";

const ekRoots = anchorsFile(VENDOR.pem);
const attestor = tpm2Attestor({ ekRoots });
const ek = softEndorsementKey();
const ak = softAttestationKey();
const machine = softMachine({ ek, ak });
const right = softExchange(machine);

const evidenceOf = (exchange: TpmExchange, by = attestor) => verifyExchange(by, exchange, CHAIN_NOW);

/** "accepted", or why not. */
async function outcome(exchange: TpmExchange, by = attestor, now = CHAIN_NOW): Promise<string> {
  return await verifyExchange(by, exchange, now).then(
    () => "accepted",
    (error: unknown) => (error as Error).message,
  );
}

const withCertificates = (...certificates: SoftMachine["certificates"]) => softExchange({ ...machine, certificates });

test("evidence names the machine by its endorsement key, and pins its attestation key", async () => {
  expect(await evidenceOf(right)).toEqual({
    machineId: expect.stringMatching(/^tpm2:[0-9a-f]{64}$/),
    pins: { attestation_key: softName(machine) },
    fields: {
      ek_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      ek_template: "p256",
      ek_certified: "true",
      tpm_manufacturer: "id:00001014",
      tpm_model: "swtpm",
      tpm_version: "id:1",
      firmware_version: "2024012500120000",
      reset_count: "3",
      restart_count: "1",
      pcr_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
    isFresh: true,
  });
});

test.each([
  { name: "an RSA endorsement key", changes: () => ({ ek: softEndorsementKey("rsa2048") }) },
  { name: "an RSASSA attestation key", changes: () => ({ ak: rsaKey("rsassa") }) },
  { name: "an RSAPSS attestation key", changes: () => ({ ak: rsaKey("rsapss") }) },
  {
    name: "a P-384 attestation key with SHA-384",
    changes: () => ({
      ak: softAttestationKey({
        nameAlg: "sha384",
        scheme: { name: "ecdsa", hash: "sha384" },
        key: { type: "ecc", curve: "P-384", x: Buffer.alloc(0), y: Buffer.alloc(0) },
      }),
    }),
  },
])("$name is taken", async ({ changes }) => {
  expect(await outcome(softExchange(softMachine(changes())))).toBe("accepted");
});

function rsaKey(name: "rsassa" | "rsapss") {
  const key = { type: "rsa", bits: 2048, modulus: Buffer.alloc(0) } as const;
  return softAttestationKey({ scheme: { name, hash: "sha256" }, key });
}

const expired = { notAfter: new Date("2026-05-01T00:00:00Z") };
const future = { notBefore: new Date("2026-07-01T00:00:00Z"), notAfter: new Date("2027-07-01T00:00:00Z") };
const stranger = buildChainAuthority({ commonName: "stranger" });
const names = criticalNames(tpmName());
const shown = (changes: ChainCertificateArguments) => endorsementCertificate(ek, changes);
const usage = extension.keyUsage("keyAgreement");
const purpose = extension.extendedKeyUsage(EK_CERTIFICATE);

test.each([
  { name: "of another CA", certificate: shown({ issuer: stranger }), message: "leads to no anchor" },
  {
    name: "that made itself",
    certificate: buildChainCertificate({ key: ek.privateKey, extensions: [usage, purpose, names] }),
    message: "leads to no anchor",
  },
  { name: "that has expired", certificate: shown(expired), message: "has expired" },
  { name: "that is not valid yet", certificate: shown(future), message: "not valid yet" },
  {
    name: "for other uses",
    certificate: shown({ extensions: [usage, extension.extendedKeyUsage(CLIENT_AUTH), names] }),
    message: "does not have the extended key usage 2.23.133.8.1",
  },
  {
    name: "for no uses",
    certificate: shown({ extensions: [usage, names] }),
    message: "does not have the extended key usage",
  },
  {
    name: "that signs instead of decrypting",
    certificate: shown({ extensions: [extension.keyUsage("digitalSignature"), purpose, names] }),
    message: "key usage does not allow",
  },
  {
    name: "of a CA",
    certificate: shown({ extensions: [usage, purpose, names, extension.authority()] }),
    message: "is a CA's",
  },
  {
    name: "with a critical extension nobody knows",
    certificate: shown({ extensions: [usage, purpose, names, extension.unknown(true)] }),
    message: "critical extension that is not understood",
  },
  {
    name: "with critical names of something else",
    certificate: shown({ extensions: [usage, purpose, criticalNames(element(0x82, "tpm.example"))] }),
    message: "critical names, and none of a TPM",
  },
  {
    name: "of two TPMs",
    certificate: shown({ extensions: [usage, purpose, criticalNames(tpmName(), tpmName())] }),
    message: "names of the endorsement key's certificate cannot be read",
  },
  {
    name: "of another key",
    certificate: endorsementCertificate(softEndorsementKey()),
    message: "of another endorsement key",
  },
])("an endorsement certificate $name is refused", async ({ certificate, message }) => {
  expect(await outcome(withCertificates(certificate, VENDOR_ISSUER))).toContain(message);
});

test("a certificate whose names are not critical may lack them", async () => {
  const bare = shown({ extensions: [usage, purpose] });
  const { fields } = await evidenceOf(withCertificates(bare, VENDOR_ISSUER));
  expect(fields).not.toHaveProperty("tpm_model");
  expect(fields["ek_certified"]).toBe("true");
});

test("padding behind a certificate is refused: nobody signed it", async () => {
  const { der, ...rest } = endorsementCertificate(ek);
  const padded = { ...rest, der: Buffer.concat([der, Buffer.alloc(16)]) };
  expect(await outcome(withCertificates(padded, VENDOR_ISSUER))).toContain("followed by other octets");
});

test("CAs that the machine does not send come from the profile, which does not trust them by themselves", async () => {
  const alone = withCertificates(endorsementCertificate(ek));
  expect(await outcome(alone)).toContain("leads to no anchor");
  expect(await outcome(alone, tpm2Attestor({ ekRoots, ekIntermediates: anchorsFile(VENDOR_ISSUER.pem) }))).toBe(
    "accepted",
  );
  const strangers = tpm2Attestor({
    ekRoots: anchorsFile(stranger.pem),
    ekIntermediates: anchorsFile(VENDOR_ISSUER.pem),
  });
  expect(await outcome(alone, strangers)).toContain("leads to no anchor");
});

test("a root that is taken away counts at once", async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "vendor.pem"), VENDOR.pem);
  writeFileSync(join(directory, "other.pem"), stranger.pem);
  const by = tpm2Attestor({ ekRoots: directory });
  expect(await outcome(right, by)).toBe("accepted");
  rmSync(join(directory, "vendor.pem"));
  expect(await outcome(right, by)).toContain("leads to no anchor");
  rmSync(join(directory, "other.pem"));
  expect(await outcome(right, by)).toContain("nothing is trusted");
});

test("without certificate a machine has to be enrolled, where that is allowed at all", async () => {
  const bare = withCertificates();
  expect(await outcome(bare)).toContain("has no certificate, and the profile does not allow that");
  const { mustBeEnrolled, fields } = await evidenceOf(bare, tpm2Attestor({ allowUncertifiedEk: true }));
  expect({ mustBeEnrolled, certified: fields["ek_certified"] }).toEqual({ mustBeEnrolled: true, certified: "false" });
  // Certificates that nobody could verify count as none.
  const unverified = await evidenceOf(right, tpm2Attestor({ allowUncertifiedEk: true }));
  expect(unverified.mustBeEnrolled).toBe(true);
  expect(unverified.fields).not.toHaveProperty("tpm_model");
  // One that is shown has to be right, where it can be verified.
  const both = tpm2Attestor({ allowUncertifiedEk: true, ekRoots });
  expect((await evidenceOf(right, both)).mustBeEnrolled).toBeUndefined();
  expect(await outcome(withCertificates(endorsementCertificate(ek, { issuer: stranger })), both)).toContain(
    "no anchor",
  );
});

const P256 = { type: "ecc", curve: "P-256", x: Buffer.alloc(0), y: Buffer.alloc(0) } as const;
test.each([
  { name: "that signs as well", area: { ...ek.area, attributes: ek.area.attributes | ATTRIBUTE.sign } },
  { name: "that is not restricted", area: { ...ek.area, attributes: ek.area.attributes & ~ATTRIBUTE.restricted } },
  { name: "with another policy", area: { ...ek.area, authPolicy: Buffer.alloc(32) } },
  { name: "without policy", area: { ...ek.area, authPolicy: Buffer.alloc(0) } },
  { name: "with a longer cipher", area: { ...ek.area, aesBits: 256 } },
  { name: "on another curve", area: { ...ek.area, key: { ...P256, curve: "P-384" as const } } },
])("an endorsement key $name is of no standard template", async ({ area }) => {
  const other = softKey(area);
  const exchange = softExchange(softMachine({ ek: other }));
  expect(await outcome(exchange)).toContain("of no standard template");
  expect(() => attestor.challenge?.({ hello: exchange.hello, nonce: randomBytes(32) })).toThrow("no standard template");
});

test("a template that the profile does not list is refused before there is a challenge", async () => {
  const by = tpm2Attestor({ ekRoots, ekTemplates: ["rsa2048"] });
  const message = "no endorsement keys of the template p256";
  expect(await outcome(right, by)).toContain(message);
  expect(() => by.challenge?.({ hello: right.hello, nonce: randomBytes(32) })).toThrow(message);
});

const { attributes } = ak.area;
test.each([
  { name: "unrestricted", changes: { attributes: attributes & ~ATTRIBUTE.restricted }, message: "is not restricted" },
  { name: "movable", changes: { attributes: attributes & ~ATTRIBUTE.fixedTPM }, message: "is not fixedTPM" },
  {
    name: "movable with its parent",
    changes: { attributes: attributes & ~ATTRIBUTE.fixedParent },
    message: "fixedParent",
  },
  {
    name: "imported",
    changes: { attributes: attributes & ~ATTRIBUTE.sensitiveDataOrigin },
    message: "sensitiveDataOrigin",
  },
  { name: "no signing", changes: { attributes: attributes & ~ATTRIBUTE.sign }, message: "is not sign" },
  { name: "decrypting", changes: { attributes: attributes | ATTRIBUTE.decrypt }, message: "is decrypt" },
  { name: "X.509", changes: { attributes: attributes | ATTRIBUTE.x509sign }, message: "is x509sign" },
  { name: "schemeless", changes: { scheme: undefined }, message: "bound to no signature scheme" },
  { name: "P-521", changes: { key: { ...P256, curve: "P-521" as const } }, message: "P-521 is not P-256 or P-384" },
])("an attestation key that is $name is refused, at the challenge already", async ({ changes, message }) => {
  const exchange = softExchange({ ...machine, ak: softAttestationKey(changes) });
  expect(await outcome(exchange)).toContain(message);
  expect(() => attestor.challenge?.({ hello: exchange.hello, nonce: randomBytes(32) })).toThrow(message);
});

test("an attestation key that is no point of its curve is refused", async () => {
  const area = { ...ak.area, key: { ...P256, x: Buffer.alloc(32, 1), y: Buffer.alloc(32, 2) } };
  const hello = { ...softHello(machine), akPub: text(encodePublic(area)) };
  expect(() => attestor.challenge?.({ hello, nonce: randomBytes(32) })).toThrow("unique");
});

const tampered = (changes: Record<string, unknown>): TpmExchange => ({
  ...right,
  proof: { ...right.proof, ...changes },
});
const quoted = (quote: Parameters<typeof softProof>[3]): TpmExchange => softExchange(machine, quote);

test.each([
  {
    name: "another secret",
    exchange: tampered({ secret: text(randomBytes(32)) }),
    message: "did not recover the secret",
  },
  { name: "half of the secret", exchange: tampered({ secret: text(right.secret.subarray(16)) }), message: "recover" },
  { name: "no secret", exchange: tampered({ secret: "" }), message: "did not recover the secret" },
  { name: "a challenge without secret", exchange: { ...right, secret: undefined }, message: "had no secret" },
  {
    name: "another bind: other key, name, challenge",
    exchange: { ...right, bind: randomBytes(32) },
    message: "not made for this",
  },
  { name: "a longer bind", exchange: quoted({ extraData: randomBytes(33) }), message: "not made for this challenge" },
  { name: "no bind", exchange: quoted({ extraData: Buffer.alloc(0) }), message: "not made for this challenge" },
  { name: "another magic", exchange: quoted({ magic: 0xff544348 }), message: "a TPM did not make this" },
  { name: "another type", exchange: quoted({ type: 0x8017 }), message: "0x8017 is not 0x8018" },
  { name: "fewer PCRs", exchange: quoted({ selection: { sha256: [0, 1, 2] } }), message: "over other PCRs" },
  { name: "more PCRs", exchange: quoted({ selection: { sha256: [...FIRMWARE_PCRS, 8] } }), message: "over other PCRs" },
  { name: "no PCRs", exchange: quoted({ selection: {} }), message: "over other PCRs" },
  { name: "another bank", exchange: quoted({ selection: { sha384: FIRMWARE_PCRS } }), message: "over other PCRs" },
  { name: "another digest", exchange: quoted({ digest: randomBytes(32) }), message: "are not those of the quote" },
  { name: "values of fewer PCRs", exchange: quoted({ values: softPcrs([0, 1]) }), message: "not those of the PCRs" },
  {
    name: "values of other PCRs",
    exchange: quoted({ values: softPcrs([0, 1, 2, 3, 4, 5, 6, 9]) }),
    message: "no value of PCR sha256:7",
  },
  {
    name: "values of more PCRs",
    exchange: quoted({ values: softPcrs([...FIRMWARE_PCRS, 8]) }),
    message: "not those of the PCRs",
  },
  {
    name: "another key's signature",
    exchange: tampered({ signature: signedBy(softAttestationKey()) }),
    message: "did not sign",
  },
  {
    name: "a signature by another scheme",
    exchange: tampered({ signature: signedBy(rsaKey("rsassa")) }),
    message: "the scheme",
  },
  { name: "an event log nobody asked for", exchange: tampered({ eventLog: "" }), message: "was not asked for" },
])("a proof with $name is refused", async ({ exchange, message }) => {
  expect(await outcome(exchange)).toContain(message);
});

function signedBy(key: typeof ak): string {
  return text(softSignature(key, Buffer.from(String(right.proof["attest"]), "base64url")));
}

test("a certification is no quote", async () => {
  const attest = encodeCertification(Buffer.alloc(34), right.bind);
  const exchange = tampered({ attest: text(attest), signature: text(softSignature(ak, attest)) });
  expect(await outcome(exchange)).toContain("0x8017 is not 0x8018");
});

test.each([
  { name: "a field of hello that nobody knows", exchange: { ...right, hello: { ...right.hello, ekName: "x" } } },
  { name: "a field of the proof that nobody knows", exchange: tampered({ machineId: "x" }) },
  { name: "no proof", exchange: { ...right, proof: {} } },
  { name: "no hello", exchange: { ...right, hello: {} } },
  { name: "too many certificates", exchange: withCertificates(...Array.from({ length: 6 }, () => VENDOR_ISSUER)) },
  { name: "an oversized quote", exchange: tampered({ attest: "A".repeat(4096) }) },
  { name: "a PCR that does not exist", exchange: tampered({ pcrs: { sha256: { 24: text(Buffer.alloc(32)) } } }) },
  { name: "a bank that is not understood", exchange: tampered({ pcrs: { sha1: {} } }) },
])("$name is refused", async ({ exchange }) => {
  expect(await outcome(exchange)).not.toBe("accepted");
});

test.each(["secret", "attest", "signature"] as const)("%s is refused at every length but its own", async (field) => {
  const whole = Buffer.from(String(right.proof[field]), "base64url");
  for (let length = 0; length < whole.length; length += 1)
    expect(await outcome(tampered({ [field]: text(whole.subarray(0, length)) }))).not.toBe("accepted");
  expect(await outcome(tampered({ [field]: text(Buffer.concat([whole, Buffer.alloc(1)])) }))).not.toBe("accepted");
});

test.each(["ekPub", "akPub"] as const)("%s is refused at every length but its own", async (field) => {
  const whole = Buffer.from(right.hello[field], "base64url");
  const changed = (octets: Uint8Array) => ({ ...right, hello: { ...right.hello, [field]: text(octets) } });
  for (let length = 0; length < whole.length; length += 1)
    expect(await outcome(changed(whole.subarray(0, length)))).not.toBe("accepted");
  expect(await outcome(changed(Buffer.concat([whole, Buffer.alloc(1)])))).not.toBe("accepted");
});

test("a bit that flips anywhere in quote or signature is noticed", async () => {
  for (const field of ["attest", "signature"]) {
    const whole = Buffer.from(String(right.proof[field]), "base64url");
    for (let bit = 0; bit < whole.length * 8; bit += 7) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await outcome(tampered({ [field]: text(flipped) }))).not.toBe("accepted");
    }
  }
});

test("policies of PCRs are kept, and reread", async () => {
  const values = softPcrs(FIRMWARE_PCRS).get("sha256");
  const hexOf = (number: number) => values?.get(number)?.toString("hex") ?? "";
  const pcrPolicy = join(temporaryDirectory(), "policy.json");
  const by = tpm2Attestor({ ekRoots, pcrPolicy });
  const write = (policy: unknown) => writeFileSync(pcrPolicy, JSON.stringify(policy));
  write({ values: { sha256: { 0: ["00".repeat(32), hexOf(0).toUpperCase()], 7: [hexOf(7)] } } });
  expect(await outcome(right, by)).toBe("accepted");
  write({ values: { sha256: { 7: [hexOf(6), "11".repeat(32)] } } });
  expect(await outcome(right, by)).toContain(`PCR sha256:7 is ${hexOf(7)}, which the policy does not allow`);
  rmSync(pcrPolicy);
  expect(await outcome(right, by)).toContain("cannot be used");
});

test.each([
  { name: "no JSON", policy: "values", message: "cannot be used" },
  { name: "nothing", policy: "{}", message: "it holds no rule" },
  { name: "an unknown key", policy: '{"pcrs":{}}', message: "Unrecognized key" },
  { name: "an empty list", policy: '{"values":{"sha256":{"0":[]}}}', message: "values.sha256" },
  { name: "a short digest", policy: '{"values":{"sha256":{"0":["00"]}}}', message: "a digest has 32 octets" },
  {
    name: "a PCR that is not quoted",
    policy: `{"values":{"sha256":{"9":["${"00".repeat(32)}"]}}}`,
    message: "sha256:9 is not among",
  },
  {
    name: "a bank that is not quoted",
    policy: `{"values":{"sha384":{"0":["${"00".repeat(48)}"]}}}`,
    message: "sha384:0 is not among",
  },
  {
    name: "digests without log",
    policy: `{"digests":{"sha256":{"0":["${"00".repeat(32)}"]}}}`,
    message: "need eventLog: required",
  },
])("a policy with $name lets nobody in", async ({ policy, message }) => {
  const pcrPolicy = join(temporaryDirectory(), "policy.json");
  writeFileSync(pcrPolicy, policy);
  expect(await outcome(right, tpm2Attestor({ ekRoots, pcrPolicy }))).toContain(message);
});

test("quotes over two banks are judged in both", async () => {
  const by = tpm2Attestor({ ekRoots, pcrs: { sha384: [0], sha256: [7, 4] } });
  const values = new Map([
    ["sha256" as const, softPcrs([4, 7]).get("sha256") ?? new Map<number, Buffer>()],
    ["sha384" as const, new Map([[0, Buffer.alloc(48, 3)]])],
  ]);
  const exchange = softExchange(machine, { selection: { sha256: [4, 7], sha384: [0] }, values });
  expect(await outcome(exchange, by)).toBe("accepted");
  const bind = exchange.bind;
  const attest = encodeQuote({ extraData: bind, selection: { sha256: [4, 7] }, values });
  const fewer = {
    ...exchange,
    proof: { ...exchange.proof, attest: text(attest), signature: text(softSignature(ak, attest)) },
  };
  expect(await outcome(fewer, by)).toContain("over other PCRs");
});

test("whatever comes is refused by an error, in bounded time", async () => {
  const octets = fc.uint8Array({ maxLength: 300 }).map(text);
  const arbitrary = fc.record({
    ekPub: fc.oneof(fc.constant(right.hello.ekPub), octets),
    akPub: fc.oneof(fc.constant(right.hello.akPub), octets),
    ekCerts: fc.oneof(fc.constant(right.hello.ekCerts), fc.array(octets, { maxLength: 5 })),
    attest: octets,
    signature: octets,
  });
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ attest, signature, ...hello }) => {
      const started = performance.now();
      expect(await outcome({ ...right, hello, proof: { ...right.proof, attest, signature } })).not.toBe("accepted");
      expect(performance.now() - started).toBeLessThan(2000);
    }),
    { numRuns: 500 },
  );
});
