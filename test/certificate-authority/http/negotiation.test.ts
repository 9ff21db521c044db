import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { chooseOffer, negotiate } from "../../../services/certificate-authority/http/negotiation.ts";
import { isStatusError } from "../../../services/shared/status-error.ts";

const offer = (mediaType: string) => ({ mediaType, contentType: mediaType, content: undefined });
const PLAIN = offer("application/json");
const WITH_PARAMETERS = offer("application/json;g=example.com;v=v2");
const PROTOBUF = offer("application/protobuf");

test.each([
  { accept: undefined, chosen: PLAIN },
  { accept: "  ", chosen: PLAIN },
  { accept: "application/protobuf;q=0.9,application/json;q=0.8", chosen: PROTOBUF },
  { accept: "application/json;q=0.8,application/protobuf;q=0.9", chosen: PROTOBUF },
  { accept: "application/protobuf,application/json", chosen: PROTOBUF },
  { accept: "APPLICATION/JSON", chosen: PLAIN },
  { accept: "application/json; charset=utf-8", chosen: PLAIN },
  { accept: "application/json;v=v2;g=example.com", chosen: WITH_PARAMETERS },
  { accept: "application/json;v=v2;g=example.com;pretty=1", chosen: WITH_PARAMETERS },
  { accept: 'application/json;v="v2";g="example.com"', chosen: WITH_PARAMETERS },
  { accept: "application/json;nonsense", chosen: PLAIN },
  { accept: "application/json;q=nonsense,application/protobuf;q=0.9", chosen: PLAIN },
  { accept: "text/html,*/*;q=0.1", chosen: PLAIN },
  { accept: "*/*,application/protobuf", chosen: PROTOBUF },
  { accept: "application/*,application/protobuf", chosen: PROTOBUF },
  { accept: "*/*,application/*", chosen: PLAIN },
  { accept: "*/*,application/json;q=0", chosen: PROTOBUF },
  { accept: "application/*,application/json;v=v2;g=example.com;q=0", chosen: PLAIN },
])("Accept $accept chooses $chosen.mediaType", ({ accept, chosen }) => {
  expect(chooseOffer(accept, [PLAIN, WITH_PARAMETERS, PROTOBUF])).toBe(chosen);
});

test.each([
  { name: "a type without the offer's parameters", accept: "application/json", offers: [WITH_PARAMETERS] },
  { name: "one parameter too many", accept: "application/json;v=v2;g=example.com;as=List", offers: [WITH_PARAMETERS] },
  { name: "one parameter too few", accept: "application/json;v=v2", offers: [WITH_PARAMETERS] },
  { name: "parameters that are not offered", accept: "application/json;v=v2", offers: [PLAIN] },
  { name: "everything of quality zero", accept: "*/*;q=0", offers: [PLAIN] },
  { name: "a refused type under a wildcard", accept: "*/*,application/json;q=0", offers: [PLAIN, WITH_PARAMETERS] },
  { name: "a range of another family", accept: "text/*", offers: [PLAIN] },
  { name: "quality zero", accept: "application/json;q=0", offers: [PLAIN] },
  { name: "what comes after 32 clauses", accept: `${"text/html,".repeat(32)}application/json`, offers: [PLAIN] },
])("$name is not acceptable", ({ accept, offers }) => {
  expect(() => chooseOffer(accept, offers)).toThrow(expect.objectContaining({ reason: "NotAcceptable" }));
});

test.each([
  { accept: undefined, type: "application/json" },
  { accept: "application/protobuf, application/json;q=0.9", type: "application/protobuf" },
  { accept: "application/*", type: "application/json" },
])("negotiate: Accept $accept is answered with $type", ({ accept, type }) => {
  expect(negotiate(accept, ["application/json", "application/protobuf"])).toBe(type);
});

test("negotiate: what is served is told", () => {
  const message = "only the following media types are accepted: application/json, application/protobuf";
  expect(() => negotiate("text/html", ["application/json", "application/protobuf"])).toThrow(
    expect.objectContaining({ reason: "NotAcceptable", message }),
  );
});

test("any header chooses an offer or is not acceptable", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (accept) => {
      try {
        expect([PLAIN, PROTOBUF]).toContain(chooseOffer(accept, [PLAIN, PROTOBUF]));
      } catch (error) {
        if (!isStatusError(error, "NotAcceptable")) throw error;
      }
    }),
  );
});
