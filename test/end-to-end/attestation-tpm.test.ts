import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { answerTpmChallenge, readTpmIdentity } from "../../services/node-agent/tpm/identity.ts";
import { Tpm } from "../../services/node-agent/tpm/tpm.ts";
import { requestKeyBind } from "../../services/shared/attestation/bind.ts";
import { tpm2Params } from "../../services/shared/attestation/proofs.ts";
import { DerReader, encodingOf } from "../../services/shared/der/der-reader.ts";
import { keyOf, parsePublic } from "../../services/shared/tpm/public-area.ts";
import { ATTESTATION_TEMPLATE } from "../../services/shared/tpm/templates.ts";
import { TpmReader } from "../../services/shared/tpm/tpm-reader.ts";
import { sized, uint16, uint32 } from "../../services/shared/tpm/tpm-writer.ts";
import { attestedPem, TLS_KEY } from "../builders/attested-request.ts";
import { buildCsr } from "../builders/csr.ts";
import { bitString, element, oid, pemBlock, sequence, TAG } from "../builders/der.ts";
import { text } from "../builders/soft-tpm.ts";
import { EmulatedTpm, EmulatedVendor, HAS_SWTPM, NEEDS_SWTPM } from "../builders/swtpm.ts";
import { Administrator } from "./support/administrator.ts";
import { type AttestationWish, AttestingMachine } from "./support/attesting-machine.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";

const describeWithTpm = HAS_SWTPM ? describe : describe.skip;
const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";

