import { randomUUID } from "node:crypto";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { Logger } from "../../../shared/logging.ts";
import { CustodyError } from "../custody-error.ts";
import {
  type Annotations,
  decodeDecryptResponse,
  decodeEncryptResponse,
  decodeStatusResponse,
  EMPTY_MESSAGE,
  type EncryptResponse,
  encodeDecryptRequest,
  encodeEncryptRequest,
} from "./messages.ts";

export interface KmsPluginSettings {
  readonly name: string;
  /** `unix:///path`, or `unix:///@name` for Linux' abstract sockets. */
  readonly endpoint: string;
  /** For one call. */
  readonly timeoutMilliseconds: number;
}

const SERVICE = "/v2.KeyManagementService";
const API_VERSIONS: ReadonlySet<string> = new Set(["v2", "v2beta1"]);
/** Above the limits that Kubernetes sets for what a plugin answers. */
const MAX_MESSAGE_BYTES = 128 * 1024;
const MAX_KEY_ID_BYTES = 1024;
const MAX_CIPHERTEXT_BYTES = 1024;
const MAX_ANNOTATIONS_BYTES = 32 * 1024;
/** RFC 1123 labels, at least two of them. */
const DOMAIN_NAME = /^(?=.{1,253}\.?$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+\.?$/;
const MAX_SHOWN = 200;

/** The socket came and went, or will answer later; everything else is for a person to put right. */
const PASSING: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
]);

interface Method<Request, Response> {
  readonly name: string;
  readonly encode: (request: Request) => Buffer;
  readonly decode: (message: Buffer) => Response;
}

const STATUS = { name: "Status", encode: () => EMPTY_MESSAGE, decode: decodeStatusResponse };
const ENCRYPT = { name: "Encrypt", encode: encodeEncryptRequest, decode: decodeEncryptResponse };
const DECRYPT = { name: "Decrypt", encode: encodeDecryptRequest, decode: decodeDecryptResponse };

/**
 * A key management service behind a plugin that speaks Kubernetes' KMS v2 protocol over a Unix socket. It may go away
 * and come back at any time: each call waits for the socket within its own timeout.
 *
 * Calls throw a CustodyError: KeyServiceUnavailable when trying again may help, KeyServiceFailed otherwise.
 * Source: kubernetes staging/src/k8s.io/kms/apis/v2/api.proto and
 * staging/src/k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2.
 */
export class KmsPlugin {
  readonly name: string;
  readonly endpoint: string;
  readonly #timeoutMilliseconds: number;
  readonly #logger: Logger;
  readonly #client: Client;
  #isHealthy: boolean | undefined;
  #probe: Promise<string> | undefined;

