import type { IncomingMessage, ServerResponse } from "node:http";
import type { UserInfo } from "../../shared/user-info.ts";
import type { AuditRecord } from "../access/audit/record.ts";
import type { RequestInfo } from "./request-info.ts";

/** One authenticated and authorized request. Handlers answer through `response` or throw a StatusError. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly user: UserInfo;
  /** Percent-encoded path without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly info: RequestInfo;
  /**
   * The whole body.
   * @throws {StatusError} RequestEntityTooLarge past the limit; BadRequest when the client breaks off.
   */
  readonly readBody: () => Promise<Buffer>;
  /** What is put on the audit record of this request; absent when it is not recorded. */
  readonly record?: AuditRecord | undefined;
}

export type Handler = (call: Call) => Promise<void> | void;

/** A handler and where Express mounts it. Handlers read parameters from `call.info` and `call.path`, so they also work ahead of Express. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "*";
  /** An Express 5 path pattern. */
  readonly path: string;
  readonly handler: Handler;
}

export function sendJson(response: ServerResponse, code: number, body: unknown): void {
  sendBytes(response, code, "application/json", Buffer.from(JSON.stringify(body)));
}

export function sendBytes(response: ServerResponse, code: number, contentType: string, body: Buffer): void {
  response.writeHead(code, { "content-type": contentType, "content-length": body.length });
  response.end(body);
}
