import { randomBytes, timingSafeEqual } from "node:crypto";
import type { z } from "zod";
import { tpm2Hello, type tpm2Params, tpm2Proof } from "../../../shared/attestation/proofs.ts";
import { octetsOf } from "../../../shared/attestation/wire.ts";
import { HASH_OCTETS } from "../../../shared/tpm/algorithms.ts";
import { parseQuote, type Quote } from "../../../shared/tpm/attest.ts";
import { encodePcrSelection, PCR_BANKS, type PcrValues, pcrDigest } from "../../../shared/tpm/pcr-selection.ts";
import { keyOf, machineIdOf, type PublicArea, parsePublic } from "../../../shared/tpm/public-area.ts";
import { isSignedBy } from "../../../shared/tpm/signature.ts";
import { templateOf } from "../../../shared/tpm/templates.ts";
import { ATTESTATION_KEY_PIN } from "../../domain/attestation.ts";
import { CertificateAnchors, ReloadedFile } from "../anchors.ts";
import type { Attestor, ChallengeAddition, ChallengeInput, Evidence, ProofInput } from "../attestor.ts";
import { denied } from "../refusal.ts";
import { type AttestationKey, judgeAttestationKey } from "./attestation-key.ts";
import { type TpmDescription, verifyEndorsementCertificate } from "./endorsement-certificate.ts";
import { type EventLog, parseEventLog } from "./event-log.ts";
import { makeCredential } from "./make-credential.ts";
import { judgeDigests, judgeReplay, judgeValues, type PcrPolicy, parsePcrPolicy } from "./pcr-policy.ts";
import type { Tpm2Settings } from "./settings.ts";

const SECRET_OCTETS = 32;
/** As many hex digits of the endorsement key's hash as nobody finds another key for. */
const EK_ID_DIGITS = 32;

/** What files say, read again when they change. */
interface Trust {
  readonly roots: CertificateAnchors | undefined;
  readonly intermediates: CertificateAnchors | undefined;
  readonly policy: ReloadedFile<PcrPolicy> | undefined;
}

interface EndorsementKey {
  readonly area: PublicArea;
  readonly template: string;
}

/**
 * Proves that a TPM 2.0 of a trusted vendor, or one whose endorsement key is enrolled, takes part now: that it holds the
 * attestation key (credential activation), that this key signed bind, and what the PCRs held when it did.
 *
 * It does not prove that the caller sits beside that TPM: who can send it commands can have it answer for somebody else. Nor
 * does it prove more about software than the policy of PCRs says, which is nothing without one; nor is one machine one
 * endorsement key, since a TPM has one of each template: where machines are not enrolled, `ekTemplates` allows one. Twins of
 * a copied virtual TPM show in `reset_count` alone.
 */
export function createTpm2Attestor(settings: Tpm2Settings): Attestor {
  const { ekRoots, ekIntermediates, pcrPolicy, pcrs, eventLog } = settings;
  const trust: Trust = {
    roots: ekRoots === undefined ? undefined : new CertificateAnchors(ekRoots),
    intermediates: ekIntermediates === undefined ? undefined : new CertificateAnchors(ekIntermediates),
    policy:
      pcrPolicy === undefined
        ? undefined
        : new ReloadedFile(pcrPolicy, (json) => parsePcrPolicy(json, pcrs, eventLog === "required")),
  };
  return {
    challenge: (input) => challenge(settings, input),
    verify: (input) => verify(settings, trust, input),
  };
}

function challenge(settings: Tpm2Settings, input: ChallengeInput): ChallengeAddition {
  const hello = tpm2Hello.parse(input.hello);
  const { area } = judgeEndorsementKey(settings, hello);
  const { name } = judgeAttestationKey(octetsOf(hello.akPub));
  const secret = randomBytes(SECRET_OCTETS);
  const { credentialBlob, encryptedSecret } = makeCredential(area, name, secret);
  const params: z.input<typeof tpm2Params> = {
    credentialBlob: credentialBlob.toString("base64url"),
    encryptedSecret: encryptedSecret.toString("base64url"),
    pcrs: settings.pcrs,
    eventLog: settings.eventLog === "required",
  };
  return { params, secret };
}

function verify(settings: Tpm2Settings, trust: Trust, input: ProofInput): Evidence {
  const hello = tpm2Hello.parse(input.hello);
  const proof = tpm2Proof.parse(input.proof);
  const endorsementKey = judgeEndorsementKey(settings, hello);
  const attestationKey = judgeAttestationKey(octetsOf(hello.akPub));
  judgeSecret(octetsOf(proof.secret), input.secret);
  const values = readValues(settings, proof.pcrs);
  const quote = judgeQuote(settings, attestationKey, proof, input.bind, values);
  judgePcrs(settings, trust, values, proof.eventLog);
  const description = judgeCertificate(settings, trust, hello, endorsementKey, input.now);
  return evidenceOf(endorsementKey, attestationKey, quote, description);
}

