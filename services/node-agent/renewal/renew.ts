import { X509Certificate } from "node:crypto";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { AgentError } from "../agent-error.ts";
import type { ServerAddress } from "../api/asked-server.ts";
import { awaitCertificate } from "../api/await-certificate.ts";
import { patience, patientApi } from "../api/patient.ts";
import { type SigningApi, signingApi } from "../api/signing-api.ts";
import { certificateRequest } from "../certificates/certificate-request.ts";
import { checkAnswer, namesOf, wasIssuedBy } from "../certificates/check-answer.ts";
import {
  type Credential,
  type CredentialPaths,
  certificateBlocks,
  installCredential,
  readCredential,
} from "../certificates/credential-files.ts";
import { newKeyLike, privateKeyPem } from "../certificates/private-key.ts";
import { type Lead, renewalTime } from "./due.ts";
import { reload } from "./reload.ts";
import { type RenewalState, renewalState } from "./renewal-state.ts";

/** What is renewed, where and how. */
export interface RenewalOptions {
  readonly paths: CredentialPaths;
  /** Who asks; the certificate itself when undefined. */
  readonly clientPaths: CredentialPaths | undefined;
  readonly server: ServerAddress;
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

/**
 * Renews a certificate once, if it is due. What was begun before is gone on with: files that were being put in their
 * places, or a request that awaits its approval.
 *
 * @throws {AgentError}
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
    ...{ key: received.key, usages: usagesOf(options, current) },
    ...{ subject: current.parts.certificate.subject, names: namesOf(current.parts.certificate) },
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
  const api = patientApi(signingApi(options.server, identity), patience(options.retrySeconds, deps));
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
    if (error instanceof AgentError && error.failure === "denied") await state.remove();
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
  throw new AgentError("unusable", `it does not show whose certificate ${subject} is; name the signer with --signer`);
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
