import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Attestor, Evidence } from "../../services/certificate-authority/attestation/attestor.ts";
import { createTpm2Attestor } from "../../services/certificate-authority/attestation/tpm2/attestor.ts";
import { type Tpm2Settings, tpm2Shape } from "../../services/certificate-authority/attestation/tpm2/settings.ts";
import { answerTpmChallenge, type IdentityOptions, readTpmIdentity } from "../../services/node-agent/tpm/identity.ts";
import type { TpmTransport } from "../../services/node-agent/tpm/tpm-transport.ts";
import { tpm2Params } from "../../services/shared/attestation/proofs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** Settings as a profile has them, defaults included. */
function tpm2Settings(settings: Partial<z.input<z.ZodObject<typeof tpm2Shape>>>): Tpm2Settings {
  return z.strictObject(tpm2Shape).parse({ attestor: "tpm2", ...settings });
}

export function tpm2Attestor(settings: Partial<z.input<z.ZodObject<typeof tpm2Shape>>>): Attestor {
  return createTpm2Attestor(tpm2Settings(settings));
}

/** A file of anchors in a directory of its own. */
export function anchorsFile(pem: string): string {
  const path = join(temporaryDirectory(), "roots.pem");
  writeFileSync(path, pem);
  return path;
}

/** What travels in one attestation, to be changed on its way. */
export interface TpmExchange {
  readonly hello: unknown;
  readonly proof: Readonly<Record<string, unknown>>;
  readonly secret: Buffer | undefined;
  readonly bind: Buffer;
}

export interface TpmAttestation extends Partial<Omit<IdentityOptions, "signal">> {
  readonly eventLog?: Buffer;
}

/** A challenge and its answer. */
export async function exchangeWith(
  attestor: Attestor,
  transport: TpmTransport,
  { eventLog, ...identity }: TpmAttestation = {},
): Promise<TpmExchange> {
  const signal = AbortSignal.timeout(60_000);
  const { hello } = await readTpmIdentity(transport, { ...identity, signal });
  const { params, secret } = (await attestor.challenge?.({ hello, nonce: randomBytes(32) })) ?? { params: {} };
  const bind = randomBytes(32);
  const answered = tpm2Params.parse(params);
  const proof = await answerTpmChallenge(transport, { hello, params: answered, bind, eventLog, signal });
  return { hello, proof, secret, bind };
}

/** @param now - in the validity of emulated certificates, which begins when they are made. */
export async function verifyExchange(
  attestor: Attestor,
  { hello, proof, secret, bind }: TpmExchange,
  now = new Date(Date.now() + 1000),
): Promise<Evidence> {
  const signal = AbortSignal.timeout(10_000);
  const unused = { nonce: Buffer.alloc(32), nodeName: "", clientAddress: "127.0.0.1" };
  return await attestor.verify({ hello, proof, bind, secret, now, signal, ...unused });
}
