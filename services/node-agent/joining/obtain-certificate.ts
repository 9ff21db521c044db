import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { AgentError } from "../agent-error.ts";
import { awaitCertificate } from "../api/await-certificate.ts";
import type { SigningApi } from "../api/signing-api.ts";
import type { CertificateParts } from "../certificates/certificate-parts.ts";
import { checkAnswer } from "../certificates/check-answer.ts";
import { turnLink } from "../certificates/credential-files.ts";
import { currentFile } from "./node-files.ts";
import { asksForTheSame, CLIENT_SIGNER, CLIENT_USAGES, nodeRequest, nodeSubject } from "./node-request.ts";
import { ecKeyPem, pendingKey } from "./pending-key.ts";
import { inWords, prepareDirectory, writeNodeFile } from "./write-node-file.ts";

const TELL_EVERY_SECONDS = 30;

export interface WantedCertificate {
  readonly nodeName: string;
  readonly certificateDirectory: string;
  /** How long to wait for approval and certificate. */
  readonly waitSeconds: number;
}

export interface ObtainDependencies {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface ObtainedCertificate {
  readonly parts: CertificateParts;
  readonly requestName: string;
}

/**
 * Asks as a kubelet does, waits, checks what came and puts it where the kubelet looks. The key stays beside it until the
 * caller removes it, so that a run that was killed is gone on with.
 *
 * @throws {AgentError}
 */
export async function obtainCertificate(
  api: SigningApi,
  wanted: WantedCertificate,
  deps: ObtainDependencies,
): Promise<ObtainedCertificate> {
  const { nodeName, certificateDirectory } = wanted;
  await prepareDirectory(certificateDirectory);
  const pending = pendingKey(certificateDirectory);
  const key = await inWords(certificateDirectory, () => pending.obtain());
  const expected = { subject: nodeSubject(nodeName), names: [], key, usages: CLIENT_USAGES, trustedPem: undefined };
  try {
    const { requestName, chainPem } = await ask(api, wanted, key, deps);
    const parts = checkAnswer(chainPem, expected, deps.clock.now());
    await install(certificateDirectory, `${chainPem.trimEnd()}\n${ecKeyPem(key)}`, parts);
    deps.logger.info({ request: requestName, notAfter: parts.certificate.validToDate }, "the certificate is there");
    return { parts, requestName };
  } catch (error) {
    // What was denied, or answered wrongly, stays so under this key; the next run asks with another.
    const isOver = error instanceof AgentError && (error.failure === "denied" || error.failure === "wrongAnswer");
    if (isOver) await pending.remove();
    throw error;
  }
}

async function ask(
  api: SigningApi,
  { nodeName, waitSeconds }: WantedCertificate,
  key: KeyObject,
  deps: ObtainDependencies,
) {
  const { name, requestPem } = nodeRequest(nodeName, key);
  const wanted = { signerName: CLIENT_SIGNER, usages: CLIENT_USAGES, expirationSeconds: undefined };
  const request = await api.create({ name, requestPem, ...wanted });
  const { request: stored, signerName } = request.spec;
  if (signerName !== CLIENT_SIGNER || !asksForTheSame(Buffer.from(stored, "base64").toString(), requestPem)) {
    throw new AgentError(
      "denied",
      `the request ${name} was there already and is not this host's; the next run asks anew`,
    );
  }
  deps.logger.info({ request: name }, "asked for a client certificate; waiting until it is approved");
  let told = waitSeconds;
  const onWaiting = (secondsLeft: number): void => {
    if (told - secondsLeft < TELL_EVERY_SECONDS) return;
    told = secondsLeft;
    deps.logger.info({ request: name, secondsLeft }, "nobody has approved the request yet");
  };
  const awaited = { requestName: name, requestUid: request.metadata.uid };
  const chainPem = await awaitCertificate(api, awaited, waitSeconds, { ...deps, onWaiting });
  return { requestName: name, chainPem };
}

/**
 * A file of its own and the link to it, in this order. The file is called after the certificate, so that a run that was
 * killed in between does not leave another one.
 *
 * Source: kubernetes staging/src/k8s.io/client-go/util/certificate/certificate_store.go (fileStore).
 */
async function install(directory: string, content: string, { certificate }: CertificateParts): Promise<void> {
  const link = currentFile(directory);
  const date = certificate.validFromDate.toISOString().slice(0, 19).replace(/[T:]/g, "-");
  const path = join(directory, `kubelet-client-${date}.pem`);
  await writeNodeFile(path, content);
  await inWords(link, () => turnLink(link, path));
}
