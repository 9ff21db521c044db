import { expect, test } from "@jest/globals";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { formatIpAddress, parseIpAddress } from "../../../services/certificate-authority/domain/ip-address.ts";
import { isPrintable, readDirectoryString } from "../../../services/certificate-authority/signer/directory-strings.ts";
import { normalizeUri } from "../../../services/certificate-authority/signer/uri.ts";
import { DerReader, TAG } from "../../../services/shared/der/der-reader.ts";
import { element } from "../../builders/der.ts";

function read(tag: number, content: Uint8Array | string): string | undefined {
  return readDirectoryString(DerReader.over(element(tag, content)).readAny("it"), "it");
}

test.each([
  { name: "PrintableString", tag: TAG.printableString, content: "aZ09 '()+,-./:=?", text: "aZ09 '()+,-./:=?" },
  { name: "PrintableString with what is only common", tag: TAG.printableString, content: "*&", text: "*&" },
  { name: "NumericString", tag: TAG.numericString, content: "12 34", text: "12 34" },
  { name: "IA5String", tag: TAG.ia5String, content: "a@b\u007f", text: "a@b\u007f" },
  { name: "T61String of ASCII", tag: TAG.t61String, content: "a_b", text: "a_b" },
  { name: "UTF8String", tag: TAG.utf8String, content: "ü😀", text: "ü😀" },
  { name: "UTF8String with a byte order mark", tag: TAG.utf8String, content: "\ufeffa", text: "\ufeffa" },
  { name: "BMPString", tag: TAG.bmpString, content: Buffer.from("006100fc", "hex"), text: "aü" },
  { name: "BMPString with its terminator", tag: TAG.bmpString, content: Buffer.from("00610000", "hex"), text: "a" },
  { name: "an empty UTF8String", tag: TAG.utf8String, content: "", text: "" },
  { name: "no string at all", tag: TAG.octetString, content: "a", text: undefined },
])("readDirectoryString reads $name", ({ tag, content, text }) => {
  expect(read(tag, content)).toBe(text);
});

test.each([
  { name: "@ in PrintableString", tag: TAG.printableString, content: "a@b" },
  { name: "letters in NumericString", tag: TAG.numericString, content: "1a" },
  { name: "eight bits in IA5String", tag: TAG.ia5String, content: Buffer.from([0x80]) },
  { name: "eight bits in T61String", tag: TAG.t61String, content: Buffer.from([0xfc]) },
  { name: "half a character in UTF8String", tag: TAG.utf8String, content: Buffer.from([0xc3]) },
  { name: "a surrogate in UTF8String", tag: TAG.utf8String, content: Buffer.from("eda080", "hex") },
  { name: "an odd BMPString", tag: TAG.bmpString, content: Buffer.from("00", "hex") },
  { name: "a lone surrogate in BMPString", tag: TAG.bmpString, content: Buffer.from("d800", "hex") },
])("readDirectoryString refuses $name", ({ tag, content }) => {
  expect(() => read(tag, content)).toThrow(/^it: /);
});

test("isPrintable draws the line where Go draws it when writing", () => {
  expect(isPrintable("system:node:worker-1 '()+,-./:=?")).toBe(true);
  for (const text of ["*", "&", "_", "@", "ü", '"', "\n"]) expect(isPrintable(text)).toBe(false);
  expect(isPrintable("")).toBe(true);
});

test.each([
  { hex: "0a000001", text: "10.0.0.1" },
  { hex: "00000000000000000000000000000000", text: "::" },
  { hex: "00000000000000000000000000000001", text: "::1" },
  { hex: "fe800000000000000000000000000001", text: "fe80::1" },
  { hex: "20010db8000000000001000000000001", text: "2001:db8::1:0:0:1" },
  { hex: "20010db8000000010001000100010001", text: "2001:db8:0:1:1:1:1:1" },
  { hex: "20010db8000100000000000000000000", text: "2001:db8:1::" },
  { hex: "00000000000000000000ffff01020304", text: "1.2.3.4" },
])("formatIpAddress writes $text and parseIpAddress reads it", ({ hex, text }) => {
  const octets = Buffer.from(hex, "hex");
  expect(formatIpAddress(octets)).toBe(text);
  const canonical = text.includes(":") ? octets : octets.subarray(-4);
  expect(parseIpAddress(text)?.toString("hex")).toBe(canonical.toString("hex"));
});

test("formatIpAddress knows addresses of 4 and 16 octets only", () => {
  for (const length of [0, 3, 5, 15, 17]) expect(formatIpAddress(Buffer.alloc(length))).toBeUndefined();
});

test("formatIpAddress agrees with ipaddr.js and parseIpAddress is its inverse", () => {
  const sparse = fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(255)), {
    minLength: 16,
    maxLength: 16,
  });
  fc.assert(
    fc.property(sparse, (numbers) => {
      const octets = Buffer.from(numbers);
      const address = ipaddr.fromByteArray(numbers);
      const isMapped = "isIPv4MappedAddress" in address && address.isIPv4MappedAddress();
      fc.pre(!isMapped);
      const text = formatIpAddress(octets);
      expect(text).toBe("toRFC5952String" in address ? address.toRFC5952String() : address.toString());
      expect(parseIpAddress(text ?? "")).toEqual(octets);
    }),
  );
});

test.each([
  "",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.-4",
  ":",
  ":::",
  "1::2::3",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7::8",
  "g::",
  "12345::",
  "fe80::1%eth0",
  "::1.2.3",
  "1.2.3.4::",
  "a.b",
  " ::1",
])("parseIpAddress refuses %j", (text) => {
  expect(parseIpAddress(text)).toBeUndefined();
});

test("parseIpAddress reads dotted decimal at the end of IPv6", () => {
  expect(parseIpAddress("64:ff9b::1.2.3.4")?.toString("hex")).toBe("0064ff9b000000000000000001020304");
  expect(parseIpAddress("::ffff:1.2.3.4")?.toString("hex")).toBe("01020304");
});

test.each([
  { text: "spiffe://example.org/node/1", uri: "spiffe://example.org/node/1" },
  { text: "SPIFFE://Example.org/a", uri: "spiffe://Example.org/a" },
  { text: "urn:uuid:1-2", uri: "urn:uuid:1-2" },
  { text: "https://u:p@[2001:db8::1]:8443/a%20b?c=d#e", uri: "https://u:p@[2001:db8::1]:8443/a%20b?c=d#e" },
  { text: "/relative/path:with-colon", uri: "/relative/path:with-colon" },
  { text: "a#", uri: "a" },
  { text: "", uri: "" },
])("normalizeUri takes $text", ({ text, uri }) => {
  expect(normalizeUri(text)).toBe(uri);
});

test.each([
  "http://a b/",
  "http://a/%zz",
  "http://a/%2",
  "1a:b",
  ":b",
  "a b:c",
  "http://a..b/",
  "http://a./",
  "http://[::1/",
  "http://a:b/",
  "http://a/\u0001",
  "http://ü/",
  `x:${"a".repeat(8192)}`,
  "http://a/#b#c",
])("normalizeUri refuses %j", (text) => {
  expect(normalizeUri(text)).toBeUndefined();
});
