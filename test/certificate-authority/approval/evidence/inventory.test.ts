import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import {
  type InventorySource,
  inventorySource,
} from "../../../../services/certificate-authority/approval/evidence/inventory.ts";
import { parseInventory } from "../../../../services/certificate-authority/approval/evidence/inventory-file.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const directory = temporaryDirectory();
const opened: InventorySource[] = [];
afterEach(() => {
  for (const source of opened.splice(0)) source.close();
});

const YAML = `
nodes:
  worker-1:
    names: [Worker-1.Example.com, localhost]
    addresses: [10.0.0.5, "FD00:0:0::5"]
    ranges: [10.1.0.0/28]
  worker-2: {}
`;
const CSV = `node,belongings
# by rack
worker-1, Worker-1.Example.com ,10.0.0.5,"FD00:0:0::5"
worker-1,10.1.0.0/28,localhost,

worker-2
`;

test.each([
  { format: "yaml", text: YAML },
  { format: "csv", text: CSV },
] as const)("$format is read", ({ format, text }) => {
  expect(Object.fromEntries(parseInventory(text, format))).toEqual({
    "worker-1": {
      names: new Set(["worker-1.example.com", "localhost", "10.0.0.5", "fd00::5"]),
      ranges: ["10.1.0.0/28"],
    },
    "worker-2": { names: new Set(), ranges: [] },
  });
});

test.each([
  { name: "no node", text: "nodes: { Worker: {} }", says: 'nodes."Worker" is no name of a node' },
  { name: "no DNS name", text: "nodes: { a: { names: [b c] } }", says: 'nodes."a".names[0]: "b c" is no DNS name' },
  { name: "an address as a name", text: "nodes: { a: { names: [10.0.0.1] } }", says: "names[0]" },
  { name: "no address", text: "nodes: { a: { addresses: [10.0.0] } }", says: "addresses[0]" },
  { name: "a range among addresses", text: "nodes: { a: { addresses: [10.0.0.0/8] } }", says: "addresses[0]" },
  { name: "no range", text: "nodes: { a: { ranges: [10.0.0.0] } }", says: "such as 10.0.0.0/24" },
  { name: "a node twice", text: "nodes: { a: {}, a: {} }", says: "not valid YAML" },
  { name: "an unknown key", text: "nodes: { a: { name: [b] } }", says: "name" },
  { name: "nothing", text: "", says: "expected object" },
])("YAML with $name is refused", ({ text, says }) => {
  expect(() => parseInventory(text, "yaml")).toThrow(says);
});

test.each([
  { name: "no node", text: "node\nWorker,10.0.0.1", says: 'line 2: "Worker" is no name of a node' },
  { name: "something else", text: "a,b c", says: 'line 1: "b c" is no DNS name' },
  { name: "no range", text: "a,10.0.0.0/99", says: "line 1" },
])("CSV with $name is refused", ({ text, says }) => {
  expect(() => parseInventory(text, "csv")).toThrow(says);
});

function open(name: string, text: string) {
  const file = join(directory, name);
  writeFileSync(file, text);
  const recording = recordingLogger();
  let changes = 0;
  const source = inventorySource(file, recording.logger, () => {
    changes += 1;
  });
  opened.push(source);
  return { file, source, lines: recording.lines, changes: () => changes };
}

test("what is listed for the node is shown, names and addresses exactly", () => {
  const { source } = open("nodes.csv", CSV);
  expect(source.show("worker-1", { kind: "dns", name: "localhost" })).toMatchObject({ isShown: true, isExact: true });
  expect(source.show("worker-1", { kind: "ip", name: "fd00::5" })).toMatchObject({ isShown: true, isExact: true });
  expect(source.show("worker-1", { kind: "ip", name: "10.1.0.15" })).toMatchObject({ isShown: true, isExact: false });
  expect(source.show("worker-1", { kind: "ip", name: "10.1.0.16" })).toMatchObject({
    isShown: false,
    cure: "list it for the node in nodes.csv",
  });
  expect(source.show("worker-2", { kind: "ip", name: "10.0.0.5" })).toMatchObject({ isShown: false });
  expect(source.show("worker-3", { kind: "ip", name: "10.0.0.5" })).toMatchObject({
    says: "nodes.csv has no such node",
  });
});

test("a changed file is read again; one that cannot be used leaves what was read before, and is reported once", () => {
  const { file, source, lines, changes } = open("nodes.yaml", "nodes: { a: { addresses: [10.0.0.1] } }");
  const has = (name: string) => source.show("a", { kind: "ip", name });
  const replace = (text: string) => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
    source.reload();
  };
  replace("nodes: { a: { addresses: [10.0.0.2] } }");
  expect([has("10.0.0.1"), has("10.0.0.2")]).toMatchObject([{ isShown: false }, { isShown: true }]);
  replace("nodes: { a: { addresses: [nonsense] } }");
  source.reload();
  expect(has("10.0.0.2")).toMatchObject({ isShown: true });
  expect(changes()).toBe(1);
  expect(lines.filter(({ level }) => level === "error")).toMatchObject([
    { problem: expect.stringContaining("nonsense"), file },
  ]);
  renameSync(file, `${file}.away`);
  source.reload();
  expect(has("10.0.0.2")).toMatchObject({ isShown: true });
  replace("nodes: {}");
  expect(has("10.0.0.2")).toMatchObject({ isShown: false });
});

test("a file that cannot be used at the start is named", () => {
  expect(() => inventorySource(join(directory, "none.yaml"), recordingLogger().logger)).toThrow("none.yaml");
  expect(() => open("bad.yaml", "nodes: 1")).toThrow("bad.yaml");
});