/** The key is one that a TPM makes from a standard template and from nothing else: it decrypts, and no more. */
function judgeEndorsementKey(settings: Tpm2Settings, { ekPub }: z.infer<typeof tpm2Hello>): EndorsementKey {
  const area = parsePublic(octetsOf(ekPub));
  const template = templateOf(area);
  if (template === undefined) throw denied("the endorsement key is of no standard template");
  if (!settings.ekTemplates.includes(template.name))
    throw denied(`the profile allows no endorsement keys of the template ${template.name}`);
  return { area, template: template.name };
}

function judgeSecret(recovered: Buffer, expected: Buffer | undefined): void {
  if (expected === undefined) throw denied("the challenge had no secret");
  if (recovered.length !== expected.length || !timingSafeEqual(recovered, expected))
    throw denied("the TPM did not recover the secret that was made for its endorsement key and attestation key");
}

/** The values that were sent: those of the PCRs that were asked for, and no others. */
function readValues({ pcrs }: Tpm2Settings, sent: z.infer<typeof tpm2Proof>["pcrs"]): PcrValues {
  const values = new Map<(typeof PCR_BANKS)[number], ReadonlyMap<number, Buffer>>();
  for (const bank of PCR_BANKS) {
    const wanted = pcrs[bank] ?? [];
    const given = Object.entries(sent[bank] ?? {});
    if (given.length !== wanted.length) throw denied(`the values sent are not those of the PCRs of bank ${bank}`);
    const ofBank = new Map(given.map(([number, value]) => [Number(number), octetsOf(value)]));
    for (const number of wanted)
      if (ofBank.get(number)?.length !== HASH_OCTETS[bank]) throw denied(`there is no value of PCR ${bank}:${number}`);
    values.set(bank, ofBank);
  }
  return values;
}

function judgeQuote(
  { pcrs }: Tpm2Settings,
  { area }: AttestationKey,
  proof: z.infer<typeof tpm2Proof>,
  bind: Buffer,
  values: PcrValues,
): Quote {
  const attest = octetsOf(proof.attest);
  if (!isSignedBy(area, attest, octetsOf(proof.signature))) throw denied("the attestation key did not sign the quote");
  const quote = parseQuote(attest);
  if (quote.extraData.length !== bind.length || !timingSafeEqual(quote.extraData, bind))
    throw denied("the quote was not made for this challenge, key and name");
  if (!quote.pcrSelect.equals(encodePcrSelection(pcrs)))
    throw denied("the quote is over other PCRs than were asked for");
  const digest = pcrDigest(pcrs, values, area.scheme?.hash ?? "sha256");
  if (digest === undefined || !quote.pcrDigest.equals(digest))
    throw denied("the PCRs' values are not those of the quote");
  return quote;
}

function judgePcrs(settings: Tpm2Settings, { policy }: Trust, values: PcrValues, sentLog: string | undefined): void {
  const rules = policy?.current;
  if (rules !== undefined) judgeValues(rules, values);
  const log = readLog(settings, sentLog);
  if (log === undefined) return;
  judgeReplay(log, settings.pcrs, values);
  if (rules !== undefined) judgeDigests(rules, log);
}

function readLog({ eventLog }: Tpm2Settings, sent: string | undefined): EventLog | undefined {
  if (eventLog === "none") {
    if (sent !== undefined) throw denied("there is an event log, which was not asked for");
    return undefined;
  }
  if (sent === undefined) throw denied("there is no event log, which the profile requires");
  return parseEventLog(octetsOf(sent));
}

/** @returns undefined when nobody certified the key, and the profile allows that. */
function judgeCertificate(
  { allowUncertifiedEk }: Tpm2Settings,
  { roots, intermediates }: Trust,
  { ekCerts }: z.infer<typeof tpm2Hello>,
  { area }: EndorsementKey,
  now: Date,
): TpmDescription | undefined {
  if (roots === undefined || ekCerts.length === 0) {
    if (allowUncertifiedEk) return undefined;
    throw denied("the endorsement key has no certificate, and the profile does not allow that");
  }
  const rules = { roots: roots.current, intermediates: intermediates?.current ?? [], now };
  const { certificate, description } = verifyEndorsementCertificate(ekCerts.map(octetsOf), rules);
  if (!certificate.publicKey.equals(keyOf(area))) throw denied("the certificate is of another endorsement key");
  return description;
}

function evidenceOf(
  { area, template }: EndorsementKey,
  { name }: AttestationKey,
  { resetCount, restartCount, firmwareVersion, pcrDigest: digest }: Quote,
  description: TpmDescription | undefined,
): Evidence {
  const machineId = machineIdOf(keyOf(area));
  return {
    machineId,
    pins: { [ATTESTATION_KEY_PIN]: name.toString("hex") },
    fields: {
      ...description,
      // For names, whose labels end at 63 characters: the whole hash, in the machine's id, has 64.
      ek_id: machineId.slice(machineId.indexOf(":") + 1).slice(0, EK_ID_DIGITS),
      ek_template: template,
      ek_certified: String(description !== undefined),
      firmware_version: firmwareVersion.toString(16),
      reset_count: String(resetCount),
      restart_count: String(restartCount),
      pcr_digest: digest.toString("hex"),
    },
    isFresh: true,
    ...(description === undefined ? { mustBeEnrolled: true } : {}),
  };
}
