import { Environment } from "@marcbachmann/cel-js";
import { registerAddresses } from "./cel-addresses.ts";
import { registerConversions } from "./cel-conversions.ts";
import { CEL_LIMITS } from "./cel-limits.ts";
import { registerLists } from "./cel-lists.ts";
import { registerTexts, type TextContext } from "./cel-texts.ts";

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

/** The library's names for what it calls by protobuf's. */
const LIBRARY_TYPES: Readonly<Record<string, string>> = {
  timestamp: "google.protobuf.Timestamp",
  duration: "google.protobuf.Duration",
};

type Schema = { [field: string]: string | Schema };

/** What one expression may speak of and call. Each expression has its own, with its own meter and patterns. */
export function environmentOf(variables: Readonly<Record<string, CelType>>, context: TextContext): Environment {
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
  for (const [name, type] of Object.entries(variables)) {
    if (typeof type === "string") environment.registerVariable(name, libraryType(type));
    else environment.registerVariable({ name, schema: schemaOf(type.fields) });
  }
  return environment;
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
