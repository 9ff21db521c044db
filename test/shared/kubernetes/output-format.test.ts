import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { outputNegotiator } from "../../../services/shared/kubernetes/output-format.ts";
import { StatusError } from "../../../services/shared/status-error.ts";

const PB = "application/vnd.kubernetes.protobuf";
const negotiate = outputNegotiator({ formats: ["json", "yaml", "protobuf"], conversions: true });
const plain = (format: string) => ({ format, conversion: "none", conversionVersion: "v1", pretty: false });
const table = (version: string, format = "json") => ({
  ...plain(format),
  conversion: "table",
  conversionVersion: version,
});

test.each([
  { accept: undefined, output: plain("json") },
  { accept: "", output: plain("json") },
  { accept: "*/*", output: plain("json") },
  { accept: "application/*", output: plain("json") },
  { accept: "application/json", output: plain("json") },
  { accept: "APPLICATION/JSON", output: plain("json") },
  { accept: "application/yaml", output: plain("yaml") },
  { accept: PB, output: plain("protobuf") },
  { accept: `${PB},application/json`, output: plain("protobuf") },
  { accept: "application/json, */*", output: plain("json") },
  { accept: `application/json;q=0.5, ${PB};q=0.9`, output: plain("protobuf") },
  { accept: `*/*, ${PB}`, output: plain("protobuf") },
  { accept: "text/html, application/json;q=0.1", output: plain("json") },
  { accept: `application/json;q=0, ${PB}`, output: plain("protobuf") },
  { accept: "application/json;charset=utf-8", output: plain("json") },
  { accept: "application/json;pretty=1", output: { ...plain("json"), pretty: true } },
  { accept: `${PB};stream=watch`, output: plain("protobuf") },
  { accept: "application/json;as=Table;v=v1;g=meta.k8s.io", output: table("v1") },
  { accept: "application/json; as=Table; v=v1beta1; g=meta.k8s.io", output: table("v1beta1") },
  {
    accept:
      "application/json;as=Table;v=v2;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
    output: table("v1beta1"),
  },
  { accept: `${PB};as=Table;v=v1;g=meta.k8s.io,application/json`, output: plain("json") },
  { accept: "application/yaml;as=Table;v=v1;g=meta.k8s.io", output: table("v1", "yaml") },
  {
    accept: `${PB};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`,
    output: { ...plain("protobuf"), conversion: "partial" },
  },
  {
    accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    output: { ...plain("json"), conversion: "partialList" },
  },
  { accept: "application/json;as=", output: plain("json") },
])("Accept $accept", ({ accept, output }) => {
  expect(negotiate(accept)).toEqual(output);
  expect(negotiate(accept)).toEqual(output);
});

test.each([
  "text/html",
  "application/cbor",
  "application",
  "application/json;as=Other;v=v1;g=meta.k8s.io",
  "application/json;as=Table;v=v1;g=other",
  "application/json;as=Table;v=v1",
  "application/json;as=Table;g=meta.k8s.io",
  "application/json;v=v1",
  "application/json;stream=other",
  "application/yaml;stream=watch",
  "application/json;q=0",
  `${PB};as=Table;v=v1;g=meta.k8s.io`,
])("Accept %s is not acceptable", (accept) => {
  expect(() => negotiate(accept)).toThrow(expect.objectContaining({ reason: "NotAcceptable", code: 406 }));
});

test("an endpoint without conversions refuses them", () => {
  const simple = outputNegotiator({ formats: ["json"], conversions: false });
  expect(simple("application/json;as=Table;v=v1;g=meta.k8s.io, application/json")).toEqual(plain("json"));
  expect(() => simple(PB)).toThrow(expect.objectContaining({ reason: "NotAcceptable" }));
});

test("any header is negotiated or refused, the same way each time", () => {
  const token = fc.constantFrom(
    "application/json",
    PB,
    "*/*",
    ";",
    ",",
    "=",
    "q",
    "as",
    "0",
    "1",
    " ",
    '"',
    "Table",
    "v",
    "g",
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 20 }), (tokens) => {
      const attempt = () => {
        try {
          return negotiate(tokens.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
          return "refused";
        }
      };
      expect(attempt()).toEqual(attempt());
    }),
    { numRuns: 1_000 },
  );
});
