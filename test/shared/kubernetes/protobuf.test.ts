import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { JsonObject, TypedObject } from "../../../services/shared/kubernetes/json-object.ts";
import {
  decodeProtobuf,
  encodeProtobuf,
  envelopeChunks,
  listMetaField,
  messageIn,
  varintField,
} from "../../../services/shared/kubernetes/protobuf.ts";
import { WatchFrameDecoder, watchFrame } from "../../../services/shared/kubernetes/watch-frames.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { csrObject } from "../../builders/csr-object.ts";

interface Vector {
  readonly json: TypedObject;
  readonly protobuf: string;
}

const VECTORS = JSON.parse(
  readFileSync(new URL("../../fixtures/kubernetes-protobuf/vectors.json", import.meta.url), "utf8"),
) as Record<string, Vector>;
const { watchFrame: FRAME, ...OBJECTS } = VECTORS as Record<string, Vector> & { watchFrame: Vector };
const POST = OBJECTS["post"] as Vector;

/** Go writes unset strings, numbers and lists to protobuf and leaves them out of JSON; managed fields are not kept. */
function withoutUnset(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUnset);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "managedFields");
  return Object.fromEntries(
    entries.map(([key, item]) => [key, withoutUnset(item)] as const).filter(([, item]) => !isUnset(item)),
  );
}

