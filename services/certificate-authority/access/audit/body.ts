import { decodeProtobuf, PROTOBUF_TYPE } from "../../../shared/kubernetes/protobuf.ts";
import { parseYamlText } from "../../../shared/kubernetes/yaml-text.ts";
import { blottedJson } from "./blot.ts";

/** Larger bodies are left out of events, which then say so. */
export const MAX_BODY_BYTES = 256 * 1024;

/** A body as it went over the wire. */
export interface CapturedBody {
  readonly contentType: string;
  readonly bytes: Buffer;
  /** There was more than is kept here. */
  readonly isCut: boolean;
}

export type BodyText =
  | { readonly kind: "json"; readonly text: string }
  | { readonly kind: "truncated" }
  | { readonly kind: "none" };

const NOTHING: BodyText = { kind: "none" };

/** The body as JSON without secrets; nothing when it is of no form that has a JSON, such as a stream or a table of text. */
export function bodyText({ contentType, bytes, isCut }: CapturedBody): BodyText {
  if (isCut || bytes.length > MAX_BODY_BYTES) return { kind: "truncated" };
  if (bytes.length === 0) return NOTHING;
  try {
    const value = decode(contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "", bytes);
    return value === undefined ? NOTHING : { kind: "json", text: blottedJson(value) };
  } catch {
    // What cannot be read was refused by the handler; its bytes may hold anything.
    return NOTHING;
  }
}

function decode(mediaType: string, bytes: Buffer): unknown {
  if (mediaType === PROTOBUF_TYPE) return decodeProtobuf(bytes).object;
  if (mediaType === "" || mediaType.endsWith("json")) return JSON.parse(bytes.toString("utf8"));
  if (mediaType.endsWith("yaml")) return parseYamlText(bytes.toString("utf8")).value;
  return undefined;
}
