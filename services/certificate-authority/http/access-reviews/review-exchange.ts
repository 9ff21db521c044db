import { bodyFormatOf, type DecodedBody, decodeBody } from "../../../shared/kubernetes/decode-body.ts";
import { applyFieldValidation } from "../../../shared/kubernetes/field-validation.ts";
import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import { MEDIA_TYPES } from "../../../shared/kubernetes/output-format.ts";
import { type Call, type Handler, sendBytes } from "../call.ts";
import { negotiatePlain, renderObject } from "../object-answer.ts";
import { booleanOption, writeOptionsOf } from "../query-options.ts";

/** A review is answered from its own body and stored nowhere. */
export interface ReviewKind {
  readonly kind: string;
  /** @returns the answer without `apiVersion` and `kind`. */
  readonly answer: (review: JsonObject, call: Call) => JsonObject | Promise<JsonObject>;
}

/**
 * The one verb reviews have. Checks run in kube-apiserver's order: Accept, Content-Type, body size, options, decoding,
 * validation. A review changes nothing, so that `dryRun` means nothing either; a wrong value is refused all the same.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/handlers/create.go.
 */
export function reviewHandler({ kind, answer }: ReviewKind): Handler {
  return async (call) => {
    const output = negotiatePlain(call.request.headers.accept);
    const pretty = output.pretty || booleanOption(call.query, "pretty") === true;
    // Older clients ask, and must be answered, in the version of their URL.
    const type = { kind, apiVersion: `${call.info.apiGroup}/${call.info.apiVersion}` };
    const format = bodyFormatOf(call.request.headers["content-type"]);
    const body = await call.readBody();
    const { fieldValidation } = writeOptionsOf(call.query, "CreateOptions");
    const { object, strictErrors }: DecodedBody = decodeBody(format, body, type);
    applyFieldValidation(fieldValidation, strictErrors, call.response);
    const answered = await answer(object, call);
    const rendered = renderObject({ ...type, ...answered }, { format: output.format, pretty });
    sendBytes(call.response, 201, MEDIA_TYPES[output.format], rendered);
  };
}
