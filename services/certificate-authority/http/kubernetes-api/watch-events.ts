import type { Clock } from "../../../shared/clock.ts";
import type { TypedObject } from "../../../shared/kubernetes/json-object.ts";
import { encodeProtobuf } from "../../../shared/kubernetes/protobuf.ts";
import { type WatchEventType, watchFrame } from "../../../shared/kubernetes/watch-frames.ts";
import type { Status } from "../../../shared/status-error.ts";
import { type CertificateSigningRequest, CSR_API_VERSION, CSR_KIND } from "../../domain/certificate-signing-request.ts";
import { jsonOf, protobufOf } from "./encoded-csr.ts";
import { convert, type Rendering } from "./rendering.ts";

/** On the bookmark that ends the initial events. Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go. */
const INITIAL_EVENTS_END = { "k8s.io/initial-events-end": "true" };
const LINE_END = Buffer.from("}\n");
const LINE_STARTS = new Map(
  (["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"] as const).map((type) => [
    type,
    Buffer.from(`{"type":"${type}","object":`),
  ]),
);

/** Writes the events of one watch in the form that was asked for. */
export interface WatchEvents {
  event(type: "ADDED" | "MODIFIED" | "DELETED", csr: CertificateSigningRequest): Buffer;
  bookmark(revision: number, endsInitialEvents: boolean): Buffer;
  error(status: Status): Buffer;
}

export function watchEvents(rendering: Rendering, clock: Clock): WatchEvents {
  const frame = rendering.format === "protobuf" ? watchFrame : jsonLine;
  // A stream carries its objects unformatted whatever was asked: one event a line.
  const encode = rendering.format === "protobuf" ? encodeProtobuf : encodeJson;
  let isFirst = true;
  const converted = (csr: CertificateSigningRequest): Buffer => {
    const object = convert(csr, rendering, clock.now(), isFirst);
    isFirst = false;
    return encode(object);
  };
  const direct = rendering.format === "protobuf" ? protobufOf : jsonOf;
  const body = rendering.conversion === "none" ? direct : converted;
  const wholeBookmark = (object: TypedObject): Buffer => frame("BOOKMARK", encode(object));
  return {
    event: (type, csr) => frame(type, body(csr)),
    bookmark(revision, endsInitialEvents) {
      if (rendering.conversion === "none")
        return filledBookmark(rendering.format, wholeBookmark, revision, endsInitialEvents);
      return frame("BOOKMARK", converted(asCsr(bookmarkObject(revision, endsInitialEvents))));
    },
    error: (status) => frame("ERROR", encode({ ...status })),
  };
}

function jsonLine(type: WatchEventType, body: Buffer): Buffer {
  return Buffer.concat([LINE_STARTS.get(type) ?? Buffer.alloc(0), body, LINE_END]);
}

/** A bookmark to write a revision into, and where. */
interface BookmarkForm {
  readonly octets: Buffer;
  readonly at: number;
}

/** By format, end of initial events, and number of digits. */
const bookmarkForms = new Map<string, BookmarkForm>();

/** Every watch begins with a bookmark, and they differ in the digits of the revision alone. */
function filledBookmark(
  format: string,
  whole: (object: TypedObject) => Buffer,
  revision: number,
  endsInitialEvents: boolean,
): Buffer {
  const digits = String(revision);
  const key = `${format} ${endsInitialEvents} ${digits.length}`;
  let form = bookmarkForms.get(key);
  if (form === undefined) {
    const [octets, other] = [1, 2].map((digit) =>
      whole(bookmarkObject(Number(String(digit).repeat(digits.length)), endsInitialEvents)),
    );
    if (octets === undefined || other === undefined) throw new Error("a bookmark has no form");
    form = { octets, at: octets.findIndex((octet, index) => octet !== other[index]) };
    bookmarkForms.set(key, form);
  }
  const filled = Buffer.from(form.octets);
  filled.write(digits, form.at, "latin1");
  return filled;
}

function bookmarkObject(revision: number, endsInitialEvents: boolean): TypedObject {
  const annotations = endsInitialEvents ? { annotations: INITIAL_EVENTS_END } : {};
  return {
    kind: CSR_KIND,
    apiVersion: CSR_API_VERSION,
    metadata: { resourceVersion: String(revision), ...annotations },
  };
}

/** A bookmark as a table or metadata shows it: an object that has nothing but its resourceVersion. */
function asCsr({ metadata }: TypedObject): CertificateSigningRequest {
  const bare = { name: "", uid: "", creationTimestamp: "", ...(metadata as { resourceVersion: string }) };
  return {
    apiVersion: CSR_API_VERSION,
    kind: CSR_KIND,
    metadata: bare,
    spec: { request: "", signerName: "", usages: [] },
    status: {},
  };
}

function encodeJson(object: TypedObject): Buffer {
  return Buffer.from(JSON.stringify(object));
}
