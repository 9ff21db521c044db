import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "@jest/globals";

const made: string[] = [];

afterAll(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** A new directory, which is removed when the tests of the file have ended. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "gatehouse-test-"));
  made.push(path);
  return path;
}
