import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { bindOf } from "../../shared/attestation/bind.ts";
import { signPossession } from "../../shared/attestation/possession.ts";
import {
  type ChallengeAnswer,
  type CompleteAnswer,
  type CompleteRequest,
  octetsOf,
} from "../../shared/attestation/wire.ts";
import type { Clock } from "../../shared/clock.ts";
import { KubeconfigError } from "../../shared/kubernetes/kubeconfig.ts";
import { AgentError } from "../agent-error.ts";
import type { Credentials, ServerAddress } from "../api/asked-server.ts";
import type { Patience } from "../api/patient.ts";
import { type Credential, certificateBlocks } from "../certificates/credential-files.ts";
import { privateKeyPem } from "../certificates/private-key.ts";
import { base64url, type EvidenceCollector } from "../evidence/collector.ts";
import { type EvidenceSource, openEvidence } from "../evidence/open-evidence.ts";
import { parseKubeletKubeconfig } from "../joining/kubelet-kubeconfig.ts";
import { type AttestationApi, attestationApi } from "./attestation-api.ts";

/** How this host proves what it is, and to whom. */
export interface AttestationOptions {
  readonly server: ServerAddress;
  readonly source: EvidenceSource;
  /** Which of several profiles of the attestor; undefined where there is but one. */
  readonly profile: string | undefined;
  /** The name to ask for; undefined takes the one that the evidence leads to. */
  readonly nodeName: string | undefined;
  /** The attestation API's URL as evidence names it; undefined takes any at the server's own address. */
  readonly audience: string | undefined;
  /** The kubelet's present certificate: a node that is Ready attests with its key as well. */
  readonly present: Credential | undefined;
}

export interface AttestationDependencies {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What a machine got for its evidence. */
export interface Attested {
  readonly nodeName: string;
  /** Where a kubelet bootstraps. */
  readonly server: ServerAddress;
  readonly credentials: NonNullable<Credentials>;
  readonly expiresAt: Date;
}

/** What would be sent, without anything secret. */
export interface RehearsedAttestation {
  readonly attestor: string;
  /** By what an administrator enrolls this machine, where that shows. */
  readonly machineId?: string;
  readonly audience: string;
  /** Of each value how long it is, and its hash. */
  readonly values: readonly { readonly field: string; readonly characters: number; readonly sha256: string }[];
}

/**
 * Proves to the authority what this host is, and gets a short-lived credential for one node's name.
 *
 * @throws {AgentError}
 */
export async function attest(
  options: AttestationOptions,
  again: Patience,
  deps: AttestationDependencies,
): Promise<Attested> {
  return withEvidence(options, deps, async (collector) => {
    const api = attestationApi(options.server, collector.kind);
    // A challenge serves once: who is asked to wait begins anew.
    return again(async () => {
      const key = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
      const { request } = await collect(options, api, collector, key, deps.signal);
      const answer = await api.complete(request, deps.signal);
      return attestedOf(answer, options, key, deps.clock.now());
    });
  });
}

/** Everything up to what would be sent; the authority keeps nothing of it. @throws {AgentError} */
export async function rehearseAttestation(
  options: AttestationOptions,
  again: Patience,
  deps: AttestationDependencies,
): Promise<RehearsedAttestation> {
  return withEvidence(options, deps, async (collector) => {
    const api = attestationApi(options.server, collector.kind);
    const key = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
    const { request, audience } = await again(() => collect(options, api, collector, key, deps.signal));
    const { machineId } = collector;
    const values = [...valuesIn(request, "")];
    return { attestor: collector.kind, ...(machineId !== undefined && { machineId }), audience, values };
  });
}

function* valuesIn(value: unknown, field: string): Generator<RehearsedAttestation["values"][number]> {
  if (typeof value === "string") {
    yield { field, characters: value.length, sha256: createHash("sha256").update(value).digest("hex") };
  } else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) yield* valuesIn(inner, field === "" ? key : `${field}.${key}`);
  }
}

