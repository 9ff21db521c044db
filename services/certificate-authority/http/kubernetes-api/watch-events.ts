import type { Clock } from "../../../shared/clock.ts";
import type { TypedObject } from "../../../shared/kubernetes/json-object.ts";
import { encodeProtobuf } from "../../../shared/kubernetes/protobuf.ts";
import { type WatchEventType, watchFrame } from "../../../shared/kubernetes/watch-frames.ts";
import type { Status } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import { jsonOf, protobufOf, type Readers } from "./encoded-object.ts";
import { convert, type ListForm, type Rendering } from "./rendering.ts";
import type { ReadableType } from "./resource-api.ts";

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
export interface WatchEvents<T extends ApiObject> {
  event(type: "ADDED" | "MODIFIED" | "DELETED", object: T): Buffer;
  bookmark(revision: number, endsInitialEvents: boolean): Buffer;
  error(status: Status): Buffer;
}

/** What of a type events need. */
type EventForm<T extends ApiObject> = ListForm<T> & Pick<ReadableType<T>, "blank">;

/** @param readers - of the same events: those of a watch of everything are read by every such watch. */
export function watchEvents<T extends ApiObject>(
  type: EventForm<T>,
  rendering: Rendering,
  clock: Clock,
  readers: Readers,
): WatchEvents<T> {
  const frame = rendering.format === "protobuf" ? watchFrame : jsonLine;
  // A stream carries its objects unformatted whatever was asked: one event a line.
  const encode = rendering.format === "protobuf" ? encodeProtobuf : encodeJson;
  let isFirst = true;
  const converted = (one: T): Buffer => {
    const object = convert(type, one, rendering, clock.now(), isFirst);
    isFirst = false;
    return encode(object);
  };
  const direct = rendering.format === "protobuf" ? protobufOf : jsonOf;
  const body = rendering.conversion === "none" ? (object: T) => direct(object, readers) : converted;
  const wholeBookmark = (object: TypedObject): Buffer => frame("BOOKMARK", encode(object));
  return {
    event: (change, object) => frame(change, body(object)),
    bookmark(revision, endsInitialEvents) {
      if (rendering.conversion === "none") {
        return filledBookmark(type, rendering.format, wholeBookmark, revision, endsInitialEvents);
      }
      const metadata = { ...type.blank.metadata, ...bookmarkMeta(revision, endsInitialEvents) };
      return frame("BOOKMARK", converted({ ...type.blank, metadata }));
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

/** By kind, format, end of initial events, and number of digits. */
const bookmarkForms = new Map<string, BookmarkForm>();

/** Every watch begins with a bookmark, and they differ in the digits of the revision alone. */
function filledBookmark(
  { blank }: Pick<ReadableType<ApiObject>, "blank">,
  format: string,
  whole: (object: TypedObject) => Buffer,
  revision: number,
  endsInitialEvents: boolean,
): Buffer {
  const digits = String(revision);
  const key = `${blank.kind} ${format} ${endsInitialEvents} ${digits.length}`;
  let form = bookmarkForms.get(key);
  if (form === undefined) {
    const [octets, other] = [1, 2].map((digit) => {
      const metadata = bookmarkMeta(Number(String(digit).repeat(digits.length)), endsInitialEvents);
      return whole({ kind: blank.kind, apiVersion: blank.apiVersion, metadata });
    });
    if (octets === undefined || other === undefined) throw new Error("a bookmark has no form");
    form = { octets, at: octets.findIndex((octet, index) => octet !== other[index]) };
    bookmarkForms.set(key, form);
  }
  const filled = Buffer.from(form.octets);
  filled.write(digits, form.at, "latin1");
  return filled;
}

/** A bookmark has nothing but a resourceVersion. */
function bookmarkMeta(revision: number, endsInitialEvents: boolean) {
  return { resourceVersion: String(revision), ...(endsInitialEvents && { annotations: INITIAL_EVENTS_END }) };
}

function encodeJson(object: TypedObject): Buffer {
  return Buffer.from(JSON.stringify(object));
}
