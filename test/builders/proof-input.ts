import { randomBytes } from "node:crypto";
import type { ProofInput } from "../../services/certificate-authority/attestation/attestor.ts";
import { AttestationRefusal } from "../../services/certificate-authority/attestation/refusal.ts";

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
