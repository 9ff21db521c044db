import { bodyFormatOf } from "../../../shared/kubernetes/decode-body.ts";
import { addWarnings, applyFieldValidation } from "../../../shared/kubernetes/field-validation.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import { resourceErrors } from "../../domain/resource-errors.ts";
import type { Call } from "../call.ts";
import { writeOptionsOf } from "../query-options.ts";
import { decodeDraft } from "./draft.ts";
import { invalidPatch, type Patch, patchTypeOf, readPatch } from "./patch.ts";
import { renderingOf } from "./read.ts";
import { sendObject } from "./rendering.ts";
import type { MetaDraft, ResourceApi } from "./resource-api.ts";

// The checks of each verb run in the order in which kube-apiserver runs them, since a request that breaks several
// rules is answered by the first. Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/handlers.

/** @throws {StatusError} NotAcceptable, UnsupportedMediaType, RequestEntityTooLarge, Invalid, BadRequest, or as `writes`. */
export async function createObject<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  call: Call,
  api: ResourceApi<T, Draft, Target>,
): Promise<void> {
  const rendering = renderingOf(call);
  const format = bodyFormatOf(call.request.headers["content-type"]);
  const body = await call.readBody();
  const { dryRun, fieldValidation } = writeOptionsOf(call.query, "CreateOptions");
  const { draft, strictErrors, warnings } = decodeDraft(api.type, format, body);
  applyFieldValidation(fieldValidation, strictErrors, call.response);
  addWarnings(call.response, warnings);
  requireNamespace(call.info.namespace, draft.metadata, api.type);
  call.record?.named(draft.metadata.name);
  const created = await api.writes.create(call.user, draft, { dryRun });
  call.record?.named(created.metadata.name);
  sendObject(call.response, 201, created, rendering, api);
}

/** @throws {StatusError} as `createObject`. */
export async function replaceObject<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  call: Call,
  api: ResourceApi<T, Draft, Target>,
  target: Target,
): Promise<void> {
  const rendering = renderingOf(call);
  const body = await call.readBody();
  const { dryRun, fieldValidation } = writeOptionsOf(call.query, "UpdateOptions");
  const format = bodyFormatOf(call.request.headers["content-type"]);
  const { draft, strictErrors, warnings } = decodeDraft(api.type, format, body);
  applyFieldValidation(fieldValidation, strictErrors, call.response);
  addWarnings(call.response, warnings);
  const { name } = call.info;
  const written = await api.writes.update(call.user, name, target, () => draft, { dryRun });
  const { object, isNew } = written;
  addWarnings(call.response, written.warnings ?? []);
  sendObject(call.response, isNew ? 201 : 200, object, rendering, api);
}

/** @throws {StatusError} as `createObject`. */
export async function patchObject<T extends ApiObject, Draft extends MetaDraft, Target extends string>(
  call: Call,
  api: ResourceApi<T, Draft, Target>,
  target: Target,
): Promise<void> {
  const type = patchTypeOf(call.request.headers["content-type"]);
  const rendering = renderingOf(call);
  const body = await call.readBody();
  const { dryRun, fieldValidation } = writeOptionsOf(call.query, "PatchOptions");
  const { name } = call.info;
  let patch: Patch<T, Draft> | undefined;
  let warnings: readonly string[] = [];
  const change = (current: T | undefined): Draft => {
    if (current === undefined) throw resourceErrors(api.type.names).notFound(name);
    patch ??= readPatch(api.type, type, body);
    const decoded = patch(current);
    const { draft, strictErrors } = decoded;
    if (fieldValidation === "Strict" && strictErrors.length > 0) {
      throw invalidPatch(`strict decoding error: ${strictErrors.join(", ")}`);
    }
    warnings = [...(fieldValidation === "Warn" ? strictErrors : []), ...decoded.warnings];
    return draft;
  };
  try {
    const written = await api.writes.update(call.user, name, target, change, { dryRun });
    addWarnings(call.response, [...warnings, ...(written.warnings ?? [])]);
    sendObject(call.response, 200, written.object, rendering, api);
  } catch (error) {
    addWarnings(call.response, warnings);
    throw error;
  }
}

/** @throws {StatusError} BadRequest when body and URL name different namespaces. */
function requireNamespace(
  namespace: string,
  metadata: MetaDraft["metadata"],
  type: { readonly namespace?: string },
): void {
  if (type.namespace === undefined || metadata.namespace === "" || metadata.namespace === namespace) return;
  const named = JSON.stringify(metadata.namespace);
  throw new StatusError("BadRequest", `the object's namespace ${named} is not the URL's, ${JSON.stringify(namespace)}`);
}
