import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  bodyFormatOf,
  decodeBody,
  decodeValue,
  type WireFormat,
} from "../../../services/shared/kubernetes/decode-body.ts";
import { parseJsonText } from "../../../services/shared/kubernetes/json-text.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { csrObject } from "../../builders/csr-object.ts";

const CSR = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" };

const decodeText = (text: string, format: WireFormat = "json") => decodeBody(format, Buffer.from(text), CSR);
const decodeObject = (object: unknown) => decodeText(JSON.stringify(object));
const refusal = (message: RegExp | string) =>
  expect.objectContaining({ name: "StatusError", reason: "BadRequest", message: expect.stringMatching(message) });

test.each<{ contentType: string | undefined; format: WireFormat }>([
  { contentType: undefined, format: "json" },
  { contentType: "", format: "json" },
  { contentType: "application/json", format: "json" },
  { contentType: "Application/JSON; charset=utf-8", format: "json" },
  { contentType: "application/yaml", format: "yaml" },
  { contentType: "application/vnd.kubernetes.protobuf", format: "protobuf" },
])("Content-Type $contentType means $format", ({ contentType, format }) => {
  expect(bodyFormatOf(contentType)).toBe(format);
});

test.each(["text/plain", "application/cbor", "application/x-www-form-urlencoded", "json", "constructor"])(
  "Content-Type %s is not accepted",
  (contentType) => {
    expect(() => bodyFormatOf(contentType)).toThrow(expect.objectContaining({ reason: "UnsupportedMediaType" }));
  },
);

describe("the type of a body", () => {
  test.each([
    { name: "as expected", typeMeta: CSR },
    { name: "absent", typeMeta: {} },
    { name: "null", typeMeta: { apiVersion: null, kind: null } },
    { name: "empty", typeMeta: { apiVersion: "", kind: "" } },
  ])("$name is accepted", ({ typeMeta }) => {
    expect(decodeObject({ ...typeMeta, metadata: { name: "a" } })).toEqual({
      object: { metadata: { name: "a" } },
      strictErrors: [],
    });
  });

  test.each([
    { name: "another kind", typeMeta: { ...CSR, kind: "Pod" } },
    { name: "another version", typeMeta: { ...CSR, apiVersion: "certificates.k8s.io/v1beta1" } },
    { name: "a kind that is no text", typeMeta: { ...CSR, kind: { toString: 1 } } },
  ])("$name is refused", ({ typeMeta }) => {
    expect(() => decodeObject(typeMeta)).toThrow(refusal(/in the body/));
  });

  test("options may come under any version", () => {
    const expected = { apiVersion: "v1", kind: "DeleteOptions", anyApiVersion: true };
    expect(
      decodeValue({ kind: "DeleteOptions", apiVersion: "policy/v1", dryRun: ["All"] }, [], expected).object,
    ).toEqual({
      dryRun: ["All"],
    });
    expect(() => decodeValue({ kind: "Pod" }, [], expected)).toThrow(refusal(/kind/));
  });
});

