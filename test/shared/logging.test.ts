import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { toText } from "../../services/shared/logging.ts";

function logged(expression: string, options: object): string {
  const module = join(import.meta.dirname, "../../services/shared/logging.ts");
  const program = `import { createLogger } from ${JSON.stringify(module)}; const logger = createLogger(${JSON.stringify(options)}); ${expression}`;
  const command = ["--input-type=module-typescript", "--disable-warning=ExperimentalWarning", "-e", program];
  return execFileSync("sh", ["-c", '"$0" "$@" 2>&1', process.execPath, ...command], { encoding: "utf8" });
}

test("a line is one JSON object on standard error", () => {
  const line = JSON.parse(logged('logger.warn({ node: "a" }, "careful")', { level: "info" }));
  expect(line).toMatchObject({ level: "warn", node: "a", msg: "careful" });
  expect(new Date(line.time).getTime()).not.toBeNaN();
});

test("lines below the level are dropped", () => {
  expect(logged('logger.info("no")', { level: "warn" })).toBe("");
});

test("secrets are blotted out where they usually stand", () => {
  const secrets =
    '{ token: "s3cret", request: { authorization: "s3cret", headers: { cookie: "s3cret" } }, privateKey: "s3cret" }';
  const text = logged(`logger.info(${secrets}, "m")`, { level: "info" });
  expect(text).not.toContain("s3cret");
  expect(text.match(/\[redacted\]/g)).toHaveLength(4);
});

test("text is for people", () => {
  const text = logged('logger.info({ port: 1, path: "a b" }, "listening")', { level: "info", format: "text" });
  expect(text).toMatch(/^\d\d:\d\d:\d\d info {2}listening port=1 path=a b\n$/);
  expect(toText('{"level":"error","time":"2026-01-02T03:04:05.678Z","err":{"type":"X"},"msg":"bad"}')).toBe(
    '03:04:05 error bad err={"type":"X"}\n',
  );
});
