import { bodyFormatOf, type DecodedBody, decodeBody } from "../../../shared/kubernetes/decode-body.ts";
import { applyFieldValidation } from "../../../shared/kubernetes/field-validation.ts";
import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import { encodeProtobuf, PROTOBUF_TYPE } from "../../../shared/kubernetes/protobuf.ts";
import { type Call, type Handler, sendBytes, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { writeOptionsOf } from "../query-options.ts";

/** A review is answered from its own body and stored nowhere. */
export interface ReviewKind {
  /** The version that the schema is known by. */
  readonly apiVersion: string;
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
export function reviewHandler({ apiVersion, kind, answer }: ReviewKind): Handler {
  return async (call) => {
    const mediaType = negotiate(call.request.headers.accept, [JSON_TYPE, PROTOBUF_TYPE]);
    const format = bodyFormatOf(call.request.headers["content-type"]);
    const body = await call.readBody();
    const { fieldValidation } = writeOptionsOf(call.query, "CreateOptions");
    const { object, strictErrors }: DecodedBody = decodeBody(format, body, { apiVersion, kind, anyApiVersion: true });
    applyFieldValidation(fieldValidation, strictErrors, call.response);
    const answered = await answer(object, call);
    // Older clients ask, and must be answered, in the version of their URL.
    const { apiGroup, apiVersion: version } = call.info;
    const typed = { kind, apiVersion: `${apiGroup}/${version}`, ...answered };
    if (mediaType === JSON_TYPE) sendJson(call.response, 201, typed);
    else sendBytes(call.response, 201, PROTOBUF_TYPE, encodeProtobuf({ ...typed, apiVersion }));
  };
}