describe("values", () => {
  const spec = (fields: object) => decodeObject({ spec: fields }).object["spec"];
  const condition = (fields: object) => decodeObject({ status: { conditions: [fields] } }).object["status"];

  test.each([
    { name: "null is unset", given: { usages: null, expirationSeconds: null }, read: {} },
    { name: "null in a list is empty", given: { usages: [null, "any"] }, read: { usages: ["", "any"] } },
    { name: "null in a map is empty", given: { extra: { a: null, b: [null] } }, read: { extra: { a: [], b: [""] } } },
    { name: "an empty list stays", given: { usages: [] }, read: { usages: [] } },
    { name: "the largest int32", given: { expirationSeconds: 2147483647 }, read: { expirationSeconds: 2147483647 } },
    { name: "the smallest int32", given: { expirationSeconds: -2147483648 }, read: { expirationSeconds: -2147483648 } },
    { name: "canonical base64", given: { request: "YWI=" }, read: { request: "YWI=" } },
    { name: "base64 in lines", given: { request: "YW\r\nI=\n" }, read: { request: "YWI=" } },
    { name: "base64 with stray bits", given: { request: "YWJ=" }, read: { request: "YWI=" } },
    { name: "no base64 at all", given: { request: "" }, read: { request: "" } },
  ])("$name", ({ given, read }) => {
    expect(spec(given)).toEqual(read);
  });

  test.each([
    { name: "a number for a string", given: { signerName: 1 }, path: "spec.signerName" },
    { name: "a string for a list", given: { usages: "any" }, path: "spec.usages" },
    { name: "an object in a list of strings", given: { usages: ["any", {}] }, path: "spec.usages\\[1\\]" },
    { name: "a list for a map", given: { extra: [] }, path: "spec.extra" },
    { name: "a string for a list in a map", given: { extra: { a: "b" } }, path: 'spec.extra\\["a"\\]' },
    { name: "a number in a list in a map", given: { extra: { a: [1] } }, path: 'spec.extra\\["a"\\]\\[0\\]' },
    { name: "one more than int32", given: { expirationSeconds: 2147483648 }, path: "spec.expirationSeconds" },
    { name: "one less than int32", given: { expirationSeconds: -2147483649 }, path: "spec.expirationSeconds" },
    { name: "a fraction", given: { expirationSeconds: 600.5 }, path: "spec.expirationSeconds" },
    { name: "a number as text", given: { expirationSeconds: "600" }, path: "spec.expirationSeconds" },
    { name: "base64 without padding", given: { request: "YWI" }, path: "spec.request" },
    { name: "the URL alphabet", given: { request: "_-_-" }, path: "spec.request" },
    { name: "a space in base64", given: { request: "YW I=" }, path: "spec.request" },
    { name: "bytes as a number", given: { request: 1 }, path: "spec.request" },
  ])("$name is refused by its path", ({ given, path }) => {
    expect(() => spec(given)).toThrow(refusal(path));
  });

  test.each([
    { name: "UTC", given: "2026-01-02T03:04:05Z", read: "2026-01-02T03:04:05Z" },
    { name: "a fraction is cut", given: "2026-01-02T03:04:05.999999999Z", read: "2026-01-02T03:04:05Z" },
    { name: "a fraction behind a comma", given: "2026-01-02T03:04:05,5Z", read: "2026-01-02T03:04:05Z" },
    { name: "a leap day", given: "2024-02-29T00:00:00Z", read: "2024-02-29T00:00:00Z" },
    { name: "a second after the zero time", given: "0001-01-01T00:00:01Z", read: "0001-01-01T00:00:01Z" },
    { name: "an offset is resolved", given: "2026-01-02T03:04:05+02:30", read: "2026-01-02T00:34:05Z" },
  ])("time: $name", ({ given, read }) => {
    expect(condition({ lastUpdateTime: given })).toEqual({ conditions: [{ lastUpdateTime: read }] });
  });

  test.each([null, "0001-01-01T00:00:00Z", "0001-01-01T01:00:00+01:00"])("time: %j is unset", (given) => {
    expect(condition({ type: "Approved", lastUpdateTime: given })).toEqual({ conditions: [{ type: "Approved" }] });
  });

  test.each([
    "",
    "now",
    "2026-01-02",
    "2026-01-02 03:04:05Z",
    "2026-13-02T03:04:05Z",
    "2026-02-29T03:04:05Z",
    "2026-01-02T24:00:00Z",
    "2026-01-02T03:04:60Z",
    "2026-01-02T03:04:05+24:00",
    "0000-01-01T00:00:00+23:59",
    1,
  ])("time: %j is refused", (given) => {
    expect(() => condition({ lastUpdateTime: given })).toThrow(refusal(/status\.conditions\[0\]\.lastUpdateTime/));
  });

  test("half a surrogate pair becomes the replacement character, a whole one stays", () => {
    const { object } = decodeText(String.raw`{"metadata":{"name":"a\ud800b\udc00","uid":"\ud83d\ude00"}}`);
    expect(object).toEqual({ metadata: { name: "a\ufffdb\ufffd", uid: "\u{1f600}" } });
  });

  test("YAML merge keys are heeded", () => {
    const text = "x: &x {labels: {a: b}}\nmetadata:\n  <<: *x\n  name: n\n";
    expect(decodeText(text, "yaml")).toEqual({
      object: { metadata: { labels: { a: "b" }, name: "n" } },
      strictErrors: ['unknown field "x"'],
    });
  });

  test("managed fields are accepted and dropped", () => {
    const metadata = { name: "a", managedFields: [{ manager: "kubectl", fieldsV1: { "f:a": {} } }] };
    expect(decodeObject({ metadata })).toEqual({ object: { metadata: { name: "a" } }, strictErrors: [] });
  });

  test("map keys cannot reach the prototype", () => {
    const { object } = decodeText('{"metadata":{"labels":{"__proto__":"x"}}}');
    const { labels } = object["metadata"] as { labels: object };
    expect(Object.entries(labels)).toEqual([["__proto__", "x"]]);
    expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
  });

  test("a list of 10000 elements is read, of 10001 refused", () => {
    expect(spec({ usages: Array(10_000).fill("any") })).toEqual({ usages: Array(10_000).fill("any") });
    expect(() => spec({ usages: Array(10_001).fill("any") })).toThrow(refusal(/spec\.usages/));
  });
});

