import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { RequestKeyEvidence } from "../../../../services/certificate-authority/domain/attestation.ts";
import { requestKeys } from "../../../../services/certificate-authority/request-keys.ts";
import { decodeRequests } from "../../../../services/certificate-authority/signer/csr-decoder.ts";
import { Tpm } from "../../../../services/node-agent/tpm/tpm.ts";
import { requestKeyBind } from "../../../../services/shared/attestation/bind.ts";
import { KEY_ATTESTATION_BLOCKS } from "../../../../services/shared/attestation/proofs.ts";
import { ATTRIBUTE, keyOf, nameOf, parsePublic } from "../../../../services/shared/tpm/public-area.ts";
import { ATTESTATION_TEMPLATE } from "../../../../services/shared/tpm/templates.ts";
import { sized, uint16 } from "../../../../services/shared/tpm/tpm-writer.ts";
import { attestedPem, attestedRequest, TLS_KEY } from "../../../builders/attested-request.ts";
import { buildCsr } from "../../../builders/csr.ts";
import { pemBlock } from "../../../builders/der.ts";
import { encodeCertification, encodeQuote, softKey, softSignature, text } from "../../../builders/soft-tpm.ts";
import { EmulatedTpm, HAS_SWTPM, NEEDS_SWTPM } from "../../../builders/swtpm.ts";

const right = attestedRequest();
const base64 = (...pem: readonly string[]): string => Buffer.from(pem.join("")).toString("base64");
const evidenceOf = (
  request: string,
  about = { nodeName: right.nodeName, spkiDer: right.csr.spkiDer },
): RequestKeyEvidence => requestKeys.evidenceOf(request, about);
const certified = { kind: "certified", attestationKey: nameOf(right.ak.tpm2bPublic).toString("hex") };

test("a request that a TPM's attestation stands beside is a request as before", () => {
  const [alone, beside] = decodeRequests([base64(right.requestPem), right.requestBase64]);
  expect(alone).toMatchObject({ kind: "facts" });
  expect(beside).toEqual(alone);
});

test("the key is certified by the attestation key whose name is told", () => {
  expect(evidenceOf(right.requestBase64)).toEqual(certified);
});

test("blocks may come in any order, and among others", () => {
  const other = pemBlock("SOMEBODY ELSE'S", Buffer.from("x"));
  expect(evidenceOf(base64(right.requestPem, other, right.dataPem, other, right.providerPem))).toEqual(certified);
});

test("a request without blocks shows nothing", () => {
  expect(evidenceOf(base64(right.requestPem))).toEqual({ kind: "absent" });
  expect(evidenceOf(base64(right.requestPem, pemBlock("SOMEBODY ELSE'S", Buffer.from("x"))))).toEqual({
    kind: "absent",
  });
});

const { requestPem, providerPem, dataPem } = right;
const bind = requestKeyBind({ nodeName: right.nodeName, spki: right.csr.spkiDer });
const forKey = (attest: Buffer) => attestedRequest({ ...right, attest, signature: softSignature(right.ak, attest) });
const { key, ak } = right;
const other = softKey(TLS_KEY);

test.each([
  {
    name: "no data",
    request: base64(requestPem, providerPem),
    message: "one block of the attestation's provider and one",
  },
  {
    name: "no provider",
    request: base64(requestPem, dataPem),
    message: "one block of the attestation's provider and one",
  },
  { name: "data twice", request: base64(requestPem, providerPem, dataPem, dataPem), message: "one block of" },
  { name: "two providers", request: base64(requestPem, providerPem, providerPem, dataPem), message: "one block of" },
  {
    name: "another provider",
    request: attestedRequest({ ...right, provider: "gce" }).requestBase64,
    message: "not of the provider gatehouse.dev/tpm2",
  },
  {
    name: "a provider and more",
    request: attestedRequest({ ...right, provider: "gatehouse.dev/tpm2 " }).requestBase64,
    message: "not of the provider",
  },
  {
    name: "no JSON",
    request: base64(requestPem, providerPem, pemBlock(KEY_ATTESTATION_BLOCKS.data, Buffer.from("{"))),
    message: "JSON",
  },
  {
    name: "an unknown field",
    request: attestedPem(requestPem, { ...(right.json as object), x: 1 }).requestBase64,
    message: "Unrecognized key",
  },
  { name: "a missing field", request: attestedPem(requestPem, {}).requestBase64, message: "akPub" },
  {
    name: "too much",
    request: base64(requestPem, providerPem, pemBlock(KEY_ATTESTATION_BLOCKS.data, Buffer.alloc(16 * 1024 + 1, 0x20))),
    message: "longer than 16384",
  },
  {
    name: "another key",
    request: attestedRequest({ key: other, ak }).requestBase64,
    message: "another key than the request's",
  },
  {
    name: "a quote",
    request: forKey(encodeQuote({ extraData: bind, selection: {}, values: new Map() })).requestBase64,
    message: "0x8018 is not 0x8017",
  },
  {
    name: "a certification of another key",
    request: forKey(encodeCertification(nameOf(other.tpm2bPublic), bind)).requestBase64,
    message: "the certification is of another key",
  },
  {
    name: "another node's certification",
    request: forKey(
      encodeCertification(nameOf(key.tpm2bPublic), requestKeyBind({ nodeName: "node-2", spki: right.csr.spkiDer })),
    ).requestBase64,
    message: "not made for node-1",
  },
  {
    name: "a certification for nobody",
    request: forKey(encodeCertification(nameOf(key.tpm2bPublic), Buffer.alloc(0))).requestBase64,
    message: "not made for node-1",
  },
  {
    name: "another signature",
    request: attestedRequest({ ...right, signature: softSignature(other, right.attest) }).requestBase64,
    message: "did not sign",
  },
])("an attestation with $name is wrong", ({ request, message }) => {
  expect(evidenceOf(request)).toEqual({ kind: "wrong", message: expect.stringContaining(message) });
});

