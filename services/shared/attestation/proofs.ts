import { z } from "zod";
import { PCR_BANKS, PCR_COUNT, PCR_NUMBER } from "../tpm/pcr-selection.ts";
import { MAXIMUM_CERTIFICATES, octets } from "./wire.ts";

/** Schemas of `hello`, `params` and `proof`, a kind of attestor each. What is not named here carries an empty object. */

const certificate = octets(8 * 1024);

/** `joinTokenKey(secret)` is the key of an HMAC-SHA-256 over bind. */
export const joinTokenHello = z.strictObject({ tokenId: z.string().max(64) });
export const joinTokenProof = z.strictObject({ mac: octets(32) });

/** DER, leaf first; the signature is `signPossession` as `x509pop`. */
export const x509popProof = z.strictObject({
  chain: z.array(certificate).min(1).max(MAXIMUM_CERTIFICATES),
  signature: octets(1024),
});

/** What namespace `ssh-keygen -Y sign -n` gets; the message is the 32 octets of bind. */
export const SSHPOP_NAMESPACE = "node-attest-v1";
/** The OpenSSH host certificate's blob, and the blob of the SSHSIG (both without armour). */
export const sshpopProof = z.strictObject({ certificate: octets(16 * 1024), signature: octets(16 * 1024) });

/** TPM structures are given with their size field (TPM2B) where the names say so in the TPM library specification. */
export const tpm2Hello = z.strictObject({
  /** DER, the EK's first, then intermediates; empty when the EK is enrolled by its hash. */
  ekCerts: z.array(certificate).max(MAXIMUM_CERTIFICATES),
  /** TPM2B_PUBLIC. */
  ekPub: octets(2048),
  /** TPM2B_PUBLIC. */
  akPub: octets(2048),
});
export const tpm2Params = z.object({
  /** TPM2B_ID_OBJECT. */
  credentialBlob: octets(1024),
  /** TPM2B_ENCRYPTED_SECRET. */
  encryptedSecret: octets(1024),
  /** Bank to the PCRs that the quote is to be over, ascending. */
  pcrs: z.partialRecord(z.enum(PCR_BANKS), z.array(z.int().min(0).lt(PCR_COUNT))),
  /** Whether the firmware's event log is asked for. */
  eventLog: z.boolean(),
});
export const tpm2Proof = z.strictObject({
  /** What TPM2_ActivateCredential gave. */
  secret: octets(64),
  /** TPMS_ATTEST. */
  attest: octets(1024),
  /** TPMT_SIGNATURE. */
  signature: octets(1024),
  /** Bank to PCR number to its value. */
  pcrs: z.partialRecord(z.enum(PCR_BANKS), z.record(z.string().regex(PCR_NUMBER), octets(64))),
  /** TCG_PCR_EVENT2 log as the kernel gives it. */
  eventLog: octets(512 * 1024).optional(),
});

/** PEM labels that follow `CERTIFICATE REQUEST` in `spec.request`. Source: Cluster API, kubelet-authentication proposal. */
export const KEY_ATTESTATION_BLOCKS = {
  /** Holds `KEY_ATTESTATION_PROVIDER`, which says what the other one holds. */
  provider: "KUBELET AUTHENTICATOR ATTESTATION PROVIDER",
  data: "KUBELET AUTHENTICATOR ATTESTATION DATA",
} as const;
export const KEY_ATTESTATION_PROVIDER = "gatehouse.dev/tpm2";
/** The data, as JSON: that the request's own key lives in the TPM which the attestation key lives in. */
export const tpm2KeyAttestation = z.strictObject({
  /** TPM2B_PUBLIC of the attestation key that the machine attested with. */
  akPub: octets(2048),
  /** TPM2B_PUBLIC of the request's key. */
  keyPub: octets(2048),
  /** TPMS_ATTEST of TPM2_Certify, over `requestKeyBind`. */
  attest: octets(1024),
  /** TPMT_SIGNATURE. */
  signature: octets(1024),
});

/**
 * A JSON Web Token with one audience: `boundAudience`, or where the profile has `replayableAudience` that one. GCP: of the
 * metadata server's `/computeMetadata/v1/instance/service-accounts/default/identity?audience=…&format=full`, since the standard
 * format names no instance. PSAT: by TokenRequest with that audience, bound to the pod (`boundObjectRef`).
 */
export const tokenProof = z.strictObject({ token: z.string().max(16 * 1024) });

/**
 * AWS: what IMDSv2 gives below `/latest/dynamic/instance-identity/rsa2048`, white space removed and decoded from base64: CMS
 * SignedData in BER. Neither `pkcs7` (DSA with SHA-1) nor `signature` (RSA of 1024 bits) will do.
 */
export const awsIidProof = z.strictObject({ document: octets(16 * 1024) });

/** What the metadata service of Azure gets as `nonce` of the attested document: all of bind that fits into its 32 characters. */
export function azureNonce(bind: Uint8Array): string {
  return Buffer.from(bind).toString("hex").slice(0, 32);
}
export const azureImdsProof = z.strictObject({
  /** The `signature` of `/metadata/attested/document?api-version=2020-09-01&nonce=…`, decoded from base64: CMS SignedData. */
  document: octets(16 * 1024),
  /** The `resourceId` of `/metadata/instance/compute`: where to look the machine up. A hint; its `vmId` has to be the document's. */
  resourceId: z.string().max(1024).optional(),
});

/** Signed header of AWS STS requests that carries bind as lower-case hex. */
export const STS_BIND_HEADER = "x-node-attest-bind";
/** What `signCallerIdentity` gives; the rest of the request is fixed, and made anew by the authority. */
export const awsStsProof = z.strictObject({
  /** E.g. `sts.eu-west-1.amazonaws.com`. */
  host: z.string().max(255),
  headers: z.strictObject({
    authorization: z.string().max(1024),
    "x-amz-date": z.string().max(32),
    "x-amz-security-token": z.string().max(8192),
    [STS_BIND_HEADER]: z.string().max(64),
  }),
});
