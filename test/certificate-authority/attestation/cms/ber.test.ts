import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { derOfBer } from "../../../../services/certificate-authority/attestation/cms/ber.ts";
import { DerError } from "../../../../services/shared/der/der-reader.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

const refusalOf = (bytes: Buffer): string => {
  try {
    return derOfBer(bytes).toString("hex");
  } catch (error) {
    if (error instanceof DerError) return error.message;
    throw error;
  }
};

test.each([
  { name: "DER stays as it is", ber: "3005 0201 01 0500", der: "3005020101 0500" },
  { name: "an indefinite length", ber: "3080 020101 0000", der: "3003 020101" },
  { name: "indefinite lengths inside each other", ber: "3080 a080 0500 0000 0000", der: "3004 a002 0500" },
  { name: "a length in more octets than it needs", ber: "30820003 020101", der: "3003 020101" },
  { name: "a padded length of four octets", ber: "0484 00000001 ff", der: "0401 ff" },
  { name: "content in chunks", ber: "2480 0402 0102 0401 03 0000", der: "0403 010203" },
  { name: "content in chunks of definite length", ber: "2407 0402 0102 0401 03", der: "0403 010203" },
  { name: "chunks of chunks", ber: "2480 2403 0401 01 0401 02 0000", der: "0402 0102" },
  { name: "no chunk at all", ber: "2480 0000", der: "0400" },
  { name: "an empty set", ber: "3180 0000", der: "3100" },
])("derOfBer: $name", ({ ber, der }) => {
  expect(derOfBer(hex(ber)).toString("hex")).toBe(hex(der).toString("hex"));
});

test.each([128, 255, 256, 5000])("derOfBer: %i octets get the shortest length", (length) => {
  const content = Buffer.alloc(length, 7);
  const ber = Buffer.concat([hex("2480 0484"), Buffer.from([0, 0, length >> 8, length & 0xff]), content, hex("0000")]);
  const head = length < 256 ? [0x04, 0x81, length] : [0x04, 0x82, length >> 8, length & 0xff];
  expect(derOfBer(ber)).toStrictEqual(Buffer.concat([Buffer.from(head), content]));
});

test.each([
  { name: "nothing", ber: "", message: "truncated" },
  { name: "something after the value", ber: "0500 00", message: "trailing data" },
  { name: "a second value", ber: "0500 0500", message: "trailing data" },
  { name: "an end that is missing", ber: "3080 0500", message: "truncated" },
  { name: "half an end", ber: "3080 0500 00", message: "truncated" },
  { name: "an end outside", ber: "0000", message: "an end of contents without a beginning" },
  { name: "an end inside a definite length", ber: "3004 0500 0000", message: "an end of contents without a beginning" },
  {
    name: "a primitive value of indefinite length",
    ber: "0480 0000",
    message: "a primitive value of indefinite length",
  },
  { name: "a value that reaches beyond the enclosing one", ber: "3003 0402 01 02", message: "truncated" },
  { name: "a length of five octets", ber: "04850000000001 ff", message: "truncated" },
  { name: "a reserved length", ber: "04ff 01", message: "truncated" },
  { name: "a long tag", ber: "1f81 00 00", message: "tag numbers above 30 are not supported" },
  { name: "a chunk that is no OCTET STRING", ber: "2480 0201 01 0000", message: "a chunk is no OCTET STRING" },
  { name: "a bit string in chunks", ber: "2380 0302 0001 0000", message: "a constructed string" },
  { name: "text in chunks", ber: "2c80 0c01 61 0000", message: "a constructed string" },
  { name: "17 levels", ber: `${"3080".repeat(17)}${"0000".repeat(17)}`, message: "nested too deeply" },
  { name: "more than 16 KiB", ber: "00".repeat(16_385), message: "longer than 16384 bytes" },
])("derOfBer refuses $name", ({ ber, message }) => {
  expect(refusalOf(hex(ber))).toBe(message);
});

test("derOfBer takes 16 levels", () => {
  expect(derOfBer(hex(`${"3080".repeat(15)}0500${"0000".repeat(15)}`)).subarray(-2)).toStrictEqual(hex("0500"));
});

test("derOfBer gives DER that it leaves alone, or refuses, whatever the bytes", () => {
  const pieces = fc.constantFrom(
    "30",
    "80",
    "24",
    "04",
    "00",
    "0000",
    "a0",
    "01",
    "05",
    "82",
    "3080",
    "2480",
    "0401ff",
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(pieces, { maxLength: 60 }).map((all) => hex(all.join(""))),
  );
  fc.assert(
    fc.property(bytes, (given) => {
      const answer = refusalOf(Buffer.from(given));
      if (!/^[0-9a-f]*$/.test(answer)) return;
      expect(derOfBer(hex(answer)).toString("hex")).toBe(answer);
      expect(answer.length / 2).toBeLessThanOrEqual(given.length);
    }),
    { numRuns: 2000 },
  );
});
