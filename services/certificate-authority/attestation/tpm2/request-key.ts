import { requestKeyBind } from "../../../shared/attestation/bind.ts";
import {
  KEY_ATTESTATION_BLOCKS,
  KEY_ATTESTATION_PROVIDER,
  tpm2KeyAttestation,
} from "../../../shared/attestation/proofs.ts";
import { octetsOf } from "../../../shared/attestation/wire.ts";
import { parseCertification } from "../../../shared/tpm/attest.ts";
import { ATTRIBUTE, keyOf, nameOf, parsePublic } from "../../../shared/tpm/public-area.ts";
import { isSignedBy } from "../../../shared/tpm/signature.ts";
import type { RequestKeyEvidence } from "../../domain/attestation.ts";
import { denied } from "../refusal.ts";
import { judgeAttestationKey } from "./attestation-key.ts";

const { fixedTPM, fixedParent, sensitiveDataOrigin, sign } = ATTRIBUTE;
const REQUIRED = { fixedTPM, fixedParent, sensitiveDataOrigin, sign };

/** More than the largest evidence, in JSON. */
const MAXIMUM_OCTETS = 16 * 1024;

/** A PEM block that follows a certificate request. */
export interface RequestBlock {
  readonly label: string;
  readonly der: Buffer;
}

/** Whose key it is said to be. */
export interface RequestedKey {
  readonly nodeName: string;
  /** SubjectPublicKeyInfo of the request. */
  readonly spkiDer: Uint8Array;
}

/**
 * Judges the attestation that stands beside a certificate request: whether the request's key was made in, and cannot leave, the
 * TPM of the attestation key that is named. Whether that key is the machine's, the ledger knows.
 *
 * It has no nonce and needs none: what it says of a key stays true, and a certificate for the key is of no use elsewhere.
 *
 * @param blocks - everything but the request itself; other labels are somebody else's.
 * Source: Cluster API, kubelet-authentication proposal, "CSR PEM Blocks".
 */
export function judgeRequestKey(blocks: readonly RequestBlock[], requested: RequestedKey): RequestKeyEvidence {
  const providers = blocks.filter(({ label }) => label === KEY_ATTESTATION_BLOCKS.provider);
  const data = blocks.filter(({ label }) => label === KEY_ATTESTATION_BLOCKS.data);
  const [provider] = providers;
  const [evidence] = data;
  if (provider === undefined && evidence === undefined) return { kind: "absent" };
  if (provider === undefined || evidence === undefined || providers.length + data.length !== 2)
    return wrong("there has to be one block of the attestation's provider and one of its data");
  if (!provider.der.equals(Buffer.from(KEY_ATTESTATION_PROVIDER)))
    return wrong(`the attestation is not of the provider ${KEY_ATTESTATION_PROVIDER}`);
  try {
    return { kind: "certified", attestationKey: verifyCertification(evidence.der, requested).toString("hex") };
  } catch (error) {
    return wrong((error as Error).message);
  }
}

function wrong(message: string): RequestKeyEvidence {
  return { kind: "wrong", message };
}

/** @returns the name of the attestation key. @throws {Error} */
function verifyCertification(json: Buffer, { nodeName, spkiDer }: RequestedKey): Buffer {
  if (json.length > MAXIMUM_OCTETS) throw denied(`the attestation is longer than ${MAXIMUM_OCTETS} octets`);
  const read = tpm2KeyAttestation.parse(JSON.parse(json.toString("utf8")));
  const attestationKey = judgeAttestationKey(octetsOf(read.akPub));
  const keyPub = octetsOf(read.keyPub);
  const key = parsePublic(keyPub);
  if (!keyOf(key).export({ type: "spki", format: "der" }).equals(spkiDer))
    throw denied("the attestation is of another key than the request's");
  for (const [name, bit] of Object.entries(REQUIRED))
    if ((key.attributes & bit) === 0) throw denied(`the request's key is not ${name}`);
  const attest = octetsOf(read.attest);
  if (!isSignedBy(attestationKey.area, attest, octetsOf(read.signature)))
    throw denied("the attestation key did not sign the certification");
  const { name, extraData } = parseCertification(attest);
  if (!name.equals(nameOf(keyPub))) throw denied("the certification is of another key");
  if (!extraData.equals(requestKeyBind({ nodeName, spki: spkiDer })))
    throw denied(`the certification was not made for ${nodeName}`);
  return attestationKey.name;
}