async function withEvidence<T>(
  { source }: AttestationOptions,
  deps: AttestationDependencies,
  work: (collector: EvidenceCollector) => Promise<T>,
): Promise<T> {
  const collector = await openEvidence(source, deps);
  try {
    return await work(collector);
  } finally {
    await collector.close?.();
  }
}

async function collect(
  options: AttestationOptions,
  api: AttestationApi,
  collector: EvidenceCollector,
  key: KeyObject,
  signal: AbortSignal,
) {
  const { nodeName, profile, present } = options;
  const { kind, hello } = collector;
  const spki = new Uint8Array(publicKeyOf(key));
  const about = { spki: base64url(spki), hello };
  const challenge = await api.challenge(
    { v: 1, attestor: kind, ...about, ...(nodeName !== undefined && { nodeName }), ...(profile && { profile }) },
    signal,
  );
  const { audience, params } = challenge;
  requireAudience(challenge, options);
  const bind = bindOf({ audience, attestor: kind, nonce: octetsOf(challenge.nonce), nodeName: nodeName ?? "", spki });
  const proof = await collector.prove({ bind, audience, params, signal });
  const request: CompleteRequest = {
    ...{ challenge: challenge.challenge, ...about, proof },
    keySig: base64url(signPossession(key, "bootstrap-key", bind)),
    ...(present && {
      kubelet: {
        certificate: base64url(present.parts.certificate.raw),
        signature: base64url(signPossession(present.key, "kubelet-key", bind)),
      },
    }),
  };
  return { request, audience };
}

/**
 * Evidence is good for the audience that it names. An authority that names another one could pass it on there, so that has to
 * be said by whoever runs this host.
 */
function requireAudience({ audience }: ChallengeAnswer, { audience: wanted, server }: AttestationOptions): void {
  const isRight = wanted === undefined ? URL.parse(audience)?.origin === server.url.origin : audience === wanted;
  if (isRight) return;
  const hint = "If that is this authority's, say so with --audience.";
  const message = `${server.url.origin} asks for evidence for ${JSON.stringify(audience).slice(0, 300)}`;
  throw new AgentError("untrusted", `${message}, not for ${wanted ?? "itself"}`, { hint });
}

function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}

/** @throws {AgentError} `wrongAnswer` when what came is for another key or name, or cannot be read. */
function attestedOf(answer: CompleteAnswer, options: AttestationOptions, key: KeyObject, now: Date): Attested {
  const { nodeName, certPem, token, kubeconfig } = answer;
  if (options.nodeName !== undefined && nodeName !== options.nodeName) {
    throw wrong(`the credential is for node ${JSON.stringify(nodeName)}, not for ${options.nodeName}`);
  }
  const expiresAt = new Date(answer.expiresAt);
  if (!(expiresAt > now)) throw wrong("the credential has expired already; compare the clocks");
  const credentials = token === undefined ? certificateOf(certPem, key) : { token };
  return { nodeName, server: serverIn(kubeconfig), credentials, expiresAt };
}

function certificateOf(certPem: string | undefined, key: KeyObject): NonNullable<Credentials> {
  const [leaf] = certificateBlocks(certPem ?? "");
  if (leaf === undefined || certPem === undefined) throw wrong("there is neither a certificate nor a token in it");
  if (!new X509Certificate(leaf).checkPrivateKey(key)) throw wrong("the certificate is for another key");
  return { certificatePem: certPem, keyPem: privateKeyPem(key) };
}

function serverIn(kubeconfig: string): ServerAddress {
  try {
    return parseKubeletKubeconfig(kubeconfig, "the authority's kubeconfig").server;
  } catch (error) {
    throw error instanceof KubeconfigError ? wrong(error.message) : error;
  }
}

function wrong(what: string): AgentError {
  return new AgentError("wrongAnswer", `what the authority answered cannot be used: ${what}`);
}
