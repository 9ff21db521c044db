import { expect, test } from "@jest/globals";
import { formatFields, formatTable, serialize } from "../../services/cli/output.ts";
import { createProgress } from "../../services/cli/progress.ts";
import { TableWriter } from "../../services/cli/server-table.ts";
import { printable } from "../../services/cli/terminal.ts";

test("columns are as wide as their widest cell, without trailing blanks", () => {
  expect(
    formatTable([
      ["A", "LONG HEADER", "C"],
      ["wider", "é", ""],
      ["x", "y", "z"],
    ]),
  ).toBe("A       LONG HEADER   C\nwider   é\nx       y             z\n");
});

test("a table of nothing is nothing", () => {
  expect(formatTable([])).toBe("");
});

test("fields align, repeat for lists and say <none>", () => {
  expect(
    formatFields([
      ["Name", "a"],
      ["Groups", ["x", "y"]],
      ["Long name", ""],
      ["Empty", []],
    ]),
  ).toBe("Name:        a\nGroups:      x\n             y\nLong name:   <none>\nEmpty:       <none>\n");
});

test.each([
  ["plain é ☂", "plain é ☂"],
  ["\u001b[31mred", "\\u001b[31mred"],
  ["a\nb\r\t\u0007", "a\\u000ab\\u000d\\u0009\\u0007"],
  ["\u009b1m", "\\u009b1m"],
  ["abc\u202edcba", "abc\\u202edcba"],
  ["a\u2028b\u200f", "a\\u2028b\\u200f"],
])("printable %j", (text, shown) => {
  expect(printable(text)).toBe(shown);
  expect(formatTable([[text]])).toBe(`${shown}\n`);
});

test("JSON and YAML end with a line feed", () => {
  expect(serialize("json", { a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}\n');
  expect(serialize("yaml", { a: [1] })).toBe("a:\n  - 1\n");
});

function tableWriter() {
  let text = "";
  const write = (chunk: string): void => {
    text += chunk;
  };
  const writer = new TableWriter({ write });
  return { writer, text: () => text };
}

const row = (...cells: unknown[]) => ({ cells });

test("a growing table keeps the columns it began with", () => {
  const { writer, text } = tableWriter();
  const columnDefinitions = [{ name: "Name" }, { name: "Detail", priority: 1 }, { name: "Age", priority: 0 }];
  writer.write({ kind: "Table", columnDefinitions, rows: [row("first", "hidden", "5m")] });
  writer.write({ kind: "Table", rows: [row("a", "hidden", 7)] });
  writer.write({ kind: "Table", columnDefinitions: null, rows: [row("a-longer-name", "hidden", null)] });
  expect(text()).toBe("NAME    AGE\nfirst   5m\na       7\na-longer-name\n");
});

test("a table without rows shows its header when rows come", () => {
  const { writer, text } = tableWriter();
  writer.write({ kind: "Table", columnDefinitions: [{ name: "Name" }], rows: null });
  writer.write({ kind: "Table", rows: [row("a")] });
  expect(text()).toBe("NAME\na\n");
});

test("progress is drawn on a terminal, erased at the end, and absent from pipes", () => {
  let drawn = "";
  const write = (chunk: string): void => {
    drawn += chunk;
  };
  const progress = createProgress({ write, isTTY: true }, "copying", 2_000_000);
  progress.at(500_000);
  progress.end();
  expect(drawn).toBe("\rcopying ... 0.5 MB of 2.0 MB\u001b[K\r\u001b[K");
  drawn = "";
  const silent = createProgress({ write }, "copying", 2_000_000);
  silent.at(500_000);
  silent.end();
  expect(drawn).toBe("");
});
