import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { scriptShape } from "../../../../services/certificate-authority/approval/hooks/script-settings.ts";
import { webhookShape } from "../../../../services/certificate-authority/approval/hooks/webhook-settings.ts";
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

test("every setting of a webhook stands in the example", () => {
  const nested = ["secretFile", "secretEnvironment", "verifyAnswers", "failures", "openSeconds", "file", "environment"];
  for (const key of [...Object.keys(webhookShape), ...nested]) expect(EXAMPLE).toContain(`${key}:`);
});

test("a webhook's defaults are bounded, and its paths relative to the file", () => {
  const directory = temporaryDirectory();
  const at = (name: string): string => join(directory, name);
  const url = "https://approver.example.com/review";
  const files = { certificateAuthorityFile: "ca", clientCertificateFile: "crt", clientKeyFile: "key" };
  const headers = { A: "plain", Authorization: { file: "token" } };
  expect(hooksOf([{ webhook: { url, ...files, hmac: { secretFile: "s" }, headers } }], directory)).toEqual([
    {
      webhook: {
        ...{ required: false, timeoutSeconds: 10, concurrency: 8, url },
        ...{ certificateAuthorityFile: at("ca"), clientCertificateFile: at("crt"), clientKeyFile: at("key") },
        hmac: { secretFile: at("s"), verifyAnswers: false },
        headers: { A: "plain", Authorization: { file: at("token") } },
        ...{ format: "gatehouse", retries: 2, circuitBreaker: { failures: 5, openSeconds: 30 } },
        ...{ answerLimitBytes: 65_536, allowPlainHttp: false, allowUnauthenticated: false },
      },
    },
  ]);
});

const SIGNED = { url: "https://a.example", hmac: { secretFile: "s" } };

test.each([
  { name: "no way to be known", webhook: { url: "https://a.example" } },
  { name: "http beyond loopback", webhook: { ...SIGNED, url: "http://10.0.0.1/", allowPlainHttp: true } },
  { name: "http that was not chosen", webhook: { ...SIGNED, url: "http://127.0.0.1/" } },
  { name: "a password in the URL", webhook: { ...SIGNED, url: "https://me:secret@a.example" } },
  { name: "another protocol", webhook: { ...SIGNED, url: "ftp://a.example" } },
  { name: "a certificate without its key", webhook: { ...SIGNED, clientCertificateFile: "c" } },
  { name: "two secrets", webhook: { ...SIGNED, hmac: { secretFile: "s", secretEnvironment: "S" } } },
  { name: "a secret header in the file", webhook: { ...SIGNED, headers: { authorization: "Bearer sesame" } } },
  { name: "a header of ours", webhook: { ...SIGNED, headers: { "Gatehouse-Signature": "v1=00" } } },
  { name: "a header of two lines", webhook: { ...SIGNED, headers: { A: "b\r\nC: d" } } },
])("a webhook with $name is refused", ({ webhook }) => {
  expect(() => hooksOf([{ webhook }])).toThrow("approval.hooks");
});

test.each(["http://127.0.0.1:8181/", "http://localhost/", "http://[::1]:8181/v1/data/a"])("%s is loopback", (url) => {
  expect(hooksOf([{ webhook: { ...SIGNED, url, allowPlainHttp: true } }])).toHaveLength(1);
});
