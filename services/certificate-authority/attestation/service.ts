import { createHash, createPublicKey, type KeyObject, randomBytes, randomUUID } from "node:crypto";
import type { z } from "zod";
import { bindOf } from "../../shared/attestation/bind.ts";
import { isPossessed, keyProblem } from "../../shared/attestation/possession.ts";
import {
  type AttestationErrorCode,
  type AttestorKind,
  type ChallengeAnswer,
  type CompleteAnswer,
  type challengeRequestSchema,
  type completeRequestSchema,
  octetsOf,
} from "../../shared/attestation/wire.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { createTokenBuckets } from "../../shared/token-bucket.ts";
import {
  type AttestationGrant,
  type AttestationRefusalRecord,
  type Attestations,
  objectionTo,
  type VerifiedAttestation,
} from "../domain/attestation.ts";
import type { Evidence } from "./attestor.ts";
import { attestationOf, type JudgementDependencies, judgeNode, type Profile, replaceable } from "./judgement.ts";
import { AttestationRefusal, denied } from "./refusal.ts";
import { type ChallengeSeal, createChallengeSeal, type SealedChallenge } from "./sealed-challenge.ts";

const NONCE_BYTES = 32;
const CHALLENGE_SECONDS = 120;
/** A TPM takes its time. */
const LONGER_CHALLENGE_SECONDS: Partial<Record<AttestorKind, number>> = { tpm2: 300 };
const MAXIMUM_TRACKED = 50_000;
const MAXIMUM_MACHINE_ID = 256;
/** Of what evidence says, in the audit trail. */
const MAXIMUM_MESSAGE = 1000;
/**
 * Refusals that are put on record one by one, of one source and of all; beyond that they are counted. Anybody can be refused, and
 * the audit trail keeps what it has.
 */
const REFUSALS_PER_SOURCE = { perSecond: 0.1, burst: 100 };
const REFUSALS = { perSecond: 1, burst: 1000 };
const SECONDS_PER_HOUR = 3600;

/** What a machine gets when nothing speaks against it; made before it is on record, released after. */
export interface MadeCredential {
  readonly grant: Omit<AttestationGrant, "bindingId">;
  readonly answer: Pick<CompleteAnswer, "certPem" | "token" | "kubeconfig">;
  /** Takes it back: it never got on record. */
  discard(): Promise<void>;
}

/** Makes credentials for bootstrap keys. */
export interface CredentialMaker {
  make(wish: { readonly nodeName: string; readonly spkiDer: Buffer; readonly now: Date }): Promise<MadeCredential>;
}

export interface AttestationDependencies extends JudgementDependencies {
  /** 32 octets, the same on every replica. */
  readonly sealKey: Uint8Array;
  readonly attestations: Attestations;
  readonly credentials: CredentialMaker;
  readonly observe: (attestor: string, outcome: "bound" | AttestationErrorCode) => void;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn">;
}

type ChallengeRequest = z.output<typeof challengeRequestSchema>;
type CompleteRequest = z.output<typeof completeRequestSchema>;

/** The attestation protocol. Everything thrown is an `AttestationRefusal`. */
export interface AttestationService {
  /**
   * Counts a call, before anything of it is read.
   * @param source - what counts as one address.
   */
  admit(source: string): void;
  /** Writes nothing. */
  challenge(request: ChallengeRequest): Promise<ChallengeAnswer>;
  /** Answers when everything is durable. */
  complete(request: CompleteRequest, client: AttestationClient): Promise<CompleteAnswer>;
  close(): void;
}

/** Who completes an attestation, as the server sees it. */
export interface AttestationClient {
  readonly address: string;
  /** As for `admit`. */
  readonly source: string;
}

