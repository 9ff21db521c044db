import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { childOf, findChild, readXml } from "../../../../services/certificate-authority/attestation/aws/xml.ts";
import { refusalIn } from "../../../builders/proof-input.ts";

const NOT_TAKEN = "what AWS answered is no XML that is taken here: ";

test("elements, text and references are read", () => {
  const root = readXml(
    `<?xml version="1.0" encoding="UTF-8"?>\n<a xmlns="urn:x">\n <b>x &amp; &lt;&#65;&#x42;&gt; </b><c/><d></d></a>\n`,
  );
  expect(root.name).toBe("a");
  expect(root.text).toBe("");
  expect(root.children.map(({ name, text }) => [name, text])).toStrictEqual([
    ["b", "x & <AB> "],
    ["c", ""],
    ["d", ""],
  ]);
  expect(childOf(root, "b").text).toBe("x & <AB> ");
  expect(findChild(root, "e")).toBeUndefined();
});

test.each([
  { name: "nothing", xml: "", message: "an element was expected" },
  { name: "text alone", xml: "a", message: "an element was expected" },
  { name: "two roots", xml: "<a/><b/>", message: "something follows the element" },
  { name: "text after the root", xml: "<a/>b", message: "something follows the element" },
  { name: "an element that is not closed", xml: "<a><b></b>", message: "an element was expected" },
  { name: "an element that another closes", xml: "<a><b></a></b>", message: "b is not closed" },
  { name: "text beside elements", xml: "<a>x<b/></a>", message: "a mixes text and elements" },
  { name: "a document type", xml: '<!DOCTYPE a [<!ENTITY x "y">]><a/>', message: "an element was expected" },
  { name: "a comment", xml: "<a>x<!-- y --></a>", message: "an element was expected" },
  { name: "a section", xml: "<a><![CDATA[x]]></a>", message: "an element was expected" },
  { name: "a processing instruction", xml: "<a><?x y?></a>", message: "an element was expected" },
  { name: "a prefix", xml: "<x:a/>", message: "an element was expected" },
  { name: "an attribute", xml: '<a b="c"/>', message: "an element was expected" },
  { name: "another entity", xml: "<a>&x;</a>", message: 'the reference "&"' },
  { name: "an ampersand", xml: "<a>x & y</a>", message: 'the reference "&"' },
  { name: "a character beyond Unicode", xml: "<a>&#x110000;</a>", message: 'the reference "&#x110000;"' },
  { name: "25 levels", xml: `${"<a>".repeat(25)}${"</a>".repeat(25)}`, message: "nested too deeply" },
])("refused: $name", async ({ xml, message }) => {
  expect(await refusalIn(() => readXml(xml))).toBe(NOT_TAKEN + message);
});

test("an element that has to be there once is neither missing nor there twice", async () => {
  const root = readXml("<a><b/><b/></a>");
  expect(await refusalIn(() => childOf(root, "b"))).toBe(`${NOT_TAKEN}a has several b`);
  expect(await refusalIn(() => childOf(root, "c"))).toBe(`${NOT_TAKEN}a has no c`);
});

test("any text is read or refused, in time that grows with it", () => {
  const piece = fc.constantFrom(
    "<a>",
    "</a>",
    "<a/>",
    "<b>",
    "</b>",
    "x",
    "&amp;",
    "&#1;",
    "<",
    ">",
    "<!--",
    " ",
    '<a xmlns="u">',
  );
  const texts = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.array(piece, { maxLength: 100 }).map((all) => all.join("")),
  );
  return fc.assert(
    fc.asyncProperty(texts, async (xml) => {
      const refusal = await refusalIn(() => readXml(xml));
      expect(refusal === "accepted" || refusal.startsWith(NOT_TAKEN)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("half a megabyte of tags that nobody closes is refused within a second", async () => {
  const began = performance.now();
  await refusalIn(() => readXml(`<a>${" <b/>&amp;".repeat(50_000)}`));
  await refusalIn(() => readXml(`<a ${" ".repeat(500_000)}`));
  expect(performance.now() - began).toBeLessThan(1000);
});
