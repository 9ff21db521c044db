import type { IncomingMessage, ServerResponse } from "node:http";
import { isIP } from "node:net";
import { isStatusError, type StatusError } from "../../shared/status-error.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import { type CapturedBody, MAX_BODY_BYTES } from "../access/audit/body.ts";
import type { AuditRecord } from "../access/audit/record.ts";
import type { AuditRecorder } from "../access/audit/recorder.ts";
import type { AccessDecision } from "../domain/authorization.ts";
import type { RequestInfo } from "./request-info.ts";

const MAX_SOURCE_ADDRESSES = 32;
/** An IPv4 address as a socket that takes both families has it. */
const MAPPED = /^::ffff:(?=\d+\.)/;

/** Tells the audit recorder what happens to one request; made only when requests are audited. */
export class AuditedExchange {
  readonly #recorder: AuditRecorder;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #requestId: string;
  readonly #receivedAt: number;
  #authenticated: UserInfo | undefined;
  #record: AuditRecord | undefined;

  constructor(recorder: AuditRecorder, request: IncomingMessage, response: ServerResponse, requestId: string) {
    this.#recorder = recorder;
    this.#request = request;
    this.#response = response;
    this.#requestId = requestId;
    this.#receivedAt = recorder.now();
  }

  /** Undefined when the policy has nothing recorded. */
  get record(): AuditRecord | undefined {
    return this.#record;
  }

  /** Known before impersonation is judged, so that a refused one has its author. */
  readonly authenticated = (user: UserInfo): void => {
    this.#authenticated = user;
  };

  /** @param user - who the request acts as; undefined when it was refused at the door. */
  identified(info: RequestInfo, user: UserInfo | undefined): void {
    const decision = this.#recorder.decide(this.#authenticated, info);
    if (decision === undefined) return;
    const { url = "", headers } = this.#request;
    const facts = {
      auditId: this.#requestId,
      requestUri: url,
      userAgent: headers["user-agent"],
      sourceIps: sourceAddresses(this.#request),
      user: this.#authenticated,
      request: info,
    };
    const record = this.#recorder.begin(decision, facts, this.#receivedAt);
    this.#record = record;
    if (this.#authenticated === undefined) {
      record.unauthenticated();
      return;
    }
    record.received();
    if (user !== undefined && user !== this.#authenticated) record.actsAs(user);
    if (info.verb === "watch") this.#tellStart(record);
    else if (record.wantsResponseBody) this.#captureAnswer(record);
  }

  authorized(decision: AccessDecision): void {
    this.#record?.authorized(decision);
  }

  /** To be awaited before the request takes effect. @throws {StatusError} ServiceUnavailable. */
  admit(info: RequestInfo): Promise<void> | undefined {
    return this.#recorder.admit(this.#record, info);
  }

  /** The reader, or one that keeps what it reads for the record. */
  reading(readBody: () => Promise<Buffer>): () => Promise<Buffer> {
    const record = this.#record;
    if (!record?.wantsRequestBody) return readBody;
    return async () => {
      const bytes = await readBody();
      const contentType = this.#request.headers["content-type"] ?? "";
      record.requestBody({ contentType, bytes, isCut: false });
      return bytes;
    };
  }

  failed(error: unknown, status: StatusError): void {
    const cause = (isStatusError(error) ? error.cause : error) as Partial<Error> | undefined;
    // What lies behind other refusals may repeat what the caller sent.
    const isTold = status.code === 401 || status.code >= 500;
    const reason = isTold ? (cause?.message ?? "") : "";
    if (isStatusError(error)) this.#record?.failed(status.toStatus(), reason);
    else this.#record?.panicked(status.toStatus(), reason);
  }

  finished(): void {
    this.#record?.completed(this.#response.headersSent ? this.#response.statusCode : undefined);
  }

  #tellStart(record: AuditRecord): void {
    const response = this.#response;
    const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => ServerResponse;
    response.writeHead = (...head: unknown[]) => {
      record.responseStarted(head[0] as number);
      return writeHead(...head);
    };
  }

  #captureAnswer(record: AuditRecord): void {
    const response = this.#response;
    const write = response.write.bind(response) as (...given: unknown[]) => boolean;
    const end = response.end.bind(response) as (...given: unknown[]) => ServerResponse;
    const chunks: Buffer[] = [];
    let size = 0;
    const keep = (chunk: unknown): void => {
      if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) return;
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(Buffer.from(chunk as string));
    };
    response.write = (...given: unknown[]) => {
      keep(given[0]);
      return write(...given);
    };
    response.end = (...given: unknown[]) => {
      keep(given[0]);
      const contentType = String(response.getHeader("content-type") ?? "");
      const body: CapturedBody = { contentType, bytes: Buffer.concat(chunks), isCut: size > MAX_BODY_BYTES };
      record.responseBody(body);
      return end(...given);
    };
  }
}

/**
 * Where the request says that it came through, and where it came from.
 *
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/util/net/http.go (SourceIPs).
 */
function sourceAddresses({ headers, socket }: IncomingMessage): readonly string[] {
  const remote = (socket.remoteAddress ?? "").replace(MAPPED, "");
  const forwarded = headers["x-forwarded-for"];
  const real = headers["x-real-ip"];
  if (forwarded === undefined && real === undefined) return remote === "" ? [] : [remote];
  const told = [...String(forwarded ?? "").split(","), ...(forwarded === undefined ? [String(real)] : [])];
  const addresses = told.map((address) => address.trim()).filter((address) => isIP(address) !== 0);
  const last = addresses.at(-1);
  const all = remote === "" || remote === last ? addresses : [...addresses, remote];
  return all.slice(-MAX_SOURCE_ADDRESSES);
}
