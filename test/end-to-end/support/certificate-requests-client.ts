import type { IncomingMessage } from "node:http";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { decodeProtobuf, PROTOBUF_TYPE } from "../../../services/shared/kubernetes/protobuf.ts";
import { WatchFrameDecoder } from "../../../services/shared/kubernetes/watch-frames.ts";
import type { Status } from "../../../services/shared/status-error.ts";
import type { HttpsClient } from "./https-client.ts";
import { jsonBody, protobufBody, type RequestFields } from "./kubelet-request-body.ts";

export const REQUESTS_PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

const USER_AGENT = "kubelet/v1.36.2 (linux/amd64) kubernetes/0000000";

/** Which of the two wire forms a client speaks; the Accept header names JSON either way. */
export type Wire = "protobuf" | "json";

/** The server answered with a Status. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly status: Status;

  constructor(status: Status) {
    super(`${status.code} ${status.reason}: ${status.message}`);
    this.status = status;
  }
}

export interface RequestEvent {
  readonly type: string;
  readonly object: CertificateSigningRequest;
}

/** The CertificateSigningRequest calls that a kubelet makes, with the headers it makes them with. */
export class CertificateRequestsClient {
  readonly #https: HttpsClient;
  readonly #wire: Wire;

  constructor(https: HttpsClient, wire: Wire) {
    this.#https = https;
    this.#wire = wire;
  }

  /** @throws {RefusedError} */
  async create(fields: RequestFields): Promise<CertificateSigningRequest> {
    const isProtobuf = this.#wire === "protobuf";
    const contentType = isProtobuf ? PROTOBUF_TYPE : "application/json";
    const body = isProtobuf ? protobufBody(fields) : jsonBody(fields);
    return this.#exchange("POST", REQUESTS_PATH, { "content-type": contentType }, body);
  }

  /** @throws {RefusedError} */
  async get(name: string): Promise<CertificateSigningRequest> {
    return this.#exchange("GET", `${REQUESTS_PATH}/${encodeURIComponent(name)}`);
  }

  /** @throws {RefusedError} */
  async list(parameters: Readonly<Record<string, string>>): Promise<RequestList> {
    return this.#exchange("GET", `${REQUESTS_PATH}?${new URLSearchParams(parameters)}`);
  }

  /**
   * The events of one watch, until the server ends it; breaking off closes the connection.
   *
   * @throws {RefusedError} when the watch is not answered with a stream.
   */
  async *watch(parameters: Readonly<Record<string, string>>, limit: AbortSignal): AsyncGenerator<RequestEvent> {
    const query = new URLSearchParams({ ...parameters, watch: "true" });
    const answer = await this.#https.open("GET", `${REQUESTS_PATH}?${query}`, { headers: this.#headers() });
    const giveUp = (): unknown => answer.destroy();
    limit.addEventListener("abort", giveUp);
    try {
      if (answer.statusCode !== 200) throw new RefusedError(decodeBody(answer, await wholeBody(answer)) as Status);
      const read = eventReader(answer);
      for await (const chunk of answer) yield* read(chunk);
    } catch (cause) {
      throw limit.aborted ? new Error("the watch took too long", { cause }) : cause;
    } finally {
      limit.removeEventListener("abort", giveUp);
      answer.destroy();
    }
  }

  async #exchange<T>(method: string, path: string, headers = {}, body?: string | Uint8Array): Promise<T> {
    const message = { headers: { ...this.#headers(), ...headers }, ...(body !== undefined && { body }) };
    const answer = await this.#https.send(method, path, message);
    const object = decodeBody(answer, answer.body);
    if (answer.status >= 300) throw new RefusedError(object as Status);
    return object as T;
  }

  #headers(): Record<string, string> {
    const accept = this.#wire === "protobuf" ? `${PROTOBUF_TYPE},application/json` : "application/json, */*";
    return { accept, "user-agent": USER_AGENT, "accept-encoding": "gzip" };
  }
}

export interface RequestList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly CertificateSigningRequest[];
}

async function wholeBody(answer: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await answer.toArray());
}

function decodeBody({ headers }: Pick<IncomingMessage, "headers">, body: Buffer): unknown {
  const type = headers["content-type"];
  if (type === PROTOBUF_TYPE) return decodeProtobuf(body).object;
  if (type === "application/json") return JSON.parse(body.toString("utf8"));
  throw new Error(`an answer of type ${type}: ${body.toString("latin1").slice(0, 200)}`);
}

function eventReader({ headers }: IncomingMessage): (chunk: Buffer) => RequestEvent[] {
  const type = headers["content-type"];
  if (type === `${PROTOBUF_TYPE};stream=watch`) {
    const decoder = new WatchFrameDecoder();
    return (chunk) => decoder.push(chunk) as unknown as RequestEvent[];
  }
  if (type !== "application/json") throw new Error(`a watch of type ${type}`);
  let pending: Buffer = Buffer.alloc(0);
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    const end = pending.lastIndexOf("\n") + 1;
    const lines = pending.subarray(0, end).toString("utf8").split("\n");
    pending = pending.subarray(end);
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as RequestEvent);
  };
}
