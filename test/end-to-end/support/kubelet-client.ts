import "reflect-metadata";
import { createHash, type KeyObject } from "node:crypto";
import { Pkcs10CertificateRequest } from "@peculiar/x509";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { type BuiltCsr, buildCsr } from "../../builders/csr.ts";
import { generateKey, type TestKeyAlgorithm } from "../../builders/keys.ts";
import { CertificateRequestsClient, RefusedError, type Wire } from "./certificate-requests-client.ts";
import { type Submitted, type Waiting, waitForCertificate } from "./certificate-wait.ts";
import { type Credentials, HttpsClient } from "./https-client.ts";

const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING_SIGNER = "kubernetes.io/kubelet-serving";
const WAIT_LIMIT_MILLISECONDS = 60_000;

export interface KubeletOptions {
  readonly url: string;
  readonly credentials: Credentials;
  readonly nodeName: string;
  /** True: a new name for every request; false: the one-shot bootstrap with its deterministic name. */
  readonly rotateCertificates: boolean;
  readonly wire?: Wire;
  readonly waiting?: Waiting;
  readonly keyAlgorithm?: TestKeyAlgorithm;
}

/** A submitted request and the key it is for. */
export interface SubmittedKey extends Submitted {
  readonly privateKey: KeyObject;
}

/** What a node has in the end. */
export interface NodeCertificate extends SubmittedKey {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/**
 * Has the conversations with a certificate authority that a kubelet has: bootstrap on both paths, rotation, serving
 * certificates.
 *
 * Source: kubernetes pkg/kubelet/certificate/bootstrap/bootstrap.go, pkg/kubelet/certificate/kubelet.go,
 * staging/src/k8s.io/client-go/util/certificate/csr/csr.go.
 */
export class KubeletClient {
  readonly #options: KubeletOptions;
  readonly #https: HttpsClient;
  readonly #requests: CertificateRequestsClient;

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#https = new HttpsClient(options.url, options.credentials);
    this.#requests = new CertificateRequestsClient(this.#https, options.wire ?? "protobuf");
  }

  /** From nothing but a bootstrap token to a client certificate. */
  async bootstrap(): Promise<NodeCertificate> {
    return this.waitFor(await this.submit());
  }

  /**
   * Submits the request for a client certificate.
   *
   * @param key - the key of an earlier attempt that was not finished; on the one-shot path it leads to the same request.
   */
  async submit(key?: KeyObject): Promise<SubmittedKey> {
    const { rotateCertificates, keyAlgorithm = "ecdsa-p256" } = this.#options;
    const csr = this.#buildCsr({ key: key ?? generateKey(keyAlgorithm).privateKey });
    const usages = usagesFor(csr, "client auth");
    if (rotateCertificates) return this.#submitNamed(csr, { generateName: "csr-", name: "" }, CLIENT_SIGNER, usages);
    await this.#awaitHealth();
    const name = deterministicName(csr.spkiDer, this.#commonName(), usages);
    return this.#submitNamed(csr, { generateName: "", name }, CLIENT_SIGNER, usages);
  }

  /** Submits the request for a serving certificate of this node. */
  async submitServing(names: { dnsNames: readonly string[]; ipAddresses: readonly string[] }): Promise<SubmittedKey> {
    const csr = this.#buildCsr({ key: this.#options.keyAlgorithm ?? "ecdsa-p256", ...names });
    const usages = usagesFor(csr, "server auth");
    return this.#submitNamed(csr, { generateName: "csr-", name: "" }, SERVING_SIGNER, usages);
  }

  async waitFor(submitted: SubmittedKey): Promise<NodeCertificate> {
    const limit = AbortSignal.timeout(WAIT_LIMIT_MILLISECONDS);
    const { waiting = "sendInitialEvents" } = this.#options;
    const certificatePem = await waitForCertificate(this.#requests, submitted, waiting, limit);
    const privateKeyPem = submitted.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    return { ...submitted, certificatePem, privateKeyPem };
  }

  /** The same node with its own certificate in place of the bootstrap token, as it renews. */
  withCertificate({ certificatePem, privateKeyPem }: NodeCertificate): KubeletClient {
    const { caPem } = this.#options.credentials;
    const credentials = { caPem, certificatePem, privateKeyPem };
    return new KubeletClient({ ...this.#options, rotateCertificates: true, credentials });
  }

  /** The same node, the server being at another address. */
  at(url: string): KubeletClient {
    return new KubeletClient({ ...this.#options, url });
  }

  close(): void {
    this.#https.close();
  }

  #commonName(): string {
    return `system:node:${this.#options.nodeName}`;
  }

  #buildCsr(more: Parameters<typeof buildCsr>[0]): BuiltCsr {
    return buildCsr({ commonName: this.#commonName(), organizations: ["system:nodes"], ...more });
  }

  /** The outcome is only logged by a kubelet; here anything but a healthy server is an error. */
  async #awaitHealth(): Promise<void> {
    const headers = { accept: "application/json, */*", "user-agent": "Go-http-client/1.1" };
    const { status, body } = await this.#https.send("GET", "/healthz?timeout=1s", { headers });
    const text = body.toString("utf8");
    if (status !== 200 || text !== "ok") throw new Error(`/healthz answered ${status} ${text}`);
  }

  async #submitNamed(
    csr: BuiltCsr,
    names: { readonly name: string; readonly generateName: string },
    signerName: string,
    usages: readonly string[],
  ): Promise<SubmittedKey> {
    const created = await this.#requests
      .create({ ...names, requestPem: csr.pem, signerName, usages })
      .catch((error: unknown) => this.#reuse(error, names.name, csr, signerName));
    const { name, uid } = created.metadata;
    return { name, uid, privateKey: csr.privateKey };
  }

  /** A request of that name is there already: fine if it is ours. */
  async #reuse(error: unknown, name: string, csr: BuiltCsr, signerName: string): Promise<CertificateSigningRequest> {
    const isTaken = error instanceof RefusedError && error.status.reason === "AlreadyExists";
    if (!isTaken || name === "") throw error;
    const existing = await this.#requests.get(name);
    const stored = new Pkcs10CertificateRequest(Buffer.from(existing.spec.request, "base64").toString("utf8"));
    const isOurs =
      existing.spec.signerName === signerName &&
      stored.subject === new Pkcs10CertificateRequest(csr.pem).subject &&
      csr.spkiDer.equals(Buffer.from(stored.publicKey.rawData)) &&
      (await stored.verify());
    if (!isOurs) throw new Error(`request ${name} is there and is not ours`);
    return existing;
  }
}

/** Key encipherment is for RSA keys only. */
function usagesFor({ publicKey }: BuiltCsr, purpose: "client auth" | "server auth"): readonly string[] {
  const encipherment = publicKey.asymmetricKeyType === "rsa" ? ["key encipherment"] : [];
  return ["digital signature", purpose, ...encipherment];
}

/** The name that one key, subject and list of usages lead to, whenever they are asked for. */
function deterministicName(spkiDer: Buffer, commonName: string, usages: readonly string[]): string {
  const texts = [commonName, "system:nodes", ...usages].map((text) => Buffer.from(text));
  const hash = createHash("sha512-256");
  for (const part of [spkiDer, ...texts]) hash.update(`${part.toString("base64url")}|`);
  return `node-csr-${hash.digest("base64url")}`;
}
