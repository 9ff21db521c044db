import { requestKeyBind } from "../../services/shared/attestation/bind.ts";
import { KEY_ATTESTATION_BLOCKS, KEY_ATTESTATION_PROVIDER } from "../../services/shared/attestation/proofs.ts";
import { ATTRIBUTE, nameOf } from "../../services/shared/tpm/public-area.ts";
import { ATTESTATION_TEMPLATE } from "../../services/shared/tpm/templates.ts";
import { buildCsr } from "./csr.ts";
import { pemBlock } from "./der.ts";
import { encodeCertification, type SoftKey, softAttestationKey, softKey, softSignature, text } from "./soft-tpm.ts";

/** What TLS signs with: a key that stays in its TPM, and signs whatever it is given. */
export const TLS_KEY = {
  ...ATTESTATION_TEMPLATE,
  attributes: ATTESTATION_TEMPLATE.attributes & ~ATTRIBUTE.restricted,
};

export interface AttestedRequestArguments {
  readonly nodeName?: string;
  readonly ak?: SoftKey;
  readonly key?: SoftKey;
  /** Instead of a certification of the key that is right. */
  readonly attest?: Buffer;
  readonly signature?: Buffer;
  readonly provider?: string;
  /** Instead of the JSON of all that. */
  readonly data?: unknown;
}

/** A request whose key a TPM certified, and its blocks one by one. */
export function attestedRequest(args: AttestedRequestArguments = {}) {
  const { nodeName = "node-1", ak = softAttestationKey(), key = softKey(TLS_KEY), provider } = args;
  const csr = buildCsr({ key: key.privateKey, commonName: `system:node:${nodeName}` });
  const bind = requestKeyBind({ nodeName, spki: csr.spkiDer });
  const attest = args.attest ?? encodeCertification(nameOf(key.tpm2bPublic), bind);
  const signature = args.signature ?? softSignature(ak, attest);
  const parts = { akPub: ak.tpm2bPublic, keyPub: key.tpm2bPublic, attest, signature };
  const json = args.data ?? Object.fromEntries(Object.entries(parts).map(([name, octets]) => [name, text(octets)]));
  return { ...attestedPem(csr.pem, json, provider), nodeName, ak, key, csr, attest, signature, json };
}

/** @param json - what the block of data holds. */
export function attestedPem(requestPem: string, json: unknown, provider = KEY_ATTESTATION_PROVIDER) {
  const providerPem = pemBlock(KEY_ATTESTATION_BLOCKS.provider, Buffer.from(provider));
  const dataPem = pemBlock(KEY_ATTESTATION_BLOCKS.data, Buffer.from(JSON.stringify(json)));
  const requestBase64 = Buffer.from(requestPem + providerPem + dataPem).toString("base64");
  return { requestPem, providerPem, dataPem, requestBase64 };
}