  constructor({ name, endpoint, timeoutMilliseconds }: KmsPluginSettings, logger: Logger) {
    this.name = name;
    this.endpoint = endpoint;
    this.#timeoutMilliseconds = timeoutMilliseconds;
    this.#logger = logger;
    this.#client = new Client(targetOf(endpoint), credentials.createInsecure(), {
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.min_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1000,
      "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
      // A plugin that another client has lost is not lost for this one.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_http_proxy": 0,
    });
  }

  /** Asks whether the plugin is well; who asks meanwhile shares the answer. A change is logged. @returns its key's id. */
  checkHealth(): Promise<string> {
    this.#probe ??= this.#checkHealth().finally(() => {
      this.#probe = undefined;
    });
    return this.#probe;
  }

  async encrypt(plaintext: Uint8Array): Promise<EncryptResponse> {
    const answer = await this.#call(ENCRYPT, { plaintext, uid: randomUUID() });
    const { ciphertext, keyId, annotations } = answer;
    this.#checkKeyId(keyId);
    if (ciphertext.length === 0 || ciphertext.length > MAX_CIPHERTEXT_BYTES) {
      throw this.#failed(`its ciphertext has ${ciphertext.length} octets, 1 to ${MAX_CIPHERTEXT_BYTES} are allowed`);
    }
    this.#checkAnnotations(annotations);
    return answer;
  }

  async decrypt(ciphertext: Uint8Array, keyId: string, annotations: Annotations): Promise<Buffer> {
    return this.#call(DECRYPT, { ciphertext, uid: randomUUID(), keyId, annotations });
  }

  close(): void {
    this.#client.close();
  }

  async #checkHealth(): Promise<string> {
    try {
      const { version, healthz, keyId } = await this.#call(STATUS, undefined);
      if (!API_VERSIONS.has(version)) throw this.#failed(`it speaks version ${shown(version)} of the protocol, not v2`);
      if (healthz !== "ok") throw this.#unavailable(`it says that it is not well: ${shown(healthz)}`);
      this.#checkKeyId(keyId);
      this.#note(true);
      return keyId;
    } catch (error) {
      this.#note(false, error);
      throw error;
    }
  }

  #note(isHealthy: boolean, error?: unknown): void {
    if (this.#isHealthy === isHealthy) return;
    const fields = { kms: this.name, endpoint: this.endpoint };
    if (!isHealthy) this.#logger.warn({ ...fields, reason: (error as Error).message }, "the KMS plugin is not healthy");
    else if (this.#isHealthy === false) this.#logger.info(fields, "the KMS plugin is healthy again");
    this.#isHealthy = isHealthy;
  }

  #call<Request, Response>({ name, encode, decode }: Method<Request, Response>, request: Request): Promise<Response> {
    const metadata = new Metadata({ waitForReady: true });
    const deadline = Date.now() + this.#timeoutMilliseconds;
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: Response): void => {
        if (error !== null) reject(this.#errorOf(name, error));
        else resolve(answer as Response);
      };
      this.#client.makeUnaryRequest(`${SERVICE}/${name}`, encode, decode, request, metadata, { deadline }, done);
    });
  }

  #errorOf(method: string, { code, details }: ServiceError): CustodyError {
    if (code === status.DEADLINE_EXCEEDED) {
      return this.#unavailable(
        `it did not answer ${method} within ${this.#timeoutMilliseconds / 1000} s; is it running?`,
      );
    }
    const said = `${method} failed with ${status[code]}: ${shown(details)}`;
    return PASSING.has(code) ? this.#unavailable(said) : this.#failed(said);
  }

  #checkKeyId(keyId: string): void {
    const length = Buffer.byteLength(keyId);
    if (length > 0 && length <= MAX_KEY_ID_BYTES) return;
    throw this.#failed(`its key_id has ${length} octets, 1 to ${MAX_KEY_ID_BYTES} are allowed`);
  }

  #checkAnnotations(annotations: Annotations): void {
    let size = 0;
    for (const [name, value] of Object.entries(annotations)) {
      if (!DOMAIN_NAME.test(name))
        throw this.#failed(`its annotation ${shown(name)} is no fully qualified domain name`);
      size += name.length + value.length;
    }
    if (size > MAX_ANNOTATIONS_BYTES) throw this.#failed(`its annotations have ${size} octets, too many to keep`);
  }

  #unavailable(reason: string): CustodyError {
    return new CustodyError("KeyServiceUnavailable", `${this.#called()} cannot be used now: ${reason}`);
  }

  #failed(reason: string): CustodyError {
    return new CustodyError("KeyServiceFailed", `${this.#called()} refused or broke the protocol: ${reason}`);
  }

  #called(): string {
    return `the KMS plugin ${JSON.stringify(this.name)} at ${this.endpoint}`;
  }
}

/** What a plugin says is shown as it is, but no more than a line of it. */
function shown(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}

function targetOf(endpoint: string): string {
  const path = new URL(endpoint).pathname;
  return path.startsWith("/@") ? `unix:\0${path.slice(2)}` : `unix://${decodeURIComponent(path)}`;
}
