import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { makeCredential } from "../../../../services/certificate-authority/attestation/tpm2/make-credential.ts";
import { answerTpmChallenge, readTpmIdentity } from "../../../../services/node-agent/tpm/identity.ts";
import { HIERARCHY, Tpm } from "../../../../services/node-agent/tpm/tpm.ts";
import { tpm2Params } from "../../../../services/shared/attestation/proofs.ts";
import { octetsOf } from "../../../../services/shared/attestation/wire.ts";
import { ATTRIBUTE, keyOf, nameOf, parsePublic } from "../../../../services/shared/tpm/public-area.ts";
import { isSignedBy } from "../../../../services/shared/tpm/signature.ts";
import {
  ATTESTATION_TEMPLATE,
  ENDORSEMENT_TEMPLATES,
  type EndorsementTemplateName,
} from "../../../../services/shared/tpm/templates.ts";
import { sized, uint16, uint32 } from "../../../../services/shared/tpm/tpm-writer.ts";
import { buildChainCertificate, extension } from "../../../builders/certificate-chain.ts";
import {
  EK_CERTIFICATE,
  encodeQuote,
  FIRMWARE_PCRS,
  softMachine,
  softProof,
  text,
  VENDOR,
  VENDOR_ISSUER,
} from "../../../builders/soft-tpm.ts";
import { EmulatedTpm, EmulatedVendor, HAS_SWTPM, HAS_TPM2_TOOLS, NEEDS_SWTPM } from "../../../builders/swtpm.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { anchorsFile, exchangeWith, tpm2Attestor, verifyExchange } from "../../../builders/tpm-attestation.ts";

const describeWithTpm = HAS_SWTPM ? describe : describe.skip;
const testWithTools = HAS_TPM2_TOOLS ? test : test.skip;
const NEEDS_TPM2_TOOLS = "needs tpm2-tools (apt-get install tpm2-tools)";

/** Signs with a key as TPM2_Sign does, giving a TPMT_SIGNATURE. */
async function signWith(tpm: Tpm, handle: number, digest: Buffer): Promise<Buffer> {
  const noTicket = Buffer.concat([uint16(0x8024), uint32(HIERARCHY.null), sized()]);
  const { parameters } = await tpm.run({
    name: "TPM2_Sign",
    code: 0x15d,
    handles: [handle],
    authorizations: [undefined],
    parameters: [sized(digest), uint16(0x0010), noTicket],
  });
  return parameters.rest;
}

const sha256Of = (message: Buffer): Buffer => createHash("sha256").update(message).digest();

const OWNER = 0x40000001;

/** Puts octets where a vendor would put certificates. */
async function storeIn(tpm: Tpm, index: number, octets: Buffer): Promise<void> {
  // May be written and read by the owner, and read by everybody; is not locked by wrong passwords.
  const attributes = (1 << 1) | (1 << 17) | (1 << 18) | (1 << 25);
  const nvPublic = [uint32(index), uint16(0x000b), uint32(attributes), sized(), uint16(octets.length)];
  await tpm.run({
    name: "TPM2_NV_DefineSpace",
    code: 0x12a,
    handles: [OWNER],
    authorizations: [undefined],
    parameters: [sized(), sized(...nvPublic)],
  });
  for (let offset = 0; offset < octets.length; offset += 512) {
    await tpm.run({
      name: "TPM2_NV_Write",
      code: 0x137,
      handles: [OWNER, index],
      authorizations: [undefined],
      parameters: [sized(octets.subarray(offset, offset + 512)), uint16(offset)],
    });
  }
}

/** Keys and sessions that are loaded. */
async function loadedHandles(tpm: Tpm): Promise<number> {
  let loaded = 0;
  for (const first of [0x80000000, 0x02000000, 0x03000000]) {
    const { parameters } = await tpm.run({
      name: "TPM2_GetCapability",
      code: 0x17a,
      parameters: [1, first, 100].map(uint32),
    });
    parameters.readUint8("moreData");
    parameters.readUint32("capability");
    loaded += parameters.readUint32("count");
  }
  return loaded;
}

