import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { z } from "zod";
import { PolicyError } from "./problems.ts";
import { type PolicyFile, type PolicyInclude, policyFileSchema } from "./schema.ts";

const MAXIMUM_BYTES = 1024 * 1024;

/** The files of rules that come with Gatehouse: in a checkout beside `services`, in an installation beside `dist`. */
const LIBRARY = fileURLToPath(new URL("../../../../../config/policies/", import.meta.url));

/** The file an entry leads to; relative ones are beside the file that the entry is in. */
export function includedFile(entry: PolicyInclude, base: string): string {
  return "library" in entry ? join(LIBRARY, `${entry.library}.yaml`) : resolve(base, entry.include);
}

/** @throws {PolicyError} with every problem of the file by its path in it. */
export function readPolicyFile(file: string): PolicyFile {
  const document = parse(readText(file), file);
  const [problem] = document.errors;
  if (problem !== undefined) throw new PolicyError([`${file}: is not valid YAML: ${firstLine(problem.message)}`]);
  const parsed = policyFileSchema.safeParse(toPlain(document, file));
  if (parsed.success) return parsed.data;
  throw new PolicyError(
    parsed.error.issues.map(({ path, message }) => {
      const place = path.length > 0 ? ` ${z.core.toDotPath(path)}` : "";
      return `${file}:${place}${nameAt(document, path)}: ${message}`;
    }),
  );
}

/** The directory that the paths of a file are relative to. */
export function baseOf(file: string): string {
  return dirname(file);
}

function readText(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > MAXIMUM_BYTES) throw new Error(`it is larger than ${MAXIMUM_BYTES} bytes`);
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new PolicyError([`${file}: cannot be read: ${(cause as Error).message}`]);
  }
}

/** Nesting without end ends the stack. */
function parse(text: string, file: string): ReturnType<typeof parseDocument> {
  try {
    return parseDocument(text);
  } catch (cause) {
    throw new PolicyError([`${file}: is not valid YAML: ${(cause as Error).message}`]);
  }
}

function toPlain(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new PolicyError([`${file}: is not valid YAML: ${(cause as Error).message}`]);
  }
}

/** The name of the rule that a path leads into, where it has one. */
function nameAt(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): string {
  const [list, index] = path;
  const name = list === "rules" && typeof index === "number" ? document.getIn([list, index, "name"]) : undefined;
  return typeof name === "string" ? ` (${name})` : "";
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
