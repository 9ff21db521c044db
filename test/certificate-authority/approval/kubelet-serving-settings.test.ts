import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parseInventory } from "../../../services/certificate-authority/approval/evidence/inventory-file.ts";
import { loadConfiguration } from "../../../services/certificate-authority/configuration.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

const HEAD = "apiVersion: gatehouse.dev/v1\nkind: GatehouseConfiguration\n";
const EXAMPLES = join(import.meta.dirname, "../../../config/examples");
const directory = temporaryDirectory();

function file(text: string): string {
  const path = join(directory, "gatehouse.yaml");
  writeFileSync(path, text);
  return path;
}

test("kubelet-serving: what is left out has its default, and files are relative to the configuration", () => {
  const sources =
    "[inventory: { file: n.yaml }, nodeObject: { kubeconfigFile: k }, nameSuffixes: {}, addressRanges: [{ ranges: [10.0.0.0/8] }]]";
  const configFile = file(`${HEAD}approval: { hooks: [{ kubelet-serving: { sources: ${sources} } }] }\n`);
  expect(loadConfiguration({ configFile }).approval.hooks).toEqual([
    {
      "kubelet-serving": {
        required: false,
        otherwise: "noOpinion",
        unique: true,
        clusterDomain: "cluster.local",
        reserved: [],
        timeoutSeconds: 10,
        concurrency: 8,
        sources: [
          { inventory: { file: join(directory, "n.yaml") } },
          { nodeObject: { kubeconfigFile: join(directory, "k"), timeoutSeconds: 5 } },
          { nameSuffixes: { bareNodeName: true, suffixes: [] } },
          { addressRanges: [{ ranges: ["10.0.0.0/8"] }] },
        ],
      },
    },
  ]);
});

test.each([
  { name: "no sources", serving: "{ sources: [] }" },
  { name: "an unknown source", serving: "{ sources: [{ magic: {} }] }" },
  { name: "a range that is none", serving: "{ sources: [{ addressRanges: [{ ranges: [10.0.0.0] }] }] }" },
  { name: "suffixes that show nothing", serving: "{ sources: [{ nameSuffixes: { bareNodeName: false } }] }" },
  { name: "a suffix with a dot before it", serving: "{ sources: [{ nameSuffixes: { suffixes: [.example.com] } }] }" },
  { name: "DNS without ranges", serving: "{ sources: [{ dns: { suffixes: [example.com] } }] }" },
  { name: "a name server by name", serving: "{ sources: [{ dns: { ranges: [10.0.0.0/8], servers: [ns] } }] }" },
  { name: "something reserved that is none", serving: '{ sources: [{ nameSuffixes: {} }], reserved: ["*"] }' },
])("kubelet-serving with $name is refused", ({ serving }) => {
  const configFile = file(`${HEAD}approval: { hooks: [{ kubelet-serving: ${serving} }] }\n`);
  expect(() => loadConfiguration({ configFile })).toThrow("approval.hooks[0]");
});

test("the inventory beside the example can be used", () => {
  const text = readFileSync(join(EXAMPLES, "nodes.yaml"), "utf8");
  expect([...parseInventory(text, "yaml").keys()]).toEqual(["worker-1", "worker-2"]);
});

test("every key stands in the example, which can be used when its hash signs are taken away", () => {
  const text = readFileSync(join(EXAMPLES, "gatehouse.yaml"), "utf8");
  const [section] = / {4}# - kubelet-serving:.*\n( {4}# {5,}.*\n)+/.exec(text) ?? [""];
  const hooks = section.replaceAll(/^ {4}# /gm, "    ");
  const configFile = file(`${HEAD}approval:\n  hooks:\n    - manual: {}\n${hooks}`);
  const [, hook] = loadConfiguration({ configFile }).approval.hooks;
  if (hook === undefined || !("kubelet-serving" in hook)) throw new Error("the example has no kubelet-serving");
  const { sources, ...others } = hook["kubelet-serving"];
  expect(Object.keys(others).sort()).toEqual(
    ["required", "otherwise", "unique", "clusterDomain", "reserved", "timeoutSeconds", "concurrency"].sort(),
  );
  expect(sources.flatMap((source) => Object.keys(source))).toEqual([
    "inventory",
    "attestation",
    "nodeObject",
    "nameSuffixes",
    "dns",
    "addressRanges",
  ]);
});