describeWithTpm(`attestation by emulated TPMs (${NEEDS_SWTPM})`, () => {
  let vendor: EmulatedVendor;
  let tpm: EmulatedTpm;
  let other: EmulatedTpm;
  let settings: { ekRoots: string; ekIntermediates: string };
  const signal = AbortSignal.timeout(120_000);
  const commandsTo = async (emulated: EmulatedTpm) => new Tpm(await emulated.connect(), signal);

  beforeAll(async () => {
    vendor = new EmulatedVendor();
    tpm = await EmulatedTpm.start(vendor);
    other = await EmulatedTpm.start(vendor);
    settings = { ekRoots: anchorsFile(vendor.rootPem), ekIntermediates: anchorsFile(vendor.issuerPem) };
  }, 60_000);

  afterAll(async () => {
    await tpm.remove();
    await other.remove();
    vendor.remove();
  });

  test.each(["rsa2048", "p384"] as const)("a %s endorsement key that its vendor certified is taken", async (name) => {
    const attestor = tpm2Attestor(settings);
    const exchange = await exchangeWith(attestor, await tpm.connect(), { endorsementKey: name });
    const evidence = await verifyExchange(attestor, exchange);
    expect(evidence).toMatchObject({
      machineId: expect.stringMatching(/^tpm2:[0-9a-f]{64}$/),
      pins: { attestation_key: expect.stringMatching(/^000b[0-9a-f]{64}$/) },
      fields: { ek_template: name, ek_certified: "true", tpm_model: "swtpm", tpm_manufacturer: "id:00001014" },
      isFresh: true,
    });
    expect(evidence).not.toHaveProperty("mustBeEnrolled");
    expect(await loadedHandles(await commandsTo(tpm))).toBe(0);
  });

  test.each(["p256", "rsa3072", "rsa2048-high", "p256-high"] as const)(
    "a %s endorsement key with a certificate from elsewhere is taken",
    async (endorsementKey) => {
      const attestor = tpm2Attestor({ ekRoots: anchorsFile(VENDOR.pem) });
      const { hello } = await readTpmIdentity(await tpm.connect(), { endorsementKey, signal });
      const usage = endorsementKey.startsWith("rsa") ? "keyEncipherment" : "keyAgreement";
      const { der } = buildChainCertificate({
        commonName: "from the vendor's web site",
        issuer: VENDOR_ISSUER,
        publicKey: keyOf(parsePublic(octetsOf(hello.ekPub))),
        notBefore: new Date(0),
        notAfter: new Date("9999-12-31T23:59:59Z"),
        extensions: [extension.keyUsage(usage), extension.extendedKeyUsage(EK_CERTIFICATE)],
      });
      const certificates = [der, VENDOR_ISSUER.der];
      const exchange = await exchangeWith(attestor, await tpm.connect(), { endorsementKey, certificates });
      const evidence = await verifyExchange(attestor, exchange);
      expect(evidence.fields["ek_template"]).toBe(endorsementKey);
    },
  );

  test("certificates in the TPM are read without what pads them, and with the CAs that its vendor left there", async () => {
    const own = await EmulatedTpm.start();
    try {
      const attestor = tpm2Attestor({ ekRoots: anchorsFile(VENDOR.pem) });
      const before = await readTpmIdentity(await own.connect(), { endorsementKey: "p256", signal });
      expect(before.hello.ekCerts).toEqual([]);
      const { der } = buildChainCertificate({
        issuer: VENDOR_ISSUER,
        publicKey: keyOf(parsePublic(octetsOf(before.hello.ekPub))),
        notBefore: new Date(0),
        notAfter: new Date("9999-12-31T23:59:59Z"),
        extensions: [extension.keyUsage("keyAgreement"), extension.extendedKeyUsage(EK_CERTIFICATE)],
      });
      const commands = await commandsTo(own);
      await storeIn(commands, 0x01c0000a, Buffer.concat([der, Buffer.alloc(100, 0xff)]));
      // Together one certificate, and padding.
      await storeIn(commands, 0x01c00100, VENDOR_ISSUER.der.subarray(0, 100));
      await storeIn(commands, 0x01c00101, Buffer.concat([VENDOR_ISSUER.der.subarray(100), Buffer.alloc(50)]));
      const exchange = await exchangeWith(attestor, await own.connect());
      expect(exchange.hello).toMatchObject({ ekCerts: [text(der), text(VENDOR_ISSUER.der)] });
      await expect(verifyExchange(attestor, exchange)).resolves.toMatchObject({ fields: { ek_template: "p256" } });
      const broken = await commandsTo(own);
      await storeIn(broken, 0x01c00016, der.subarray(0, 200));
      const unreadable = readTpmIdentity(await own.connect(), { endorsementKey: "p384", signal });
      await expect(unreadable).rejects.toThrow(
        "the TPM holds a certificate that cannot be read: certificate: truncated",
      );
    } finally {
      await own.remove();
    }
  });

  test("without certificate the machine has to be enrolled, by the id it is told beforehand", async () => {
    const attestor = tpm2Attestor({ allowUncertifiedEk: true });
    const { machineId, hello } = await readTpmIdentity(await tpm.connect(), { endorsementKey: "p256", signal });
    expect(hello.ekCerts).toEqual([]);
    const exchange = await exchangeWith(attestor, await tpm.connect(), { endorsementKey: "p256" });
    expect(await verifyExchange(attestor, exchange)).toMatchObject({ machineId, mustBeEnrolled: true });
  });

  test("two TPMs are two machines", async () => {
    const one = await readTpmIdentity(await tpm.connect(), { signal });
    const two = await readTpmIdentity(await other.connect(), { signal });
    expect(one.machineId).not.toBe(two.machineId);
    expect(one.hello.akPub).not.toBe(two.hello.akPub);
  });

  test.each(ENDORSEMENT_TEMPLATES.map(({ name }) => name))(
    "a challenge for a %s key relayed to another TPM cannot be answered, and nothing stays loaded",
    async (endorsementKey: EndorsementTemplateName) => {
      const attestor = tpm2Attestor({ allowUncertifiedEk: true });
      const { hello } = await readTpmIdentity(await tpm.connect(), { endorsementKey, signal });
      const { params } = (await attestor.challenge?.({ hello, nonce: randomBytes(32) })) ?? { params: {} };
      const answer = answerTpmChallenge(await other.connect(), {
        ...{ hello, params: tpm2Params.parse(params), bind: randomBytes(32), signal },
      });
      await expect(answer).rejects.toThrow("the challenge was made for another TPM or another key");
      expect(await loadedHandles(await commandsTo(other))).toBe(0);
      // Nor is the TPM any worse for it.
      const own = await exchangeWith(attestor, await other.connect(), { endorsementKey });
      expect((await verifyExchange(attestor, own)).isFresh).toBe(true);
    },
  );

  test("one TPM's endorsement key does not vouch for another's attestation key", async () => {
    const attestor = tpm2Attestor({ allowUncertifiedEk: true });
    const victim = await readTpmIdentity(await tpm.connect(), { signal });
    const thief = await readTpmIdentity(await other.connect(), { signal });
    const hello = { ...victim.hello, akPub: thief.hello.akPub };
    const { params } = (await attestor.challenge?.({ hello, nonce: randomBytes(32) })) ?? { params: {} };
    for (const emulated of [tpm, other]) {
      const challenge = { hello, params: tpm2Params.parse(params), bind: randomBytes(32), signal };
      await expect(answerTpmChallenge(await emulated.connect(), challenge)).rejects.toThrow(
        "another TPM or another key",
      );
    }
  });

  test("another TPM's quote, secret or hello in an exchange is refused", async () => {
    const attestor = tpm2Attestor(settings);
    const mine = await exchangeWith(attestor, await tpm.connect());
    const theirs = await exchangeWith(attestor, await other.connect());
    const { attest, signature, pcrs } = theirs.proof;
    const refused = [
      { ...mine, proof: { ...mine.proof, attest, signature, pcrs } },
      { ...mine, proof: { ...mine.proof, secret: theirs.proof["secret"] } },
      { ...mine, hello: theirs.hello },
      { ...theirs, secret: mine.secret },
      { ...mine, bind: theirs.bind },
    ];
    for (const exchange of refused) await expect(verifyExchange(attestor, exchange)).rejects.toThrow();
    await expect(verifyExchange(attestor, mine)).resolves.toMatchObject({ isFresh: true });
  });

  test("a challenge with a bit flipped anywhere is not answered", async () => {
    const attestor = tpm2Attestor({ allowUncertifiedEk: true });
    const transport = await tpm.connect();
    const { hello } = await readTpmIdentity(transport, { endorsementKey: "p256", signal });
    const { params } = (await attestor.challenge?.({ hello, nonce: randomBytes(32) })) ?? { params: {} };
    const right = tpm2Params.parse(params);
    for (const field of ["credentialBlob", "encryptedSecret"] as const) {
      const octets = octetsOf(right[field]);
      for (let at = 0; at < octets.length; at += 11) {
        const flipped = Buffer.from(octets);
        flipped[at] = (flipped[at] ?? 0) ^ 1;
        const challenge = { hello, params: { ...right, [field]: text(flipped) }, bind: randomBytes(32), signal };
        await expect(answerTpmChallenge(transport, challenge)).rejects.toThrow();
      }
    }
  });

  test("an unrestricted key passes activation and signs a quote made by hand, and is refused for what it is", async () => {
    const attestor = tpm2Attestor({ allowUncertifiedEk: true });
    const commands = await commandsTo(tpm);
    const template = ENDORSEMENT_TEMPLATES[1].area;
    const attributes = ATTESTATION_TEMPLATE.attributes & ~ATTRIBUTE.restricted;
    const loose = await commands.createEndorsementPrimary({ ...ATTESTATION_TEMPLATE, attributes });
    const ek = await commands.createEndorsementPrimary(template);
    const session = await commands.startEndorsementPolicy();
    const secret = randomBytes(32);
    const made = makeCredential(parsePublic(ek.tpm2bPublic), nameOf(loose.tpm2bPublic), secret);
    const credential = [made.credentialBlob, made.encryptedSecret] as const;
    expect(await commands.activateCredential(loose.handle, ek.handle, session, credential)).toEqual(secret);

    const bind = randomBytes(32);
    const values = new Map([["sha256" as const, new Map(FIRMWARE_PCRS.map((pcr) => [pcr, Buffer.alloc(32, 0xee)]))]]);
    const attest = encodeQuote({ extraData: bind, selection: { sha256: FIRMWARE_PCRS }, values });
    const signature = await signWith(commands, loose.handle, sha256Of(attest));
    expect(isSignedBy(parsePublic(loose.tpm2bPublic), attest, signature)).toBe(true);
    for (const handle of [loose.handle, ek.handle, session]) await commands.flush(handle);

    const hello = { ekCerts: [], ekPub: text(ek.tpm2bPublic), akPub: text(loose.tpm2bPublic) };
    const proof = {
      ...softProof(softMachine(), secret, bind, { values }),
      attest: text(attest),
      signature: text(signature),
    };
    expect(() => attestor.challenge?.({ hello, nonce: randomBytes(32) })).toThrow("is not restricted");
    await expect(verifyExchange(attestor, { hello, proof, secret, bind })).rejects.toThrow("is not restricted");
  });

  test("our attestation key signs no quote made by hand", async () => {
    const commands = await commandsTo(tpm);
    const ak = await commands.createEndorsementPrimary(ATTESTATION_TEMPLATE);
    const attest = encodeQuote({ extraData: randomBytes(32), selection: {}, values: new Map() });
    await expect(signWith(commands, ak.handle, sha256Of(attest))).rejects.toMatchObject({ responseCode: 0x3e0 });
    await commands.flush(ak.handle);
  });

  test("after a restart and after TPM2_Clear it is the same machine with the same key", async () => {
    const own = await EmulatedTpm.start(vendor);
    try {
      const attestor = tpm2Attestor(settings);
      const seen = async () => verifyExchange(attestor, await exchangeWith(attestor, await own.connect()));
      const before = await seen();
      await own.reboot();
      const rebooted = await seen();
      await (await commandsTo(own)).run({
        name: "TPM2_Clear",
        code: 0x126,
        handles: [0x4000000a],
        authorizations: [undefined],
      });
      const cleared = await seen();
      for (const { machineId, pins } of [rebooted, cleared])
        expect({ machineId, pins }).toEqual({ machineId: before.machineId, pins: before.pins });
      const resets = [before, rebooted, cleared].map(({ fields }) => Number(fields["reset_count"]));
      expect(resets[1]).toBe((resets[0] ?? 0) + 1);
      expect(resets[2]).toBe(0);
    } finally {
      await own.remove();
    }
  });

  test("PCRs that were extended since are told apart by the policy", async () => {
    const own = await EmulatedTpm.start();
    try {
      const pcrPolicy = join(temporaryDirectory(), "policy.json");
      writeFileSync(pcrPolicy, JSON.stringify({ values: { sha256: { 7: ["00".repeat(32)] } } }));
      const attestor = tpm2Attestor({ allowUncertifiedEk: true, pcrPolicy, pcrs: { sha256: [7, 0, 23] } });
      const seen = async () => verifyExchange(attestor, await exchangeWith(attestor, await own.connect()));
      await expect(seen()).resolves.toMatchObject({ isFresh: true });
      await (await commandsTo(own)).run({
        name: "TPM2_PCR_Extend",
        code: 0x182,
        handles: [7],
        authorizations: [undefined],
        parameters: [uint32(1), uint16(0x000b), Buffer.alloc(32, 1)],
      });
      await expect(seen()).rejects.toThrow("PCR sha256:7 is");
    } finally {
      await own.remove();
    }
  });

  testWithTools(`tpm2-tools agree with us on credentials and quotes (${NEEDS_TPM2_TOOLS})`, async () => {
    const own = await EmulatedTpm.start(vendor);
    const directory = temporaryDirectory();
    const file = (name: string) => join(directory, name);
    const env = { ...process.env, TPM2TOOLS_TCTI: own.tcti };
    const run = (command: string, ...options: readonly string[]) =>
      execFileSync(command, options, { env, cwd: directory, stdio: "pipe" });
    try {
      const transport = await own.connect();
      const { hello } = await readTpmIdentity(transport, { endorsementKey: "rsa2048", signal });
      writeFileSync(file("ek.pub"), octetsOf(hello.ekPub));
      const name = nameOf(octetsOf(hello.akPub)).toString("hex");

      // Their credential, activated by our commands.
      const secret = randomBytes(32);
      writeFileSync(file("secret"), secret);
      const made = ["-T", "none", "-u", "ek.pub", "-s", "secret", "-n", name, "-o", "credential"];
      run("tpm2_makecredential", ...made);
      const credential = readFileSync(file("credential")).subarray(8);
      const blob = credential.subarray(0, 2 + credential.readUInt16BE(0));
      const params = {
        credentialBlob: text(blob),
        encryptedSecret: text(credential.subarray(blob.length)),
        pcrs: { sha256: [0, 7] },
        eventLog: false,
      };
      const bind = randomBytes(32);
      const proof = await answerTpmChallenge(transport, { hello, params, bind, signal });
      expect(octetsOf(proof.secret)).toEqual(secret);

      // Our quote, checked by theirs.
      writeFileSync(file("ak.pem"), keyOf(parsePublic(octetsOf(hello.akPub))).export({ type: "spki", format: "pem" }));
      writeFileSync(file("quote"), octetsOf(proof.attest));
      writeFileSync(file("signature"), octetsOf(proof.signature));
      const check = ["-u", "ak.pem", "-m", "quote", "-s", "signature", "-g", "sha256", "-q"];
      run("tpm2_checkquote", ...check, bind.toString("hex"));
      expect(() => run("tpm2_checkquote", ...check, "00".repeat(32))).toThrow();

      // Our credential, activated by theirs, for a key of theirs.
      await transport.close();
      run("tpm2_createek", "-c", "ek.ctx", "-G", "rsa", "-u", "their-ek.pub", "-f", "tss");
      run("tpm2_flushcontext", "-t");
      expect(readFileSync(file("their-ek.pub"))).toEqual(octetsOf(hello.ekPub));
      const create = ["-C", "ek.ctx", "-c", "ak.ctx", "-G", "rsa", "-g", "sha256", "-s", "rsassa"];
      run("tpm2_createak", ...create, "-u", "their-ak.pub", "-f", "tss", "-n", "their-ak.name");
      run("tpm2_flushcontext", "-t");
      const theirKey = readFileSync(file("their-ak.pub"));
      expect(nameOf(theirKey)).toEqual(readFileSync(file("their-ak.name")));
      const ours = makeCredential(parsePublic(octetsOf(hello.ekPub)), nameOf(theirKey), secret);
      const header = Buffer.concat([uint32(0xbadcc0de), uint32(1)]);
      writeFileSync(file("ours"), Buffer.concat([header, ours.credentialBlob, ours.encryptedSecret]));
      run("tpm2_startauthsession", "--policy-session", "-S", "session.ctx");
      run("tpm2_policysecret", "-S", "session.ctx", "-c", "e");
      const activate = ["-c", "ak.ctx", "-C", "ek.ctx", "-i", "ours", "-o", "recovered", "-P", "session:session.ctx"];
      run("tpm2_activatecredential", ...activate);
      expect(readFileSync(file("recovered"))).toEqual(secret);
      run("tpm2_flushcontext", "session.ctx");
      run("tpm2_flushcontext", "-t");

      // Their quote, judged by us.
      const quote = [
        "-c",
        "ak.ctx",
        "-l",
        "sha256:0,7",
        "-q",
        bind.toString("hex"),
        "-m",
        "their-quote",
        "-g",
        "sha256",
      ];
      run("tpm2_quote", ...quote, "-s", "their-signature", "-F", "values", "-o", "their-pcrs");
      const theirs = [readFileSync(file("their-quote")), readFileSync(file("their-signature"))] as const;
      expect(isSignedBy(parsePublic(theirKey), ...theirs)).toBe(true);
    } finally {
      await own.remove();
    }
  });
});
