import { randomBytes } from "node:crypto";
import type { AttestorTools, ProofInput } from "../../services/certificate-authority/attestation/attestor.ts";
import { AttestationRefusal } from "../../services/certificate-authority/attestation/refusal.ts";
import { type Clock, systemClock } from "../../services/shared/clock.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";

/** What an attestor is given to verify: nothing but a new bind, unless told otherwise. */
export function proofInput(changes: Partial<ProofInput> = {}): ProofInput {
  return {
    hello: {},
    proof: {},
    nonce: randomBytes(32),
    bind: randomBytes(32),
    secret: undefined,
    nodeName: "",
    now: new Date(),
    clientAddress: "127.0.0.1",
    signal: AbortSignal.timeout(60_000),
    ...changes,
  };
}

/** What was wrong in an attestor's own words; "accepted" when nothing was. Anything but a refusal is passed on. */
export async function refusalIn(verification: () => unknown): Promise<string> {
  try {
    await verification();
  } catch (error) {
    if (error instanceof AttestationRefusal && error.code === "denied") return error.message;
    throw error;
  }
  return "accepted";
}

export const ATTESTATION_AUDIENCE = "https://node-ca.example/v1/attest";

/** What attestors stand on. */
export function attestorTools(clock: Clock = systemClock): AttestorTools {
  return { audience: ATTESTATION_AUDIENCE, clock, logger: recordingLogger().logger };
}
