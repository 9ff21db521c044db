import { expect, test } from "@jest/globals";
import { readOptions, UsageError } from "../../../scripts/bench/options.ts";

test("without options everything runs in full and nothing is gated", () => {
  expect(readOptions([], {})).toEqual({
    parts: new Set(["crypto", "issue", "sql", "http", "audit", "storm", "incumbent"]),
    ...{ quick: false, check: false, wide: false, jsonFile: undefined },
  });
});

test.each([
  {
    name: "--quick leaves the incumbent out and widens margins",
    args: ["--quick"],
    environment: {},
    parts: 6,
    wide: true,
  },
  { name: "a CI machine widens margins", args: ["--only", "sql"], environment: { CI: "true" }, parts: 1, wide: true },
  { name: "--only takes a list", args: ["--only", "crypto, storm"], environment: {}, parts: 2, wide: false },
  {
    name: "--only overrides what --quick leaves out",
    args: ["--quick", "--only=incumbent"],
    environment: {},
    parts: 1,
    wide: true,
  },
])("readOptions: $name", ({ args, environment, parts, wide }) => {
  const options = readOptions(args, environment);
  expect(options?.parts.size).toBe(parts);
  expect(options?.wide).toBe(wide);
});

test("readOptions: --json and --check", () => {
  expect(readOptions(["--json", "out.json", "--check"], {})).toMatchObject({ jsonFile: "out.json", check: true });
});

test("readOptions: --help asks for nothing else", () => {
  expect(readOptions(["--help"], {})).toBeUndefined();
});

test.each([[["--only", "authz"]], [["--only", ""]], [["--fast"]], [["extra"]], [["--json"]]])(
  "readOptions refuses %j",
  (args) => {
    expect(() => readOptions(args, {})).toThrow(UsageError);
  },
);