function isUnset(value: unknown): boolean {
  if (value === null || value === "" || value === 0 || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

describe("what Kubernetes writes", () => {
  test.each(Object.keys(OBJECTS))("%s is read as its JSON says", (name) => {
    const { json, protobuf } = OBJECTS[name] as Vector;
    const decoded = decodeProtobuf(Buffer.from(protobuf, "hex"));
    expect({ apiVersion: decoded.apiVersion, kind: decoded.kind }).toEqual({
      apiVersion: json.apiVersion,
      kind: json.kind,
    });
    expect(withoutUnset(decoded.object)).toEqual(withoutUnset(json));
  });

  test.each(Object.keys(OBJECTS))("%s written by us reads the same", (name) => {
    const { json, protobuf } = OBJECTS[name] as Vector;
    const theirs = decodeProtobuf(Buffer.from(protobuf, "hex")).object;
    expect(withoutUnset(decodeProtobuf(encodeProtobuf(json)).object)).toEqual(withoutUnset(theirs));
  });

  test("a watch frame is read", () => {
    const [event, ...others] = new WatchFrameDecoder().push(Buffer.from(FRAME.protobuf, "hex"));
    expect(others).toEqual([]);
    expect(event?.type).toBe("ADDED");
    expect(withoutUnset(event?.object)).toEqual(withoutUnset(FRAME.json["object"]));
  });

  test("a watch frame of ours is theirs, byte for byte", () => {
    const theirs = Buffer.from(FRAME.protobuf, "hex");
    const body = theirs.subarray(theirs.indexOf("k8s\0"));
    expect(watchFrame("ADDED", body).toString("hex")).toBe(FRAME.protobuf);
  });

  test("an unset time is absent, the first second of 1970 is a time", () => {
    const { object } = decodeProtobuf(Buffer.from((OBJECTS["csr"] as Vector).protobuf, "hex"));
    const { conditions } = object["status"] as { conditions: JsonObject[] };
    expect(conditions[0]).not.toHaveProperty("lastTransitionTime");
    expect(conditions[1]).toMatchObject({
      lastUpdateTime: "1969-12-31T23:59:59Z",
      lastTransitionTime: "1970-01-01T00:00:00Z",
    });
  });
});

describe("decodeProtobuf", () => {
  const envelope = (apiVersion: string, kind: string, message: Buffer): Buffer =>
    Buffer.concat(envelopeChunks(apiVersion, kind, [message]));
  const csrWith = (...message: number[]): Buffer =>
    envelope("certificates.k8s.io/v1", "CertificateSigningRequest", Buffer.from(message));

  test("unknown fields of every wire type are skipped", () => {
    const fixed = [0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8];
    const message = [0xa0, 0x06, 0x01, ...fixed, 0xa2, 0x06, 0x01, 0xff, 0xa5, 0x06, 1, 2, 3, 4];
    expect(decodeProtobuf(csrWith(...message)).object).toEqual({
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
    });
  });

  test("a message that stands twice is merged", () => {
    const { object } = decodeProtobuf(csrWith(0x0a, 0x03, 0x0a, 0x01, 0x61, 0x0a, 0x03, 0x2a, 0x01, 0x62));
    expect(object["metadata"]).toEqual({ name: "a", uid: "b" });
  });

  test("an envelope without a type is read as what is expected", () => {
    const bytes = Buffer.concat([Buffer.from("k8s\0"), Buffer.from([0x12, 0x00])]);
    const expected = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" };
    expect(decodeProtobuf(bytes, expected)).toEqual({ apiVersion: "", kind: "", object: {} });
    expect(() => decodeProtobuf(bytes)).toThrow(expect.objectContaining({ reason: "BadRequest" }));
  });

  test.each([
    { name: "nothing", bytes: Buffer.alloc(0) },
    { name: "JSON", bytes: Buffer.from("{}") },
    { name: "half of the magic bytes", bytes: Buffer.from("k8") },
    { name: "nothing behind the magic bytes", bytes: Buffer.from("k8s\0") },
    { name: "an unknown kind", bytes: envelope("v1", "Pod", Buffer.alloc(0)) },
    { name: "a known kind under another group", bytes: envelope("v1", "CertificateSigningRequest", Buffer.alloc(0)) },
    { name: "a cut envelope", bytes: Buffer.from([0x6b, 0x38, 0x73, 0x00, 0x12, 0x05, 0x00]) },
    { name: "a compressed object", bytes: Buffer.from([0x6b, 0x38, 0x73, 0x00, 0x1a, 0x01, 0x67]) },
    { name: "the field number 0", bytes: csrWith(0x00, 0x01) },
    { name: "a known field of the wrong wire type", bytes: csrWith(0x08, 0x01) },
    { name: "a length behind the end", bytes: csrWith(0x0a, 0x05, 0x0a) },
    { name: "a string that leaves its message", bytes: csrWith(0x0a, 0x02, 0x0a, 0x03, 0x61, 0x61, 0x61) },
    { name: "a varint of eleven bytes", bytes: csrWith(...Array.from({ length: 11 }, () => 0xff)) },
    {
      name: "a time after the year 9999",
      bytes: csrWith(0x0a, 0x09, 0x42, 0x07, 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40),
    },
  ])("$name is refused", ({ bytes }) => {
    expect(() => decodeProtobuf(bytes)).toThrow(expect.objectContaining({ name: "StatusError", reason: "BadRequest" }));
  });

  test("a list longer than any request needs is refused, one as long is not", () => {
    const conditions = (count: number): Buffer => {
      const list = Buffer.concat(Array.from({ length: count }, () => Buffer.from([0x0a, 0x00])));
      return csrWith(...varintField(0x1a, list.length), ...list);
    };
    expect(decodeProtobuf(conditions(10_000)).object["status"]).toEqual({ conditions: Array(10_000).fill({}) });
    expect(() => decodeProtobuf(conditions(10_001))).toThrow(expect.objectContaining({ reason: "BadRequest" }));
  });

  test("map keys cannot reach the prototype", () => {
    const object = csrObject({ metadata: { labels: JSON.parse('{"__proto__":"x"}') } });
    const { metadata } = decodeProtobuf(encodeProtobuf(object)).object as { metadata: { labels: object } };
    expect(Object.entries(metadata.labels)).toEqual([["__proto__", "x"]]);
    expect(Object.getPrototypeOf(metadata.labels)).toBe(Object.prototype);
  });
});

describe("properties", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const strings = fc.array(text, { maxLength: 4 });
  const time = fc
    .date({ min: new Date("0001-01-02T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true })
    .map((date) => `${date.toISOString().slice(0, 19)}Z`);
  const base64 = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString("base64"));
  const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
    fc.record(fields, { requiredKeys: [] });
  const map = <T>(value: fc.Arbitrary<T>) => fc.dictionary(text, value, { maxKeys: 3 });
  const csr = fc.record({
    apiVersion: fc.constant("certificates.k8s.io/v1"),
    kind: fc.constant("CertificateSigningRequest"),
    metadata: optional({
      name: text,
      resourceVersion: text,
      generation: fc.maxSafeInteger(),
      creationTimestamp: time,
      labels: map(text).filter((labels) => Object.keys(labels).length > 0),
      ownerReferences: fc.array(optional({ uid: text, controller: fc.boolean() }), { minLength: 1, maxLength: 3 }),
      finalizers: fc.array(text, { minLength: 1, maxLength: 3 }),
    }),
    spec: optional({
      request: base64,
      expirationSeconds: fc.integer(),
      extra: map(strings).filter((extra) => Object.keys(extra).length > 0),
    }),
    status: optional({
      conditions: fc.array(optional({ type: text, lastUpdateTime: time }), { minLength: 1, maxLength: 3 }),
      certificate: base64,
    }),
  });
  // Text that is no valid Unicode cannot survive UTF-8.
  const wellFormed = (value: unknown): unknown => JSON.parse(JSON.stringify(value, toWellFormed));
  const toWellFormed = (_: string, value: unknown): unknown =>
    typeof value === "string" ? Buffer.from(value).toString() : value;

  test("what is written is read again", () => {
    fc.assert(
      fc.property(csr, (object) => {
        const expected = wellFormed(object) as TypedObject;
        expect(decodeProtobuf(encodeProtobuf(expected)).object).toEqual(expected);
      }),
    );
  });

  test.each([
    { what: "ASCII", text: "x".repeat(100_000) },
    { what: "other text", text: "\u00e9\u{1f600}".repeat(20_000) },
  ])("long $what survives, after something short and alone", ({ text }) => {
    const request = Buffer.alloc(50_000, text).toString("base64");
    for (const spec of [{ request }, { request, signerName: text }]) {
      const object = {
        apiVersion: "certificates.k8s.io/v1",
        kind: "CertificateSigningRequest",
        metadata: { name: text },
        spec,
      };
      expect(decodeProtobuf(encodeProtobuf(object)).object).toEqual(object);
    }
  });

  test("short text that is no ASCII survives between text that is", () => {
    const metadata = { name: "a", uid: "z\u00e9", resourceVersion: "7" };
    const object = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata };
    expect(decodeProtobuf(encodeProtobuf(object)).object).toEqual(object);
  });

  test("times of different seconds are kept apart", () => {
    const times = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"];
    const conditions = times.map((lastUpdateTime) => ({ type: "Approved", lastUpdateTime }));
    const object = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", status: { conditions } };
    expect(decodeProtobuf(encodeProtobuf(object)).object).toEqual(object);
  });

  test("a list put together from its items' messages reads as the list", () => {
    fc.assert(
      fc.property(fc.array(csr, { maxLength: 5 }), (objects) => {
        const items = objects.map((object) => wellFormed(object) as TypedObject);
        const chunks = items.flatMap((item) => {
          const message = messageIn(encodeProtobuf(item));
          return [varintField(0x12, message.length), message];
        });
        const list = envelopeChunks("certificates.k8s.io/v1", "CertificateSigningRequestList", [
          listMetaField("7"),
          ...chunks,
        ]);
        const { object } = decodeProtobuf(Buffer.concat(list));
        const bare = items.map((item) => ({ metadata: item["metadata"], spec: item["spec"], status: item["status"] }));
        expect(object["metadata"]).toEqual({ resourceVersion: "7" });
        expect(object["items"] ?? []).toEqual(bare);
      }),
      { numRuns: 30 },
    );
  });

  test("damaged bodies are read or refused, never anything else", () => {
    const seeds = Object.values(OBJECTS).map(({ protobuf }) => Buffer.from(protobuf, "hex"));
    const damage = fc.array(fc.tuple(fc.nat({ max: 1_000 }), fc.nat({ max: 255 })), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...seeds), damage, fc.nat({ max: 1_000 }), (seed, changes, cut) => {
        const bytes = Buffer.from(seed.subarray(0, cut % 3 === 0 ? cut : seed.length));
        for (const [at, value] of changes) if (bytes.length > 4) bytes[4 + (at % (bytes.length - 4))] = value;
        expectReadOrRefused(() => decodeProtobuf(bytes));
      }),
      { numRuns: 3_000 },
    );
  });

  test("random bytes behind the magic are read or refused", () => {
    const magic = Buffer.from(POST.protobuf, "hex").subarray(0, 4);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expectReadOrRefused(() => decodeProtobuf(Buffer.concat([magic, bytes])));
        expectReadOrRefused(() => new WatchFrameDecoder().push(Buffer.concat([Buffer.from([0, 0, 0, 9]), bytes])));
      }),
      { numRuns: 2_000 },
    );
  });

  test("watch frames are read whatever pieces they come in", () => {
    const stream = Buffer.concat([1, 2, 3].map(() => Buffer.from(FRAME.protobuf, "hex")));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 40 }), (sizes) => {
        const decoder = new WatchFrameDecoder();
        let at = 0;
        let count = 0;
        for (const size of [...sizes, stream.length]) {
          count += decoder.push(stream.subarray(at, at + size)).length;
          at += size;
        }
        expect(count).toBe(3);
      }),
      { numRuns: 50 },
    );
  });

  test("a frame longer than any event is refused before it is collected", () => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(16 * 1024 * 1024);
    expect(() => new WatchFrameDecoder().push(length)).toThrow(expect.objectContaining({ reason: "BadRequest" }));
  });
});

function expectReadOrRefused(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    expect(error).toBeInstanceOf(StatusError);
    expect((error as StatusError).reason).toBe("BadRequest");
  }
}