test.each(["fixedTPM", "fixedParent", "sensitiveDataOrigin", "sign"] as const)(
  "a key that is not %s is not certified",
  (attribute) => {
    const loose = softKey({ ...TLS_KEY, attributes: TLS_KEY.attributes & ~ATTRIBUTE[attribute] });
    const { requestBase64, csr } = attestedRequest({ key: loose });
    const evidence = evidenceOf(requestBase64, { nodeName: "node-1", spkiDer: csr.spkiDer });
    expect(evidence).toEqual({ kind: "wrong", message: `the request's key is not ${attribute}` });
  },
);

test("an attestation key that signs anything certifies nothing", () => {
  const { requestBase64, csr } = attestedRequest({ ak: softKey(TLS_KEY) });
  const evidence = evidenceOf(requestBase64, { nodeName: "node-1", spkiDer: csr.spkiDer });
  expect(evidence).toEqual({ kind: "wrong", message: "the attestation key is not restricted" });
});

test("whatever stands beside a request is wrong or nothing, in bounded time", () => {
  const octets = fc.uint8Array({ maxLength: 300 }).map(text);
  const fields = fc.record({ akPub: octets, keyPub: octets, attest: octets, signature: octets });
  const mixed = fields.map((random) => ({ ...(right.json as object), ...random }));
  fc.assert(
    fc.property(fc.oneof(mixed, fields, fc.json()), (json) => {
      const started = performance.now();
      expect(evidenceOf(attestedPem(requestPem, json).requestBase64).kind).toBe("wrong");
      expect(performance.now() - started).toBeLessThan(1000);
    }),
    { numRuns: 300 },
  );
});

const describeWithTpm = HAS_SWTPM ? describe : describe.skip;
describeWithTpm(`by an emulated TPM (${NEEDS_SWTPM})`, () => {
  test("a key in the TPM is certified, one of software is not", async () => {
    const tpm = await EmulatedTpm.start();
    try {
      const commands = new Tpm(await tpm.connect(), AbortSignal.timeout(20_000));
      const attestationKey = await commands.createEndorsementPrimary(ATTESTATION_TEMPLATE);
      const tlsKey = await commands.createEndorsementPrimary(TLS_KEY);
      // The request itself would be signed by the TPM too; what is judged here is given its key alone.
      const spkiDer = keyOf(parsePublic(tlsKey.tpm2bPublic)).export({ type: "spki", format: "der" });
      const qualifyingData = requestKeyBind({ nodeName: "node-1", spki: spkiDer });
      const { parameters } = await commands.run({
        name: "TPM2_Certify",
        code: 0x148,
        handles: [tlsKey.handle, attestationKey.handle],
        authorizations: [undefined, undefined],
        parameters: [sized(qualifyingData), uint16(0x0010)],
      });
      const attest = parameters.readSized(1024, "certifyInfo");
      const json = {
        akPub: text(attestationKey.tpm2bPublic),
        keyPub: text(tlsKey.tpm2bPublic),
        attest: text(attest),
        signature: text(parameters.rest),
      };
      const { requestBase64 } = attestedPem(buildCsr().pem, json);
      const name = nameOf(attestationKey.tpm2bPublic).toString("hex");
      expect(evidenceOf(requestBase64, { nodeName: "node-1", spkiDer })).toEqual({
        kind: "certified",
        attestationKey: name,
      });
      expect(evidenceOf(requestBase64, { nodeName: "node-2", spkiDer }).kind).toBe("wrong");
      const ofSoftware = { nodeName: "node-1", spkiDer: buildCsr().spkiDer };
      expect(evidenceOf(requestBase64, ofSoftware).kind).toBe("wrong");
    } finally {
      await tpm.remove();
    }
  });
});
