import type { Readable } from "node:stream";
import type { Response } from "supertest";
import { adminApiOver } from "../../../builders/admin-api.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";

export const NOW = new Date("2026-01-02T03:04:05Z");

/** The admin API over fakes, as an Express application for supertest. */
export const adminApi = () => adminApiOver(temporaryDirectory(), NOW);

/** The metav1.Status that a failure of this code, reason and message must be. */
export function failure(code: number, reason: string, message: string, details?: unknown) {
  const base = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
  return details === undefined ? base : { ...base, details };
}

/** A supertest parser that keeps the body as it came. */
export function bytes(response: Response, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  // At run time it is the incoming message; its types do not say so.
  const incoming = response as unknown as Readable;
  incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
  incoming.on("end", () => done(null, Buffer.concat(chunks)));
}