export function createAttestationService(deps: AttestationDependencies): AttestationService {
  const { settings, clock, logger, attestations, observe } = deps;
  const { limits, audience } = settings;
  const seal = createChallengeSeal(deps.sealKey);
  const rate = (perSecond: number) => ({ perSecond, burst: Math.max(1, perSecond * 10) });
  const overall = createTokenBuckets(rate(limits.challengesPerSecond), 1, clock);
  const addresses = createTokenBuckets(rate(limits.perSecondPerAddress), MAXIMUM_TRACKED, clock);
  const perHour = limits.attestationsPerHourPerMachine;
  const machines = createTokenBuckets(
    { perSecond: perHour / SECONDS_PER_HOUR, burst: Math.max(1, perHour) },
    MAXIMUM_TRACKED,
    clock,
  );
  const refusalsOfSource = createTokenBuckets(REFUSALS_PER_SOURCE, MAXIMUM_TRACKED, clock);
  const refusals = createTokenBuckets(REFUSALS, 1, clock);
  let withheld = 0;
  let verifying = 0;

  /** Before anything is used up: who is told to slow down can answer the same challenge later. */
  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (verifying >= limits.concurrency) throw slowDown("too many proofs are being verified");
    verifying += 1;
    try {
      return await work();
    } finally {
      verifying -= 1;
    }
  }

  async function verified(profile: Profile, opened: Opened, clientAddress: string): Promise<Attested> {
    const signal = AbortSignal.timeout(limits.verificationSeconds * 1000);
    const evidence = await Promise.race([verify(profile, opened, clientAddress, signal), refusalAt(signal)]);
    if (machines.take(`${profile.settings.attestor} ${evidence.machineId}`) > 0)
      throw slowDown(`the machine ${evidence.machineId} attests too often`);
    return { evidence, signal };
  }

  /** What can be said without writing anything. */
  async function judged(opened: Opened, clientAddress: string): Promise<VerifiedAttestation> {
    const { sealed, request, bind, now } = opened;
    const profile = deps.profiles.find(
      ({ settings: { name, attestor } }) => name === sealed.profile && attestor === sealed.attestor,
    );
    if (profile === undefined) throw denied(`there is no profile ${sealed.profile} any more`);
    const { evidence, signal } = await verified(profile, opened, clientAddress);
    const evidenceSha256 = sha256(jsonOf(request.proof, "proof"));
    const attestation = attestationOf(deps, profile, evidence, { evidenceSha256, wish: sealed.nodeName });
    await judgeNode(deps, attestation.nodeName, { shown: request.kubelet, bind, now }, signal);
    return { ...attestation, replaces: await replaceable(deps, attestation, signal) };
  }

  async function store(attestation: VerifiedAttestation, { spkiDer }: Opened): Promise<CompleteAnswer> {
    const { attestor, machineId, nodeName } = attestation;
    const ofName = attestations.bindingOf(nodeName);
    const ofMachine = attestations.bindingsOf(attestor, machineId).find(({ state }) => state === "active");
    // Asked again inside the transaction; here so that nothing is signed for nobody.
    const machine = attestations.machine(attestor, machineId);
    const enrolledAs = attestations.enrolledAs(nodeName);
    const early = objectionTo(attestation, { machine, enrolledAs, ofMachine, ofName });
    if (early !== undefined) throw new AttestationRefusal(early.code, early.message);
    const made = await deps.credentials.make({ nodeName, spkiDer, now: clock.now() });
    const grant = { ...made.grant, bindingId: randomUUID() };
    const done = await attestations.complete(attestation, grant).catch(async (error: unknown) => {
      await made.discard();
      throw error;
    });
    if ("objection" in done) {
      await made.discard();
      throw new AttestationRefusal(done.objection.code, done.objection.message);
    }
    const { id: credentialId, kind, expiresAt } = grant.credential;
    logger.info({ attestor, machineId, nodeName, profile: attestation.profile, credentialId }, "a machine attested");
    return { nodeName, kind, credentialId, ...made.answer, expiresAt: expiresAt.toISOString() };
  }

  /** Of an attempt with a challenge of ours; others would let anybody write into the ledger. */
  async function noteRefusal(
    { code, message, cause }: AttestationRefusal,
    { attestor, profile, nodeName }: SealedChallenge,
    { address, source }: AttestationClient,
  ): Promise<void> {
    if (refusalsOfSource.take(source) > 0 || refusals.take("") > 0) {
      withheld += 1;
      return;
    }
    const said = { attestor, profile, nodeName, address, code, message: message.slice(0, MAXIMUM_MESSAGE) };
    const record: AttestationRefusalRecord = { ...said, withheld };
    withheld = 0;
    logger.warn({ ...record, err: cause }, "an attestation was refused");
    await attestations.recordRefusal(record);
  }

  async function answered(opened: Opened, { address }: AttestationClient): Promise<CompleteAnswer> {
    const { sealed } = opened;
    const isFirst = await attestations.useChallenge(sealed.id, new Date(sealed.expires));
    if (!isFirst) throw denied("the challenge was answered before");
    return store(await guarded(() => judged(opened, address)), opened);
  }

  return {
    admit(source) {
      if (addresses.take(source) > 0) throw slowDown(`too many requests from ${source}`);
      if (overall.take("") > 0) throw slowDown("too many requests in all");
    },

    async challenge(request) {
      const profile = profileFor(deps.profiles, request);
      const spkiDer = octetsOf(request.spki);
      requireKey(spkiDer);
      const nonce = randomBytes(NONCE_BYTES);
      const added = await guarded(() => profile.attestor.challenge?.({ hello: request.hello, nonce }));
      const { attestor, name } = profile.settings;
      const seconds = LONGER_CHALLENGE_SECONDS[attestor] ?? CHALLENGE_SECONDS;
      const expires = clock.now().getTime() + seconds * 1000;
      const challenge = seal.seal({
        ...{ id: randomBytes(16).toString("hex"), nonce: nonce.toString("hex"), attestor, profile: name, expires },
        nodeName: request.nodeName ?? "",
        spkiSha256: sha256(spkiDer),
        helloSha256: sha256(jsonOf(request.hello, "hello")),
        ...(added?.secret && { secret: added.secret.toString("hex") }),
      });
      const expiresAt = new Date(expires).toISOString();
      return { challenge, nonce: nonce.toString("base64url"), audience, expiresAt, params: { ...added?.params } };
    },

    async complete(request, client) {
      const opened = openChallenge(seal, request, audience, clock.now());
      const { sealed } = opened;
      try {
        const answer = await inTurn(() => answered(opened, client));
        observe(sealed.attestor, "bound");
        return answer;
      } catch (error) {
        if (!(error instanceof AttestationRefusal)) throw error;
        observe(sealed.attestor, error.code);
        await noteRefusal(error, sealed, client);
        throw error;
      }
    },

    close() {
      for (const { attestor } of deps.profiles) attestor.close?.();
    },
  };
}

