import type { AdmissionQuestion, AdmissionRefusal } from "../domain/questions.ts";
import type { VetoedRequester } from "../domain/veto.ts";
import { type JsonObject, mapOfTexts, object, text, texts, wrong } from "./json-reader.ts";

const API_VERSION = "admission.k8s.io/v1";
const KIND = "AdmissionReview";
const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "CONNECT"] as const;
type Operation = (typeof OPERATIONS)[number];

/** What an AdmissionReview asks, and for whom. */
export interface AdmissionReview {
  readonly uid: string;
  readonly user: VetoedRequester & { readonly uid: string };
  readonly question: AdmissionQuestion;
}

/**
 * Reads an AdmissionReview of version v1.
 *
 * @throws {StatusError} BadRequest that names what is missing or of another type; then there is no verdict at all.
 * Source: kubernetes staging/src/k8s.io/api/admission/v1/types.go.
 */
export function readAdmissionReview(review: JsonObject): AdmissionReview {
  if (review["apiVersion"] !== API_VERSION) throw wrong("apiVersion", API_VERSION);
  if (review["kind"] !== KIND) throw wrong("kind", KIND);
  const request = object(review["request"], "request");
  const uid = text(request["uid"], "request.uid");
  if (uid === "") throw wrong("request.uid", "given");
  const operation = request["operation"];
  if (!isOperation(operation)) throw wrong("request.operation", `one of ${OPERATIONS.join(", ")}`);
  const resource = object(request["resource"], "request.resource");
  const plural = text(resource["resource"], "request.resource.resource");
  if (plural === "") throw wrong("request.resource.resource", "given");
  const user = userOf(object(request["userInfo"], "request.userInfo"));
  text(resource["version"], "request.resource.version");
  return {
    uid,
    user,
    question: {
      user,
      operation,
      group: text(resource["group"], "request.resource.group"),
      resource: plural,
      subresource: text(request["subResource"], "request.subResource"),
      namespace: text(request["namespace"], "request.namespace"),
      name: text(request["name"], "request.name"),
      object: request["object"] ?? undefined,
      oldObject: request["oldObject"] ?? undefined,
    },
  };
}

function userOf(userInfo: JsonObject) {
  return {
    username: text(userInfo["username"], "request.userInfo.username"),
    uid: text(userInfo["uid"], "request.userInfo.uid"),
    groups: texts(userInfo["groups"], "request.userInfo.groups"),
    extra: mapOfTexts(userInfo["extra"], "request.userInfo.extra"),
  };
}

function isOperation(value: unknown): value is Operation {
  return (OPERATIONS as readonly unknown[]).includes(value);
}

/** The answer's JSON text. @param refusal - undefined allows. */
export function admissionAnswer(uid: string, refusal: Omit<AdmissionRefusal, "kind"> | undefined): string {
  const response =
    refusal === undefined
      ? { uid, allowed: true }
      : { uid, allowed: false, status: { code: refusal.code, reason: refusal.reason, message: refusal.message } };
  return JSON.stringify({ apiVersion: API_VERSION, kind: KIND, response });
}
