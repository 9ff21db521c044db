import { expect, test } from "@jest/globals";
import { decodePem, encodePem } from "../../../services/certificate-authority/signer/pem.ts";

const BODY = Buffer.from("a certificate request, more or less").toString("base64");
const GOOD = `-----BEGIN X-----\n${BODY}\n-----END X-----\n`;

/** Label, header flag and base64 of each decodable block. */
function found(text: string): readonly string[] {
  return [...decodePem(text)].map(({ label, hasHeaders, der }) => `${label}|${hasHeaders}|${der.toString("base64")}`);
}

const X = `X|false|${BODY}`;

test.each([
  { name: "a block by itself", text: GOOD, blocks: [X] },
  { name: "no newline at the end", text: GOOD.trimEnd(), blocks: [X] },
  { name: "CRLF line ends", text: GOOD.replaceAll("\n", "\r\n"), blocks: [X] },
  { name: "blanks after the markers", text: GOOD.replaceAll("-----\n", "----- \t\n"), blocks: [X] },
  { name: "text before and after", text: `hello\n${GOOD}world\n`, blocks: [X] },
  { name: "two blocks", text: GOOD + GOOD, blocks: [X, X] },
  {
    name: "blanks inside the base64",
    text: GOOD.replace(BODY, ` ${BODY.slice(0, 4)}\t${BODY.slice(4)} `),
    blocks: [X],
  },
  { name: "one character a line", text: GOOD.replace(BODY, BODY.replace(/./g, "$&\n")), blocks: [X] },
  { name: "BEGIN in the middle of a line", text: `text ${GOOD}`, blocks: [] },
  { name: "END in the middle of a line", text: GOOD.replace("\n-----END", " -----END"), blocks: [] },
  { name: "text after the END marker", text: GOOD.replace("END X-----", "END X----- x"), blocks: [] },
  { name: "text after the BEGIN marker", text: GOOD.replace("BEGIN X-----", "BEGIN X----- x"), blocks: [] },
  { name: "another label at the end", text: GOOD.replace("END X", "END Y"), blocks: [] },
  { name: "a label that only begins the same", text: GOOD.replace("END X", "END XY"), blocks: [] },
  { name: "no END at all", text: "-----BEGIN X-----\nAAAA\n", blocks: [] },
  { name: "nothing", text: "", blocks: [] },
  { name: "a repeated BEGIN: the last one counts", text: `-----BEGIN Y-----\n${GOOD}`, blocks: [X] },
  { name: "broken base64, then a good block", text: GOOD.replace(BODY, "!!!!") + GOOD, blocks: [X] },
  { name: "base64 without its padding", text: GOOD.replace(BODY, "AAA"), blocks: [] },
  { name: "too much padding", text: GOOD.replace(BODY, "A==="), blocks: [] },
  { name: "padding in the middle", text: GOOD.replace(BODY, "AA==AAAA"), blocks: [] },
  { name: "URL-safe base64", text: GOOD.replace(BODY, "AA-_"), blocks: [] },
  { name: "an empty block", text: "-----BEGIN X-----\n-----END X-----\n", blocks: ["X|false|"] },
  { name: "an empty block with an empty line", text: "-----BEGIN X-----\n\n-----END X-----\n", blocks: ["X|false|"] },
  { name: "an empty label", text: "-----BEGIN -----\nAAAA\n-----END -----\n", blocks: ["|false|AAAA"] },
  { name: "a header and a blank line", text: GOOD.replace(BODY, `A: b\n\n${BODY}`), blocks: [`X|true|${BODY}`] },
  { name: "a header and no blank line", text: GOOD.replace(BODY, `A: b\n${BODY}`), blocks: [`X|true|${BODY}`] },
  { name: "a header that is only a colon", text: GOOD.replace(BODY, `:\n${BODY}`), blocks: [`X|true|${BODY}`] },
  { name: "a colon below the first line of base64", text: GOOD.replace(BODY, `${BODY}\nA: b`), blocks: [] },
  { name: "headers and nothing else", text: GOOD.replace(BODY, "A: b"), blocks: [] },
  { name: "headers and nothing else, then a good block", text: GOOD.replace(BODY, "A: b") + GOOD, blocks: [X] },
  {
    name: "headers that swallow the END line end the search",
    text: GOOD.replace(BODY, "A: b").replace("END X", "END X:") + GOOD,
    blocks: [],
  },
  { name: "only headers up to the end of the text", text: "-----BEGIN X-----\nA: b\n-----END X:-----\n", blocks: [] },
])("decodePem: $name", ({ text, blocks }) => {
  expect(found(text)).toEqual(blocks);
});

test("encodePem writes 64 columns and decodePem reads them back", () => {
  for (const length of [0, 1, 47, 48, 49, 500]) {
    const der = Buffer.alloc(length, 0xa5);
    const pem = encodePem("X", der);
    expect(Math.max(...pem.split("\n").map((line) => line.length))).toBeLessThanOrEqual(64);
    expect(found(pem)).toEqual([`X|false|${der.toString("base64")}`]);
  }
});