/** A challenge that was opened, with what came along. */
interface Opened {
  readonly sealed: SealedChallenge;
  readonly spkiDer: Buffer;
  readonly bind: Buffer;
  readonly request: CompleteRequest;
  readonly now: Date;
}

interface Attested {
  readonly evidence: Evidence;
  readonly signal: AbortSignal;
}

function openChallenge(seal: ChallengeSeal, request: CompleteRequest, audience: string, now: Date): Opened {
  const sealed = seal.open(request.challenge);
  if (now.getTime() >= sealed.expires) throw denied("the challenge has expired");
  const spkiDer = octetsOf(request.spki);
  if (sha256(spkiDer) !== sealed.spkiSha256) throw denied("the key is not the one of the challenge");
  if (sha256(jsonOf(request.hello, "hello")) !== sealed.helloSha256)
    throw denied("hello is not the one of the challenge");
  const { attestor, nodeName } = sealed;
  const bind = bindOf({ audience, attestor, nonce: Buffer.from(sealed.nonce, "hex"), nodeName, spki: spkiDer });
  if (!isPossessed(requireKey(spkiDer), "bootstrap-key", bind, octetsOf(request.keySig)))
    throw denied("the bootstrap key did not sign this challenge");
  return { sealed, spkiDer, bind, request, now };
}

/** @throws {AttestationRefusal} bad_request for what is no key that a certificate could be for. */
function requireKey(spkiDer: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spkiDer, format: "der", type: "spki" });
    // Another encoding of the same key would have another hash.
    if (!key.export({ format: "der", type: "spki" }).equals(spkiDer)) throw new Error("not its canonical encoding");
  } catch (cause) {
    throw new AttestationRefusal("bad_request", "spki is no public key", { cause });
  }
  const problem = keyProblem(key);
  if (problem !== undefined) throw new AttestationRefusal("bad_request", `spki: ${problem}`);
  return key;
}

function profileFor(profiles: readonly Profile[], { attestor, profile }: ChallengeRequest): Profile {
  const fitting = profiles.filter(
    ({ settings }) => settings.attestor === attestor && (profile === undefined || settings.name === profile),
  );
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  const which = profile === undefined ? "" : ` of the name ${JSON.stringify(profile)}`;
  if (only === undefined) throw denied(`no profile${which} takes ${attestor}`);
  throw new AttestationRefusal("bad_request", `several profiles take ${attestor}: name one as profile`);
}

async function verify(profile: Profile, opened: Opened, clientAddress: string, signal: AbortSignal): Promise<Evidence> {
  const { sealed, bind, request, now } = opened;
  const evidence = await profile.attestor.verify({
    ...{ hello: request.hello, proof: request.proof, bind, now, signal, clientAddress },
    nonce: Buffer.from(sealed.nonce, "hex"),
    secret: sealed.secret === undefined ? undefined : Buffer.from(sealed.secret, "hex"),
    nodeName: sealed.nodeName,
  });
  const { machineId } = evidence;
  if (machineId === "" || machineId.length > MAXIMUM_MACHINE_ID) throw denied("the evidence names no machine");
  return evidence;
}

/** Whoever does not heed the signal keeps no place either. */
function refusalAt(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(denied("the evidence was not verified in time")), { once: true });
  });
}

/** Whatever goes wrong with evidence denies: a parser that fails, a cloud that does not answer, a bug. */
async function guarded<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AttestationRefusal) throw error;
    throw denied(`the evidence could not be verified: ${(error as Error).message}`, error);
  }
}

/** What is nested so deep that it cannot be written again was never made by a machine that means well. */
function jsonOf(value: object, field: string): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new AttestationRefusal("bad_request", `${field} is nested too deep`, { cause });
  }
}

function slowDown(message: string): AttestationRefusal {
  return new AttestationRefusal("slow_down", message);
}

function sha256(octets: Uint8Array | string): string {
  return createHash("sha256").update(octets).digest("hex");
}