describe("strict errors", () => {
  test.each([
    { name: "none", text: JSON.stringify(csrObject()), errors: [] },
    { name: "unknown at the top", text: '{"speck":{}}', errors: ['unknown field "speck"'] },
    { name: "unknown below", text: '{"spec":{"sign":1}}', errors: ['unknown field "spec.sign"'] },
    {
      name: "unknown in a list",
      text: '{"status":{"conditions":[{},{"foo":1}]}}',
      errors: ['unknown field "status.conditions[1].foo"'],
    },
    { name: "wrong case is unknown", text: '{"Spec":{}}', errors: ['unknown field "Spec"'] },
    { name: "an inherited name is unknown", text: '{"constructor":1}', errors: ['unknown field "constructor"'] },
    { name: "duplicate at the top", text: '{"kind":"","kind":""}', errors: ['duplicate field "kind"'] },
    {
      name: "duplicate below",
      text: '{"metadata":{"name":"a","name":"b"}}',
      errors: ['duplicate field "metadata.name"'],
    },
    {
      name: "duplicate by escape",
      text: '{"metadata":{"name":"a","n\\u0061me":"b"}}',
      errors: ['duplicate field "metadata.name"'],
    },
    {
      name: "the same key in two objects is no duplicate",
      text: '{"status":{"conditions":[{"type":"a"},{"type":"b"}]},"spec":{"usages":["type","type"]}}',
      errors: [],
    },
    {
      name: "quotes and braces in strings do not confuse",
      text: '{"metadata":{"annotations":{"a":"\\"}{,\\\\","b":"[\\""}}}',
      errors: [],
    },
    {
      name: "duplicate in a list",
      text: '{"status":{"conditions":[{"type":"a"},{"type":"a","type":"b"}]}}',
      errors: ['duplicate field "status.conditions[1].type"'],
    },
    { name: "three times is said once", text: '{"kind":"","kind":"","kind":""}', errors: ['duplicate field "kind"'] },
    { name: "both unknown and duplicate", text: '{"foo":1,"foo":2}', errors: ['unknown field "foo"'] },
    {
      name: "duplicates in an unknown field",
      text: '{"foo":{"a":1,"a":2},"fo":[{"a":1,"a":2}],"kind":"","kind":""}',
      errors: ['duplicate field "kind"', 'unknown field "foo"', 'unknown field "fo"'],
    },
  ])("$name", ({ text, errors }) => {
    expect(decodeText(text).strictErrors).toEqual(errors);
  });

  test("at most a hundred of each are kept", () => {
    const text = `{${Array.from({ length: 150 }, (_, i) => `"k${i}":1,"k${i}":2`).join(",")}}`;
    expect(decodeText(text).strictErrors).toHaveLength(100);
    const labels = Array.from({ length: 150 }, (_, i) => `"k${i}":"1","k${i}":"2"`).join(",");
    expect(decodeText(`{"metadata":{"labels":{${labels}}}}`).strictErrors).toHaveLength(100);
  });

  test("the last of two equal keys wins", () => {
    expect(decodeText('{"metadata":{"name":"a","name":"b"}}').object).toEqual({ metadata: { name: "b" } });
  });
});

