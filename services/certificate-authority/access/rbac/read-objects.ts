import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import type { z } from "zod";
import { objectKey, type RbacObject } from "./objects.ts";
import { rbacObjectSchema } from "./schema.ts";

/** RBAC objects that cannot be used. `problems` names each one by where it stands, e.g. `viewer.yaml[1].rules[0].verbs`. */
export class RbacObjectsError extends Error {
  override readonly name = "RbacObjectsError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`RBAC objects are not valid:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}

/** Parsed YAML documents and the name they are called by in problems. */
export interface RbacSource {
  readonly origin: string;
  readonly documents: readonly unknown[];
}

/**
 * Checks parsed YAML documents: the four RBAC kinds, or lists of them (`kind: List`, `ClusterRoleList`, …).
 *
 * @throws {RbacObjectsError} naming every problem, an object that occurs twice included.
 */
export function readRbacObjects(sources: readonly RbacSource[]): readonly RbacObject[] {
  const problems: string[] = [];
  const objects = new Map<string, RbacObject>();
  for (const { where, value } of sources.flatMap(documentsOf)) {
    const parsed = rbacObjectSchema.safeParse(value);
    if (!parsed.success) {
      problems.push(...parsed.error.issues.flatMap((issue) => describe(where, issue)));
      continue;
    }
    const key = objectKey(parsed.data);
    if (objects.has(key))
      problems.push(`${where}.metadata.name: ${parsed.data.kind} "${parsed.data.name}" occurs twice`);
    objects.set(key, parsed.data);
  }
  if (problems.length > 0) throw new RbacObjectsError(problems);
  return [...objects.values()];
}

/**
 * Reads RBAC objects from YAML files of any number of documents.
 *
 * @throws {RbacObjectsError} naming every file that cannot be read and every problem in the others.
 */
export function readRbacFiles(paths: readonly string[]): readonly RbacObject[] {
  const problems: string[] = [];
  const sources: RbacSource[] = [];
  for (const path of paths) {
    try {
      sources.push({ origin: path, documents: yamlDocuments(path) });
    } catch (error) {
      problems.push(`${path}: ${(error as Error).message}`);
    }
  }
  if (problems.length > 0) throw new RbacObjectsError(problems);
  return readRbacObjects(sources);
}

function yamlDocuments(path: string): readonly unknown[] {
  const documents = parseAllDocuments(readFileSync(path, "utf8"));
  return [...documents].map((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  });
}

interface Located {
  readonly where: string;
  readonly value: unknown;
}

/** The objects of a source, lists opened, empty documents (a leading or trailing `---`) left out. */
function documentsOf({ origin, documents }: RbacSource): readonly Located[] {
  return documents.flatMap((value, index): readonly Located[] => {
    if (value === null || value === undefined) return [];
    const where = `${origin}[${index}]`;
    if (!isList(value)) return [{ where, value }];
    return value.items.map((item, position) => ({ where: `${where}.items[${position}]`, value: item }));
  });
}

function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  const { kind, items } = Object(value) as { kind?: unknown; items?: unknown };
  return typeof kind === "string" && kind.endsWith("List") && Array.isArray(items);
}

function describe(where: string, issue: z.core.$ZodIssue): readonly string[] {
  const at = where + issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => `${at}.${key}: unknown key`);
  return [`${at}: ${issue.message}`];
}
