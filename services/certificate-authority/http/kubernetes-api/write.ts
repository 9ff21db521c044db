import { bodyFormatOf } from "../../../shared/kubernetes/decode-body.ts";
import { addWarnings, applyFieldValidation } from "../../../shared/kubernetes/field-validation.ts";
import type { CertificateSigningRequest, UpdateTarget } from "../../domain/certificate-signing-request.ts";
import type { CsrDraft } from "../../domain/draft.ts";
import type { Call } from "../call.ts";
import { writeOptionsOf } from "../query-options.ts";
import { decodeCsrBody } from "./csr-draft.ts";
import type { CsrApiDependencies } from "./dependencies.ts";
import { invalidPatch, type Patch, patchTypeOf, readPatch } from "./patch.ts";
import { renderingOf } from "./read.ts";
import { sendCsr } from "./rendering.ts";
import { notFound } from "./status-errors.ts";

// The checks of each verb run in the order in which kube-apiserver runs them, since a request that breaks several
// rules is answered by the first. Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/handlers.

/** @throws {StatusError} NotAcceptable, UnsupportedMediaType, RequestEntityTooLarge, Invalid, BadRequest, or as issuance. */
export async function createCsr(call: Call, deps: CsrApiDependencies): Promise<void> {
  const rendering = renderingOf(call);
  const format = bodyFormatOf(call.request.headers["content-type"]);
  const body = await call.readBody();
  const { dryRun, fieldValidation } = writeOptionsOf(call.query, "CreateOptions");
  const { draft, strictErrors, warnings } = decodeCsrBody(format, body);
  applyFieldValidation(fieldValidation, strictErrors, call.response);
  addWarnings(call.response, warnings);
  call.record?.named(draft.metadata.name);
  const created = await deps.issuance.create(call.user, draft, { dryRun });
  call.record?.named(created.metadata.name);
  sendCsr(call.response, 201, created, rendering, deps.clock);
}

/** @throws {StatusError} as `createCsr`. */
export async function replaceCsr(call: Call, deps: CsrApiDependencies, target: UpdateTarget): Promise<void> {
  const rendering = renderingOf(call);
  const body = await call.readBody();
  const { dryRun, fieldValidation } = writeOptionsOf(call.query, "UpdateOptions");
  const format = bodyFormatOf(call.request.headers["content-type"]);
  const { draft, strictErrors, warnings } = decodeCsrBody(format, body);
  applyFieldValidation(fieldValidation, strictErrors, call.response);
  addWarnings(call.response, warnings);
  const updated = await deps.issuance.update(call.user, call.info.name, target, () => draft, { dryRun });
  sendCsr(call.response, 200, updated, rendering, deps.clock);
}

/** @throws {StatusError} as `createCsr`. */
export async function patchCsr(call: Call, deps: CsrApiDependencies, target: UpdateTarget): Promise<void> {
  const type = patchTypeOf(call.request.headers["content-type"]);
  const rendering = renderingOf(call);
  const body = await call.readBody();
  const { dryRun, fieldValidation } = writeOptionsOf(call.query, "PatchOptions");
  const { name } = call.info;
  let patch: Patch | undefined;
  let warnings: readonly string[] = [];
  const change = (current: CertificateSigningRequest | undefined): CsrDraft => {
    if (current === undefined) throw notFound(name);
    patch ??= readPatch(type, body);
    const decoded = patch(current);
    const { draft, strictErrors } = decoded;
    if (fieldValidation === "Strict" && strictErrors.length > 0) {
      throw invalidPatch(`strict decoding error: ${strictErrors.join(", ")}`);
    }
    warnings = [...(fieldValidation === "Warn" ? strictErrors : []), ...decoded.warnings];
    return draft;
  };
  try {
    const updated = await deps.issuance.update(call.user, name, target, change, { dryRun });
    addWarnings(call.response, warnings);
    sendCsr(call.response, 200, updated, rendering, deps.clock);
  } catch (error) {
    addWarnings(call.response, warnings);
    throw error;
  }
}
