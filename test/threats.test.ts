import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const ROOT = join(import.meta.dirname, "..");

interface Cited {
  readonly file: string;
  readonly title: string;
}

/** The tests that the tables of the chapter "Threats" name: `` `room/file`: title ``, several parted by semicolons. */
function cited(): readonly Cited[] {
  const page = readFileSync(join(ROOT, "services", "README.md"), "utf8");
  const [, chapter = ""] = page.split(/^## Threats$/m);
  const rows = chapter.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| ---"));
  const cells = rows.slice(1).map((row) => row.split(" | ")[3]?.replace(/ \|$/, "") ?? "");
  return cells.flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`: (.+?)(?=; `|$)/g)].map(([, file = "", title = ""]) => ({ file, title })),
  );
}

/** A test of a room, or of what stands beside the service. */
function pathOf(file: string): string | undefined {
  const places = [join(ROOT, "test", "certificate-authority", file), join(ROOT, "test", file)];
  return places.map((place) => `${place}.test.ts`).find(existsSync);
}

test("every threat names a test", () => {
  expect(cited().length).toBeGreaterThan(40);
});

test.each(cited())("$file has the test: $title", ({ file, title }) => {
  const path = pathOf(file);
  expect(path).toBeDefined();
  expect(readFileSync(path ?? "", "utf8")).toContain(title);
});
