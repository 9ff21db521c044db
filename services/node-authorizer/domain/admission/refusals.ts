import type { AdmissionRefusal, AdmissionVerdict } from "../questions.ts";

export const ALLOWED: AdmissionVerdict = Object.freeze({ kind: "allowed" });

/** Final: the same request will be refused again. */
export function forbidden(message: string): AdmissionRefusal {
  return { kind: "refused", code: 403, reason: "Forbidden", message };
}

/** What we know may lag behind: the client looks for itself. */
export function notFound(resource: string, name: string): AdmissionRefusal {
  return { kind: "refused", code: 404, reason: "NotFound", message: `${resource} ${JSON.stringify(name)} not found` };
}

/** What we know may lag behind: the client tries again. */
export function mayLag(message: string): AdmissionRefusal {
  return { kind: "refused", code: 500, reason: "InternalError", message };
}