describeWithTpm(`machines with TPMs (${NEEDS_SWTPM})`, () => {
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-attest-tpm-"));
  const signal = AbortSignal.timeout(300_000);
  let vendor: EmulatedVendor;
  let tpm: EmulatedTpm;
  let other: EmulatedTpm;
  let server: GatehouseProcess;
  let administrator: Administrator;

  beforeAll(async () => {
    vendor = new EmulatedVendor();
    tpm = await EmulatedTpm.start(vendor);
    other = await EmulatedTpm.start(vendor);
    writeFileSync(join(directory, "root.pem"), vendor.rootPem);
    writeFileSync(join(directory, "issuer.pem"), vendor.issuerPem);
    server = await startGatehouse({
      configuration: `apiVersion: gatehouse.dev/v1
kind: GatehouseConfiguration
attestation:
  audience: https://node-ca.example/v1/attest
  profiles:
    - name: metal
      attestor: tpm2
      ekRoots: ${directory}/root.pem
      ekIntermediates: ${directory}/issuer.pem
      ekTemplates: [rsa2048]
      pcrs: {sha256: [0, 7]}
      nodeName: "tpm-{ek_id}"
      firstUse: true
approval:
  hooks:
    - node-attestation: {attestedKeys: accept}
`,
    });
    administrator = new Administrator(server.adminKubeconfig);
  }, 120_000);

  afterAll(async () => {
    await server?.remove();
    await tpm?.remove();
    await other?.remove();
    vendor?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  const machine = () => new AttestingMachine(server.url, readFileSync(server.caFile, "utf8"));

  /** What a TPM asks for, and answers with; another one may be made to answer. */
  async function wishOf(asking: EmulatedTpm, answering = asking): Promise<AttestationWish & { readonly name: string }> {
    const { hello, machineId } = await readTpmIdentity(await asking.connect(), { signal });
    return {
      attestor: "tpm2",
      hello,
      name: `tpm-${machineId.slice("tpm2:".length).slice(0, 32)}`,
      prove: async (bind, params) =>
        answerTpmChallenge(await answering.connect(), { hello, params: tpm2Params.parse(params), bind, signal }),
    };
  }

  test("a machine joins under its own name, again after a reboot, and its kubelet gets a certificate", async () => {
    const wish = await wishOf(other);
    for (let boot = 0; boot < 2; boot += 1) {
      const kubelet = await machine().kubelet(wish, wish.name);
      const node = await kubelet.bootstrap();
      expect(new X509Certificate(node.certificatePem).subject).toContain(`system:node:${wish.name}`);
      kubelet.close();
      await other.reboot();
    }
  });

  test("a challenge that another TPM answers gets nothing, and the trail says why", async () => {
    const mine = await wishOf(tpm);
    await expect(machine().prepare(await wishOf(tpm, other))).rejects.toThrow("another TPM or another key");
    // Somebody in between who has a right quote of its own machine.
    const who = machine();
    const theirs = await wishOf(other);
    const honest = await who.prepare(theirs);
    const attempt = await who.prepare(mine);
    const swapped = { ...attempt, body: { ...attempt.body, proof: honest.body.proof } };
    expect(await who.complete(swapped)).toMatchObject({ status: 403, code: "denied" });
    const [newest] = await administrator.audit("attestation");
    expect(newest).toMatchObject({
      verb: "refused",
      details: { message: expect.stringContaining("did not recover the secret") },
    });
  });

  test("a key that lives in the TPM is certified directly, whoever sends the request", async () => {
    const wish = await wishOf(tpm);
    const who = machine();
    expect((await who.complete(await who.prepare(wish))).status).toBe(200);

    const right = await requestOf(tpm, wish.name);
    const certificatePem = await certificateFor(right.requestBase64);
    const certificate = new X509Certificate(certificatePem ?? "");
    expect(certificate.publicKey.equals(right.key)).toBe(true);
    expect(certificate.subject).toContain(`system:node:${wish.name}`);

    // Another TPM's key under that name, and the request without what stands beside it.
    expect(await certificateFor((await requestOf(other, wish.name)).requestBase64)).toBeUndefined();
    const bare = Buffer.from(right.requestPem).toString("base64");
    expect(await certificateFor(bare)).toBeUndefined();
  });

  /** @returns undefined when it was denied. */
  async function certificateFor(request: string): Promise<string | undefined> {
    const spec = { request, signerName: CLIENT_SIGNER, usages: ["client auth", "digital signature"] };
    const { metadata } = await administrator.submit({ metadata: { generateName: "tpm-" }, spec });
    for (;;) {
      const { status } = await administrator.request(metadata.name);
      if (status.certificate !== undefined) return Buffer.from(status.certificate, "base64").toString();
      if (status.conditions?.some(({ type }) => type === "Denied") === true) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A request that the TPM signed by a key of its own, with what certifies the key beside it. */
  async function requestOf(emulated: EmulatedTpm, nodeName: string) {
    const commands = new Tpm(await emulated.connect(), signal);
    const attestationKey = await commands.createEndorsementPrimary(ATTESTATION_TEMPLATE);
    const tlsKey = await commands.createEndorsementPrimary(TLS_KEY);
    const key = keyOf(parsePublic(tlsKey.tpm2bPublic));
    const spki = key.export({ type: "spki", format: "der" });
    const unsigned = buildCsr({ commonName: `system:node:${nodeName}` });
    // The same with the TPM's key, which is as long.
    const request = DerReader.over(Buffer.from(unsigned.der)).enter(TAG.sequence, "request");
    const info = encodingOf(request.read(TAG.sequence, "info"));
    spki.copy(info, info.indexOf(unsigned.spkiDer));
    const signature = await signWith(commands, tlsKey.handle, createHash("sha256").update(info).digest());
    const csr = sequence(info, sequence(oid("1.2.840.10045.4.3.2")), bitString(signature));
    const qualifyingData = requestKeyBind({ nodeName, spki });
    const { parameters } = await commands.run({
      name: "TPM2_Certify",
      code: 0x148,
      handles: [tlsKey.handle, attestationKey.handle],
      authorizations: [undefined, undefined],
      parameters: [sized(qualifyingData), uint16(0x0010)],
    });
    const attest = parameters.readSized(1024, "certifyInfo");
    for (const { handle } of [attestationKey, tlsKey]) await commands.flush(handle);
    const json = {
      akPub: text(attestationKey.tpm2bPublic),
      keyPub: text(tlsKey.tpm2bPublic),
      attest: text(attest),
      signature: text(parameters.rest),
    };
    return { ...attestedPem(pemBlock("CERTIFICATE REQUEST", csr), json), key };
  }
});

/** An ECDSA signature of TPM2_Sign, as X.509 has it. */
async function signWith(tpm: Tpm, handle: number, digest: Buffer): Promise<Buffer> {
  const noTicket = Buffer.concat([uint16(0x8024), uint32(0x40000007), sized()]);
  const { parameters } = await tpm.run({
    name: "TPM2_Sign",
    code: 0x15d,
    handles: [handle],
    authorizations: [undefined],
    parameters: [sized(digest), uint16(0x0010), noTicket],
  });
  const signature = new TpmReader(parameters.rest);
  signature.readUint32("scheme and hash");
  const integers = ["r", "s"].map((name) => integer(signature.readSized(32, name)));
  return sequence(...integers);
}

function integer(magnitude: Buffer): Buffer {
  const shortest = magnitude.subarray(
    Math.max(
      0,
      magnitude.findIndex((octet) => octet !== 0),
    ),
  );
  const padding = (shortest[0] ?? 0) >= 0x80 ? Buffer.of(0) : Buffer.alloc(0);
  return element(TAG.integer, padding, shortest);
}
