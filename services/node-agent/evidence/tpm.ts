import { tpm2Params } from "../../shared/attestation/proofs.ts";
import type { EndorsementTemplateName } from "../../shared/tpm/templates.ts";
import { AgentError } from "../agent-error.ts";
import { certificateBlocks } from "../certificates/credential-files.ts";
import { answerTpmChallenge, readTpmIdentity } from "../tpm/identity.ts";
import { DEFAULT_TPM, openTpm } from "../tpm/open-tpm.ts";
import { TpmFailure } from "../tpm/tpm-failure.ts";
import type { AnsweredChallenge, EvidenceCollector } from "./collector.ts";
import { readEvidenceFile } from "./evidence-file.ts";

/** TPMs make keys slowly; firmware ones take seconds for RSA. */
const LIMIT_MILLISECONDS = 90_000;

/** The TPM of this machine. */
export interface TpmSource {
  readonly kind: "tpm2";
  /** A device, or tcp://HOST:PORT; the kernel's resource manager when undefined. */
  readonly location: string | undefined;
  readonly endorsementKey: EndorsementTemplateName | undefined;
  /** For TPMs that do not hold the certificate of their endorsement key: it, then CAs above it; PEM or DER. */
  readonly certificateFiles: readonly string[];
  /** As the kernel gives it. */
  readonly eventLogFile: string;
}

/** @throws {AgentError} `unusable` */
export async function tpmEvidence(source: TpmSource, signal: AbortSignal): Promise<EvidenceCollector> {
  const { location = DEFAULT_TPM, endorsementKey, certificateFiles } = source;
  const files = await Promise.all(certificateFiles.map(readEvidenceFile));
  const certificates = files.length === 0 ? undefined : files.flatMap(certificatesIn);
  const transport = await inWords(() => openTpm(location, limited(signal)));
  try {
    const identity = await inWords(() =>
      readTpmIdentity(transport, { endorsementKey, certificates, signal: limited(signal) }),
    );
    const { hello, machineId } = identity;
    const answer = async (challenge: AnsweredChallenge) => {
      const params = tpm2Params.safeParse(challenge.params);
      if (!params.success) throw new AgentError("refused", "the authority's challenge is none that a TPM can answer");
      const eventLog = params.data.eventLog ? await readEvidenceFile(source.eventLogFile) : undefined;
      const { bind } = challenge;
      return inWords(() =>
        answerTpmChallenge(transport, {
          hello,
          params: params.data,
          bind,
          eventLog,
          signal: limited(challenge.signal),
        }),
      );
    };
    return { kind: "tpm2", hello, machineId, prove: answer, close: () => transport.close() };
  } catch (error) {
    await transport.close();
    throw error;
  }
}

function certificatesIn(content: Buffer): readonly Buffer[] {
  const blocks = certificateBlocks(content.toString("latin1"));
  const bodies = blocks.map((block) => Buffer.from(block.replaceAll(/-----[^-]+-----|\s/g, ""), "base64"));
  return bodies.length > 0 ? bodies : [content];
}

function limited(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MILLISECONDS)]);
}

async function inWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof TpmFailure)) throw cause;
    throw new AgentError("unusable", cause.message, { cause });
  }
}