describe("JSON text", () => {
  test.each(["", "{", "[]", "1", '"a"', "{}{}", "{'a':1}", "\u0000"])("%j is refused", (text) => {
    expect(() => decodeText(text)).toThrow(refusal(/./));
  });

  test("null is an empty object, in YAML nothing at all too", () => {
    expect(decodeText("null").object).toEqual({});
    expect(decodeText("", "yaml").object).toEqual({});
  });

  test("nesting is read to its limit and refused beyond", () => {
    const nested = (depth: number) => `{"x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    expect(decodeText(nested(63)).strictErrors).toEqual(['unknown field "x"']);
    expect(() => decodeText(nested(64))).toThrow(refusal(/nested/));
    expect(() => decodeText("[".repeat(1_000_000))).toThrow(refusal(/JSON/));
  });
});

describe("YAML text", () => {
  const decodeYaml = (text: string) => decodeText(text, "yaml");

  test("is read as its JSON", () => {
    const text = `
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: csr-1, labels: &labels {a: b}, annotations: *labels}
spec:
  request: >-
    YW
    I=
  expirationSeconds: 600
  usages:
  - client auth
`;
    expect(() => decodeYaml(text)).toThrow(refusal(/spec\.request/));
    expect(decodeYaml(text.replace(">-", "|")).object).toEqual({
      metadata: { name: "csr-1", labels: { a: "b" }, annotations: { a: "b" } },
      spec: { request: "YWI=", expirationSeconds: 600, usages: ["client auth"] },
    });
  });

  test("JSON is YAML", () => {
    expect(decodeYaml(JSON.stringify(csrObject())).object).toEqual(decodeObject(csrObject()).object);
  });

  test("99 aliases are read", () => {
    const text = `metadata: {name: &a b, finalizers: [${"*a, ".repeat(99)}]}`;
    expect(decodeYaml(text).object).toEqual({ metadata: { name: "b", finalizers: Array(99).fill("b") } });
  });

  test("unknown and duplicate keys are noted", () => {
    const { object, strictErrors } = decodeYaml("metadata:\n  name: a\n  name: b\nfoo: 1\n");
    expect(strictErrors).toEqual(['duplicate field "metadata.name"', 'unknown field "foo"']);
    expect(object).toEqual({ metadata: { name: "b" } });
  });

  const aliases = (levels: number) =>
    `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: levels }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`).join("\n")}\n`;

  test.each([
    { name: "a scalar", text: "hello" },
    { name: "two documents", text: "a: 1\n---\nb: 1\n" },
    { name: "an unclosed list", text: "a: [1" },
    { name: "an unknown alias", text: "a: *b" },
    { name: "a key that is a list", text: "? [a]\n: 1\n" },
    { name: "aliases that multiply", text: aliases(8) },
    { name: "101 aliases", text: `a: &a b\nc: [${"*a, ".repeat(101)}]` },
    {
      name: "anchors that name themselves",
      text: Array.from({ length: 3_000 }, (_, i) => `a${i}: &a [*a]`).join("\n"),
    },
    { name: "deep flow nesting", text: `a: ${"[".repeat(10_000)}` },
    { name: "deep block nesting", text: Array.from({ length: 400 }, (_, i) => `${" ".repeat(i)}a:`).join("\n") },
    { name: "deep compact nesting", text: `a: ${"- ".repeat(5_000)}b` },
    { name: "a tab for indentation", text: "a:\n\tb: 1" },
  ])("$name is refused", ({ text }) => {
    expect(() => decodeYaml(text)).toThrow(refusal(/./));
  });

  test("the size is limited", () => {
    const padded = (bytes: number) => `{}${" ".repeat(bytes - 2)}`;
    expect(decodeYaml(padded(128 * 1024)).object).toEqual({});
    expect(() => decodeYaml(padded(128 * 1024 + 1))).toThrow(
      expect.objectContaining({ reason: "RequestEntityTooLarge" }),
    );
  });
});

describe("properties", () => {
  const expectReadOrRefused = (decode: () => unknown): void => {
    try {
      decode();
    } catch (error) {
      expect(error).toBeInstanceOf(StatusError);
    }
  };

  test("any JSON value is read or refused", () => {
    const key = fc.constantFrom(
      "apiVersion",
      "kind",
      "metadata",
      "spec",
      "status",
      "labels",
      "usages",
      "request",
      "__proto__",
      "extra",
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, true, "", "YWI=", 1, -1.5, 1e300),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
      ),
    }));
    fc.assert(
      fc.property(value, (json) => {
        expectReadOrRefused(() => decodeObject(json));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each<WireFormat>(["json", "yaml", "protobuf"])("any %s text is read or refused", (format) => {
    const token = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      '"',
      "\\",
      "&a ",
      "*a ",
      "- ",
      "\n",
      " ",
      "?",
      "|",
      ">",
      "!",
      "a",
      "1",
      "#",
      "'",
      "%",
      "---\n",
      "\t",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(token, { maxLength: 60 }).map((tokens) => tokens.join("")),
    );
    fc.assert(
      fc.property(text, (body) => {
        expectReadOrRefused(() => decodeText(body, format));
      }),
      { numRuns: 1_500 },
    );
  });

  test("JSON duplicates are found wherever they stand", () => {
    const keys = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 6 });
    fc.assert(
      fc.property(keys, keys, (outer, inner) => {
        const object = (names: readonly string[], value: string) =>
          `{${names.map((name) => `"${name}": ${value}`).join(" , ")}}`;
        const repeats = (names: readonly string[]) => names.length - new Set(names).size;
        const { duplicates } = parseJsonText(object(outer, object(inner, "[1]")));
        expect(duplicates).toHaveLength(repeats(outer) + outer.length * repeats(inner));
      }),
    );
  });
});
