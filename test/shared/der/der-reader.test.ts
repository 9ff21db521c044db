import { expect, test } from "@jest/globals";
import { toDotted } from "../../../services/certificate-authority/signer/object-identifiers.ts";
import { DerReader, encodingOf, MAX_DER_BYTES, TAG } from "../../../services/shared/der/der-reader.ts";
import {
  readInteger,
  readNamedBits,
  readObjectIdentifier,
  readOctetAlignedBits,
  readOptionalBoolean,
  readPositiveInteger,
  readSmallInteger,
  readTime,
} from "../../../services/shared/der/der-values.ts";
import { element } from "../../builders/der.ts";

function over(hex: string): DerReader {
  return DerReader.over(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

test.each([
  { name: "short form", hex: "04 01 aa", encoding: "0401aa" },
  { name: "stops at the element's end", hex: "04 01 aa ff", encoding: "0401aa" },
  { name: "128 octets in long form", hex: `04 81 80 ${"00".repeat(128)}`, encoding: `048180${"00".repeat(128)}` },
  {
    name: "256 octets in two-octet form",
    hex: `04 82 01 00 ${"00".repeat(256)}`,
    encoding: `04820100${"00".repeat(256)}`,
  },
])("DerReader reads $name", ({ hex, encoding }) => {
  expect(encodingOf(over(hex).readAny("it")).toString("hex")).toBe(encoding);
});

test.each([
  { name: "nothing", hex: "", message: "it: truncated" },
  { name: "a tag alone", hex: "04", message: "it: truncated" },
  { name: "content that ends too early", hex: "04 02 aa", message: "it: truncated" },
  { name: "a length that ends too early", hex: "04 82 01", message: "it: truncated" },
  { name: "more length octets than we read", hex: `04 85 00000000ff`, message: "it: truncated" },
  { name: "an indefinite length", hex: "30 80 00 00", message: "it: indefinite length" },
  { name: "127 octets in long form", hex: `04 81 7f ${"00".repeat(127)}`, message: "it: length is not minimal" },
  { name: "a padded length", hex: `04 82 00 80 ${"00".repeat(128)}`, message: "it: length is not minimal" },
  { name: "a tag of several octets", hex: "1f 81 01 00", message: "it: tag numbers above 30 are not supported" },
])("DerReader refuses $name", ({ hex, message }) => {
  expect(() => over(hex).readAny("it")).toThrow(message);
});

test("DerReader refuses more octets than anything has, and less than nothing is missing", () => {
  expect(() => DerReader.over(Buffer.alloc(MAX_DER_BYTES + 1))).toThrow("longer than 1048576 bytes");
  expect(DerReader.over(Buffer.alloc(MAX_DER_BYTES)).isAtEnd()).toBe(false);
});

test("DerReader refuses nesting deeper than any structure we know", () => {
  let nested: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 17; depth += 1) nested = element(TAG.sequence, nested);
  let reader = DerReader.over(nested);
  for (let depth = 0; depth < 16; depth += 1) reader = reader.enter(TAG.sequence, "it");
  expect(() => reader.enter(TAG.sequence, "it")).toThrow("it: nested too deeply");
});

test("DerReader tells a missing element from one of another type, and sees what trails", () => {
  expect(() => over("").read(TAG.integer, "it")).toThrow("it: missing");
  expect(() => over("0400").read(TAG.integer, "it")).toThrow("it: unexpected type");
  expect(over("0400").readOptional(TAG.integer, "it")).toBeUndefined();
  expect(() => over("0400").expectEnd("it")).toThrow("it: trailing data");
});

test.each([
  { hex: "0603550403", dotted: "2.5.4.3" },
  { hex: "06092b0601040183c25302", dotted: "1.3.6.1.4.1.57683.2" },
  { hex: "06022a03", dotted: "1.2.3" },
  { hex: "0602813403".replace("0602", "0603"), dotted: "2.100.3" },
  { hex: "060100", dotted: "0.0" },
])("readObjectIdentifier reads $dotted", ({ hex, dotted }) => {
  expect(toDotted(readObjectIdentifier(over(hex), "it"))).toBe(dotted);
});

test.each([
  { name: "an empty one", hex: "0600", message: "it: truncated object identifier" },
  { name: "a cut-off arc", hex: "06025583", message: "it: truncated object identifier" },
  { name: "a padded arc", hex: "0603558003", message: "it: object identifier is not minimal" },
])("readObjectIdentifier refuses $name", ({ hex, message }) => {
  expect(() => readObjectIdentifier(over(hex), "it")).toThrow(message);
});

test.each([
  { hex: "020100", content: "00" },
  { hex: "02017f", content: "7f" },
  { hex: "0201ff", content: "ff" },
  { hex: "02020080", content: "0080" },
  { hex: "0202ff7f", content: "ff7f" },
])("readInteger reads $hex", ({ hex, content }) => {
  expect(readInteger(over(hex), "it").toString("hex")).toBe(content);
});

test.each([
  { hex: "0200", message: "it: empty integer" },
  { hex: "0202007f", message: "it: integer is not minimal" },
  { hex: "0202ff80", message: "it: integer is not minimal" },
])("readInteger refuses $hex", ({ hex, message }) => {
  expect(() => readInteger(over(hex), "it")).toThrow(message);
});

test("readPositiveInteger takes the sign octet off and refuses zero and less", () => {
  expect(readPositiveInteger(over("02020080"), "it").toString("hex")).toBe("80");
  expect(readPositiveInteger(over("020101"), "it").toString("hex")).toBe("01");
  for (const hex of ["020100", "0201ff"]) {
    expect(() => readPositiveInteger(over(hex), "it")).toThrow("it: not a positive integer");
  }
});

test("readSmallInteger reads up to 31 bits", () => {
  expect(readSmallInteger(over("02047fffffff"), "it")).toBe(0x7fffffff);
  expect(readSmallInteger(over("020100"), "it")).toBe(0);
  for (const hex of ["02050080000000", "0201ff"]) {
    expect(() => readSmallInteger(over(hex), "it")).toThrow("it: out of range");
  }
});

test("readOptionalBoolean reads both values and refuses others", () => {
  expect(readOptionalBoolean(over("0101ff"), "it")).toBe(true);
  expect(readOptionalBoolean(over("010100"), "it")).toBe(false);
  expect(readOptionalBoolean(over("0400"), "it")).toBeUndefined();
  for (const hex of ["010101", "0100", "0102ffff"]) {
    expect(() => readOptionalBoolean(over(hex), "it")).toThrow("it: not a boolean");
  }
});

test("readOctetAlignedBits wants no unused bits", () => {
  expect(readOctetAlignedBits(over("030200aa"), "it").toString("hex")).toBe("aa");
  for (const hex of ["0300", "030204a0"]) {
    expect(() => readOctetAlignedBits(over(hex), "it")).toThrow("it: not a whole number of octets");
  }
});

test.each([
  { hex: "030100", bits: 0 },
  { hex: "03020780", bits: 1 },
  { hex: "030205a0", bits: 5 },
  { hex: "0303070080", bits: 256 },
  { hex: "030307ff80", bits: 511 },
])("readNamedBits reads $hex", ({ hex, bits }) => {
  expect(readNamedBits(over(hex), "it")).toBe(bits);
});

test.each([
  { name: "no octet of unused bits", hex: "0300", message: "it: malformed bits" },
  { name: "unused bits of nothing", hex: "030101", message: "it: malformed bits" },
  { name: "more than seven unused bits", hex: "030208a0", message: "it: malformed bits" },
  { name: "more bits than we know", hex: "0304000000ff", message: "it: malformed bits" },
  { name: "unused bits that are set", hex: "030205a1", message: "it: unused bits are set" },
])("readNamedBits refuses $name", ({ hex, message }) => {
  expect(() => readNamedBits(over(hex), "it")).toThrow(message);
});

test.each([
  { tag: TAG.utcTime, text: "261121103000Z", iso: "2026-11-21T10:30:00.000Z" },
  { tag: TAG.utcTime, text: "491231235959Z", iso: "2049-12-31T23:59:59.000Z" },
  { tag: TAG.utcTime, text: "500101000000Z", iso: "1950-01-01T00:00:00.000Z" },
  { tag: TAG.utcTime, text: "000229000000Z", iso: "2000-02-29T00:00:00.000Z" },
  { tag: TAG.generalizedTime, text: "20500101000000Z", iso: "2050-01-01T00:00:00.000Z" },
  { tag: TAG.generalizedTime, text: "99991231235959Z", iso: "9999-12-31T23:59:59.000Z" },
  { tag: TAG.generalizedTime, text: "00500101000000Z", iso: "0050-01-01T00:00:00.000Z" },
])("readTime reads $text", ({ tag, text, iso }) => {
  expect(readTime(DerReader.over(element(tag, text)), "it").toISOString()).toBe(iso);
});

test.each([
  { name: "no seconds", tag: TAG.utcTime, text: "2611211030Z" },
  { name: "an offset", tag: TAG.utcTime, text: "261121103000+0100" },
  { name: "no zone", tag: TAG.utcTime, text: "2611211030000" },
  { name: "fractions", tag: TAG.generalizedTime, text: "20261121103000.5Z" },
  { name: "a month 0", tag: TAG.utcTime, text: "260021103000Z" },
  { name: "a month 13", tag: TAG.utcTime, text: "261321103000Z" },
  { name: "a day 0", tag: TAG.utcTime, text: "261100103000Z" },
  { name: "a 31 November", tag: TAG.utcTime, text: "261131103000Z" },
  { name: "a 29 February of no leap year", tag: TAG.generalizedTime, text: "21000229000000Z" },
  { name: "an hour 24", tag: TAG.utcTime, text: "261121240000Z" },
  { name: "a minute 60", tag: TAG.utcTime, text: "261121106000Z" },
  { name: "a second 60", tag: TAG.utcTime, text: "261121103060Z" },
  { name: "letters", tag: TAG.utcTime, text: "26112110300xZ" },
])("readTime refuses $name", ({ tag, text }) => {
  expect(() => readTime(DerReader.over(element(tag, text)), "it")).toThrow("it: not a valid time");
});

test("readTime refuses what is no time", () => {
  expect(() => readTime(over("0400"), "it")).toThrow("it: not a time");
});
