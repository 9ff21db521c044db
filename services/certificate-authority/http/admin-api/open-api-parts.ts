import { z } from "zod";
import { JSON_TYPE, PEM_TYPE } from "../negotiation.ts";

/** A piece of an OpenAPI document. */
export type Json = Readonly<Record<string, unknown>>;

export const TEXT: Json = { schema: { type: "string" } };

export function operation(operationId: string, summary: string, responses: Json): Json {
  const failure = { description: "What was wrong", content: json("Status") };
  return { operationId, summary, tags: ["gatehouse_v1"], responses: { ...responses, default: failure } };
}

export function answer(schema: string, asPem = false): Json {
  return { 200: { description: "OK", content: { ...json(schema), ...(asPem && { [PEM_TYPE]: TEXT }) } } };
}

export function json(schema: string): Json {
  return { [JSON_TYPE]: { schema: { $ref: `#/components/schemas/${schema}` } } };
}

export function pathParameter(name: string, description: string): Json {
  return { name, in: "path", required: true, description, schema: { type: "string" } };
}

export function queryParameters(query: z.ZodObject): readonly Json[] {
  const { properties } = toSchema(query, "input") as { properties: Readonly<Record<string, Json>> };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    description,
    schema,
  }));
}

export function toSchema(schema: z.ZodType, io: "input" | "output"): Json {
  return z.toJSONSchema(schema, { target: "openapi-3.0", io });
}
