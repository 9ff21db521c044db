import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";
import { StatusError } from "../status-error.ts";
import { MAX_DEPTH, type ParsedText } from "./json-text.ts";

/** YAML takes a thousand times longer to read than JSON, so less of it is read. */
const MAX_YAML_BYTES = 128 * 1024;
const MAX_ALIASES = 100;
const MAX_DUPLICATES = 100;

/**
 * Parses one YAML document of the JSON subset: maps with string keys, lists, scalars.
 *
 * @throws {StatusError} BadRequest when the text is no such YAML, nests too deeply or leans on aliases too much;
 *   RequestEntityTooLarge past `MAX_YAML_BYTES`.
 */
export function parseYamlText(text: string): ParsedText {
  if (text.length > MAX_YAML_BYTES) {
    throw new StatusError("RequestEntityTooLarge", `a YAML body may have at most ${MAX_YAML_BYTES} bytes; send JSON`);
  }
  requireShallow(text);
  try {
    // The parser's own search for duplicate keys takes quadratic time.
    const document = parseDocument(text, { uniqueKeys: false, merge: true, logLevel: "error", prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const walk: Walk = { duplicates: [], aliases: 0 };
    visitNode(document.contents, "", 0, walk);
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown, duplicates: walk.duplicates };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "unreadable";
    throw new StatusError("BadRequest", `the body is not valid YAML: ${reason}`, { cause });
  }
}

/** Refuses flow nesting before the parser, which is recursive, meets it. Brackets in strings count too: few have many. */
function requireShallow(text: string): void {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x7d || code === 0x5d) depth = Math.max(0, depth - 1);
  }
  if (deepest > 4 * MAX_DEPTH) throw new StatusError("BadRequest", "the body is nested too deeply");
}

interface Walk {
  readonly duplicates: string[];
  aliases: number;
}

function visitNode(node: Node | null, path: string, depth: number, walk: Walk): void {
  if (depth > MAX_DEPTH) throw new Error("nested too deeply");
  // The library searches the whole document for the anchor of each alias.
  if (isAlias(node) && ++walk.aliases > MAX_ALIASES) throw new Error("too many aliases");
  if (isSeq<Node>(node)) {
    node.items.forEach((item, index) => {
      visitNode(item, `${path}[${index}]`, depth + 1, walk);
    });
    return;
  }
  if (!isMap<Node, Node | null>(node)) return;
  const keys = new Set<string>();
  for (const { key, value } of node.items) {
    const name = keyOf(key);
    const fieldPath = path === "" ? name : `${path}.${name}`;
    if (keys.has(name) && walk.duplicates.length < MAX_DUPLICATES) walk.duplicates.push(fieldPath);
    keys.add(name);
    visitNode(value, fieldPath, depth + 1, walk);
  }
}

function keyOf(key: Node): string {
  if (isAlias(key) || !isScalar(key)) throw new Error("a key is no plain scalar");
  return String(key.value);
}
