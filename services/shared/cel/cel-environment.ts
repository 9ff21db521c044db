import { Environment } from "@marcbachmann/cel-js";
import { registerAddresses } from "./cel-addresses.ts";
import { registerConversions } from "./cel-conversions.ts";
import { CEL_LIMITS } from "./cel-limits.ts";
import { registerLists } from "./cel-lists.ts";
import { registerTexts, type TextContext } from "./cel-texts.ts";
import { registerTimeZones } from "./cel-time-zones.ts";
import { toCelValue } from "./cel-values.ts";

/** Type of a variable: a type of the language, or an object with declared fields. */
export type CelType =
  | "bool"
  | "int"
  | "double"
  | "string"
  | "timestamp"
  | "duration"
  | "dyn"
  | "list<string>"
  | "list<dyn>"
  | "map<string, string>"
  | "map<string, list<string>>"
  | "map<string, dyn>"
  | { readonly fields: Readonly<Record<string, CelType>> };

/** A value that is known when an expression is read. */
export type CelConstant = boolean | number | string | readonly string[];
export type CelConstants = Readonly<Record<string, CelConstant>>;

/** The library's names for what it calls by protobuf's. */
const LIBRARY_TYPES: Readonly<Record<string, string>> = {
  timestamp: "google.protobuf.Timestamp",
  duration: "google.protobuf.Duration",
};

type Schema = { [field: string]: string | Schema };

/** What one expression may speak of and call. Each expression has its own, with its own meter and patterns. */
export function environmentOf(
  variables: Readonly<Record<string, CelType>>,
  constants: CelConstants,
  context: TextContext,
): Environment {
  const environment = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: true,
    limits: {
      maxAstNodes: CEL_LIMITS.syntaxNodes,
      maxDepth: CEL_LIMITS.nesting,
      maxListElements: CEL_LIMITS.listLiteralElements,
      maxMapEntries: CEL_LIMITS.mapLiteralEntries,
      maxCallArguments: CEL_LIMITS.callArguments,
    },
  });
  registerConversions(environment);
  registerTexts(environment, context);
  registerLists(environment);
  registerAddresses(environment);
  registerTimeZones(environment);
  for (const [name, type] of Object.entries(variables)) {
    if (typeof type === "string") environment.registerVariable(name, libraryType(type));
    else environment.registerVariable({ name, schema: schemaOf(type.fields) });
  }
  for (const [name, value] of Object.entries(constants)) {
    environment.registerConstant(name, constantType(value), toCelValue(value));
  }
  return environment;
}

function constantType(value: CelConstant): string {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "int" : "double";
  return "list<string>";
}

function schemaOf(fields: Readonly<Record<string, CelType>>): Schema {
  return Object.fromEntries(
    Object.entries(fields).map(([field, type]) => [
      field,
      typeof type === "string" ? libraryType(type) : schemaOf(type.fields),
    ]),
  );
}

function libraryType(type: string): string {
  return LIBRARY_TYPES[type] ?? type;
}

const KNOWN_TYPES: ReadonlySet<unknown> = new Set<CelType>([
  ...(["bool", "int", "double", "string", "timestamp", "duration", "list<string>"] as const),
  ...(["map<string, string>", "map<string, list<string>>"] as const),
]);

/** The type that a variable must have to hold what the library calls a type; `dyn` where nothing closer is known. */
export function typeNamed(libraryName: string): CelType {
  const [known = libraryName] = Object.entries(LIBRARY_TYPES).find(([, name]) => name === libraryName) ?? [];
  if (KNOWN_TYPES.has(known)) return known as CelType;
  if (known === "list" || known.startsWith("list<")) return "list<dyn>";
  return known.startsWith("map<string,") ? "map<string, dyn>" : "dyn";
}
