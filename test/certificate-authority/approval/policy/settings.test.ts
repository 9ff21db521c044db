import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { loadConfiguration } from "../../../../services/certificate-authority/configuration.ts";
import { openPolicy } from "../../../builders/policy.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";

const HEAD = "apiVersion: gatehouse.dev/v1\nkind: GatehouseConfiguration\n";
const EXAMPLES = join(import.meta.dirname, "../../../../config/examples");
const directory = temporaryDirectory();

function hooksOf(hooks: string) {
  const configFile = join(directory, "gatehouse.yaml");
  writeFileSync(configFile, `${HEAD}approval:\n  hooks:\n${hooks}`);
  return loadConfiguration({ configFile }).approval.hooks;
}

test("files are relative to the configuration, and what is left out has its default", () => {
  expect(hooksOf("    - policy: { file: p.yaml }\n    - policy: { name: b, rules: [{ include: q.yaml }] }\n")).toEqual([
    { policy: { required: false, file: join(directory, "p.yaml") } },
    { policy: { required: false, name: "b", rules: [{ include: join(directory, "q.yaml") }] } },
  ]);
});

test.each([
  { name: "neither file nor rules", policy: {}, says: /a policy has either a file or rules/ },
  { name: "both", policy: { file: "a", rules: [{ name: "a", deny: "true" }] }, says: /a policy has either/ },
  { name: "variables of a file", policy: { file: "a", variables: { a: "1" } }, says: /are set in the file/ },
])("$name is refused", ({ policy, says }) => {
  expect(() => hooksOf(`    - policy: ${JSON.stringify(policy)}\n`)).toThrow(says);
});

test("every key stands in the example, which can be used when its hash signs are taken away", () => {
  const text = readFileSync(join(EXAMPLES, "gatehouse.yaml"), "utf8");
  const [section = ""] = / {4}# - policy:.*\n( {4}# {5,}.*\n)+/.exec(text) ?? [];
  const file = section.replaceAll(/^ {4}# /gm, "    ");
  const [named] = hooksOf(file);
  expect(named).toEqual({ policy: { required: false, file: join(directory, "../policies/example.yaml") } });
  const [inline] = hooksOf(file.replaceAll(/^ {8}# /gm, "        ").replace(/^ *file:.*\n/m, ""));
  if (inline === undefined || !("policy" in inline)) throw new Error("the example has no policy");
  const [first, second] = inline.policy.rules ?? [];
  expect(Object.keys(first ?? {})).toEqual(["library", "as", "when", "with"]);
  const keys = ["message", "messageExpression", "name", "otherwise", "reason", "require", "when"];
  expect(Object.keys(second ?? {}).sort()).toEqual(keys);
  expect(openPolicy(inline.policy).name).toBe("policy");
});
