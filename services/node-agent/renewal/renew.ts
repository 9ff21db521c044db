import { X509Certificate } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { certificateRequest } from "./certificate-request.ts";
import { checkAnswer, wasIssuedBy } from "./check-answer.ts";
import {
  type Credential,
  type CredentialPaths,
  certificateBlocks,
  installCredential,
  readCredential,
} from "./credential-files.ts";
import { type Lead, renewalTime } from "./due.ts";
import { reload } from "./reload.ts";
import { RenewalError } from "./renewal-error.ts";
import { newKeyLike, privateKeyPem } from "./renewal-key.ts";
import { type RenewalState, renewalState } from "./renewal-state.ts";
import { type SigningApi, type SigningRequest, type SigningServer, safe, signingApi } from "./signing-api.ts";

/** What is renewed, where and how. */
export interface RenewalOptions {
  readonly paths: CredentialPaths;
  /** Who asks; the certificate itself when undefined. */
  readonly clientPaths: CredentialPaths | undefined;
  readonly server: Pick<SigningServer, "url" | "caPem" | "serverName">;
  /** The CAs that the new certificate must come from. */
  readonly issuersPem: string | undefined;
  /** Derived from the certificate when undefined. */
  readonly signerName: string | undefined;
  readonly usages: readonly string[] | undefined;
  readonly expirationSeconds: number | undefined;
  readonly lead: Lead;
  readonly isForced: boolean;
  readonly keepsKey: boolean;
  /** How long one attempt waits for approval and certificate. */
  readonly waitSeconds: number;
  /** How long an attempt goes on trying while the server cannot be reached. */
  readonly retrySeconds: number;
  /** Empty for none. */
  readonly reloadCommand: readonly string[];
}

