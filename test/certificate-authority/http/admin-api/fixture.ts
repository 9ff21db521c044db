import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Response } from "supertest";
import { routes } from "../../../../services/certificate-authority/http/admin-api/routes.ts";
import { appOf } from "../../../builders/edge.ts";
import {
  FakeCertificates,
  FakeDecisions,
  FakeIssuers,
  FakeMaintenance,
  FakeRequests,
  FakeTokenAdministration,
} from "../../../fakes/admin-ports.ts";

export const NOW = new Date("2026-01-02T03:04:05Z");

/** The admin API over fakes, as an Express application for supertest. */
export function adminApi() {
  const fakes = {
    certificates: new FakeCertificates(),
    decisions: new FakeDecisions(),
    requests: new FakeRequests(),
    issuers: new FakeIssuers(),
    maintenance: new FakeMaintenance(),
    tokens: new FakeTokenAdministration(NOW),
    backupDirectory: join(mkdtempSync(join(tmpdir(), "gatehouse-admin-")), "backups"),
  };
  return { ...fakes, app: appOf(routes({ ...fakes, clock: { now: () => NOW } })) };
}

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
