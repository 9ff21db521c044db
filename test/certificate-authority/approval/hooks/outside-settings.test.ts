import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { scriptShape } from "../../../../services/certificate-authority/approval/hooks/script-settings.ts";
import { loadConfiguration } from "../../../../services/certificate-authority/configuration.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";

const EXAMPLE = readFileSync(join(import.meta.dirname, "../../../../config/examples/gatehouse.yaml"), "utf8");

/** What a configuration file with these hooks means, the file being in `directory`. */
function hooksOf(hooks: readonly object[], directory = temporaryDirectory()) {
  const configFile = join(directory, "gatehouse.yaml");
  const head = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
  writeFileSync(configFile, JSON.stringify({ ...head, approval: { hooks } }));
  return loadConfiguration({ configFile }).approval.hooks;
}

test("every setting of a script hook stands in the example", () => {
  for (const key of [...Object.keys(scriptShape), "pass", "set"]) expect(EXAMPLE).toContain(`${key}:`);
});

test("a script's defaults are bounded, and its paths relative to the file", () => {
  const directory = temporaryDirectory();
  expect(hooksOf([{ script: { command: ["hooks/check", "a/b"], workingDirectory: "w" } }], directory)).toEqual([
    {
      script: {
        required: false,
        timeoutSeconds: 10,
        concurrency: 8,
        command: [join(directory, "hooks/check"), "a/b"],
        environment: { pass: [], set: {} },
        workingDirectory: join(directory, "w"),
        outputLimitBytes: 65_536,
        mode: "once",
        allowWritableProgram: false,
      },
    },
  ]);
});

test.each([
  { name: "no command", script: {} },
  { name: "an empty command", script: { command: [] } },
  { name: "a NUL in an argument", script: { command: ["/bin/true", "a\0b"] } },
  { name: "a variable with an equals sign", script: { command: ["/bin/true"], environment: { set: { "A=B": "c" } } } },
  { name: "an endless time limit", script: { command: ["/bin/true"], timeoutSeconds: 0 } },
  { name: "an unknown key", script: { command: ["/bin/true"], shell: true } },
])("a script with $name is refused", ({ script }) => {
  expect(() => hooksOf([{ script }])).toThrow("approval.hooks");
});