export interface RenewalDependencies {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export type RenewalOutcome =
  | { readonly kind: "notDue"; readonly renewsAt: Date; readonly notAfter: Date }
  | { readonly kind: "renewed"; readonly notAfter: Date; readonly requestName: string };

const FIRST_PAUSE_MILLISECONDS = 1_000;
const LONGEST_PAUSE_MILLISECONDS = 30_000;
const POLL_MILLISECONDS = 1_000;
const LONGEST_POLL_MILLISECONDS = 15_000;

/**
 * Renews a certificate once, if it is due. What was begun before is gone on with: files that were being put in their
 * places, or a request that awaits its approval.
 *
 * @throws {RenewalError}
 */
export async function renew(options: RenewalOptions, deps: RenewalDependencies): Promise<RenewalOutcome> {
  const state = renewalState(options.paths.certificateFile);
  const begun = await state.read();
  if (begun?.chainPem !== undefined) return install(options, { ...begun, chainPem: begun.chainPem }, deps);
  const current = await readCredential(options.paths);
  const { validFromDate, validToDate } = current.parts.certificate;
  const renewsAt = renewalTime(validFromDate, validToDate, options.lead);
  const isDue = options.isForced || begun !== undefined || deps.clock.now() >= renewsAt;
  if (!isDue) return { kind: "notDue", renewsAt, notAfter: validToDate };
  const received = await receive(options, current, begun, deps);
  const expected = {
    ...{ former: current.parts, key: received.key, usages: usagesOf(options, current) },
    trustedPem: issuersOf(options, current),
  };
  try {
    checkAnswer(received.chainPem, expected, deps.clock.now());
  } catch (error) {
    await state.remove();
    throw error;
  }
  await state.write(received);
  return install(options, received, deps);
}

type Received = RenewalState & { readonly chainPem: string };

/** Ends in the new files, however often it has to begin. */
async function install(
  options: RenewalOptions,
  received: Received,
  deps: RenewalDependencies,
): Promise<RenewalOutcome> {
  const state = renewalState(options.paths.certificateFile);
  await installCredential(options.paths, received, deps.clock.now());
  await state.remove();
  const [leaf = ""] = certificateBlocks(received.chainPem);
  const notAfter = new X509Certificate(leaf).validToDate;
  deps.logger.info({ certificate: options.paths.certificateFile, notAfter }, "renewed the certificate");
  if (options.reloadCommand.length > 0) await reload(options.reloadCommand);
  return { kind: "renewed", notAfter, requestName: received.requestName };
}

/** Asks, or goes on asking, until there is a certificate. */
async function receive(
  options: RenewalOptions,
  current: Credential,
  begun: RenewalState | undefined,
  deps: RenewalDependencies,
): Promise<Received> {
  const client = options.clientPaths === undefined ? current : await readCredential(options.clientPaths);
  const identity = { certificatePem: client.chainPem, keyPem: privateKeyPem(client.key) };
  const api = patient(signingApi({ ...options.server, ...identity }), options.retrySeconds, deps);
  const state = renewalState(options.paths.certificateFile);
  const found = begun && (await api.get(begun.requestName));
  let asked: RenewalState;
  if (begun !== undefined && found?.metadata.uid === begun.requestUid) {
    asked = begun;
    deps.logger.info({ request: begun.requestName }, "waiting for the request of the attempt before");
  } else {
    asked = await askAnew(options, current, api);
    await state.write(asked);
    deps.logger.info({ request: asked.requestName }, "asked for a new certificate");
  }
  try {
    return { ...asked, chainPem: await awaitCertificate(api, asked, options.waitSeconds, deps) };
  } catch (error) {
    // What was denied stays so; the next attempt is another request.
    if (error instanceof RenewalError && error.failure === "denied") await state.remove();
    throw error;
  }
}

async function askAnew(options: RenewalOptions, current: Credential, api: SigningApi): Promise<RenewalState> {
  const key = options.keepsKey ? current.key : newKeyLike(current.key);
  const { metadata } = await api.create({
    requestPem: certificateRequest(current.parts, key),
    signerName: options.signerName ?? signerOf(current),
    usages: usagesOf(options, current),
    expirationSeconds: options.expirationSeconds,
  });
  return { requestName: metadata.name, requestUid: metadata.uid, key, chainPem: undefined };
}

/** Source: kubernetes staging/src/k8s.io/api/certificates/v1/types.go (signer names) and pkg/apis/certificates/helpers.go. */
function signerOf({ parts }: Credential): string {
  const { subject } = parts.certificate;
  const isNode = /^CN=system:node:/m.test(subject) && /^O=system:nodes$/m.test(subject);
  const isClient = parts.usages.includes("client auth");
  const isServer = parts.usages.includes("server auth");
  if (isNode && isServer && !isClient) return "kubernetes.io/kubelet-serving";
  if (isNode && isClient && !isServer) return "kubernetes.io/kube-apiserver-client-kubelet";
  if (isClient && !isServer) return "kubernetes.io/kube-apiserver-client";
  throw new RenewalError("unusable", `it does not show whose certificate ${subject} is; name the signer with --signer`);
}

function usagesOf({ usages }: RenewalOptions, { parts }: Credential): readonly string[] {
  return usages ?? parts.usages;
}

/** The CAs of the server, where the certificate comes from one of them already; any otherwise, unless some are named. */
function issuersOf({ issuersPem, server }: RenewalOptions, { parts, chainPem }: Credential): string | undefined {
  if (issuersPem !== undefined || server.caPem === undefined) return issuersPem;
  const chain = certificateBlocks(chainPem).map((pem) => new X509Certificate(pem));
  const last = chain.at(-1) ?? parts.certificate;
  const anchors = certificateBlocks(server.caPem).map((pem) => new X509Certificate(pem));
  return anchors.some((anchor) => wasIssuedBy(last, anchor)) ? server.caPem : undefined;
}

async function awaitCertificate(
  api: SigningApi,
  { requestName, requestUid }: RenewalState,
  waitSeconds: number,
  { clock, random, signal }: RenewalDependencies,
): Promise<string> {
  const until = clock.now().getTime() + waitSeconds * 1000;
  for (let pause = POLL_MILLISECONDS / 4; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MILLISECONDS)) {
    const request = await api.get(requestName);
    if (request?.metadata.uid !== requestUid) {
      throw new RenewalError("denied", `the request ${requestName} was removed before it was answered`);
    }
    const chainPem = answerOf(request);
    if (chainPem !== undefined) return chainPem;
    if (clock.now().getTime() >= until) {
      const wayOut = `approve it (kubectl certificate approve ${requestName}); the next attempt goes on waiting for it`;
      throw new RenewalError(
        "pending",
        `nobody approved the request ${requestName} within ${waitSeconds} s; ${wayOut}`,
      );
    }
    await setTimeout(pause * (0.75 + random() / 2), undefined, { signal });
  }
}

/** @throws {RenewalError} `denied` */
function answerOf({ metadata, status }: SigningRequest): string | undefined {
  for (const { type, reason = "", message = "" } of status?.conditions ?? []) {
    if (type !== "Denied" && type !== "Failed") continue;
    const what = type === "Denied" ? "was denied" : "failed";
    throw new RenewalError("denied", `the request ${metadata.name} ${what} (${safe(reason)}): ${safe(message)}`);
  }
  return status?.certificate ? Buffer.from(status.certificate, "base64").toString("utf8") : undefined;
}

/** The same API, asked again for a while when it cannot be reached, at growing intervals that are nobody else's. */
function patient(
  api: SigningApi,
  retrySeconds: number,
  { clock, random, logger, signal }: RenewalDependencies,
): SigningApi {
  async function again<T>(work: () => Promise<T>): Promise<T> {
    const until = clock.now().getTime() + retrySeconds * 1000;
    for (let pause = FIRST_PAUSE_MILLISECONDS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS)) {
      try {
        return await work();
      } catch (error) {
        const mayHelp = error instanceof RenewalError && error.failure === "unreachable";
        if (!mayHelp || clock.now().getTime() >= until) throw error;
        logger.warn({ because: error.message }, "could not ask the server; trying again");
        await setTimeout(pause * (0.5 + random()), undefined, { signal });
      }
    }
  }
  return { create: (wanted) => again(() => api.create(wanted)), get: (name) => again(() => api.get(name)) };
}
