import type { ServerResponse } from "node:http";
import type { Clock } from "../../../shared/clock.ts";
import type { TypedObject } from "../../../shared/kubernetes/json-object.ts";
import { MEDIA_TYPES, type OutputFormat, outputNegotiator } from "../../../shared/kubernetes/output-format.ts";
import { envelopeChunks, listMetaField, varintField } from "../../../shared/kubernetes/protobuf.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import { sendBytes } from "../call.ts";
import { renderObject } from "../object-answer.ts";
import { jsonItemOf, jsonLineOf, messageOf, presentable, protobufOf, untyped } from "./encoded-object.ts";
import { apiVersionOf, type ReadableType } from "./resource-api.ts";
import { type IncludedObject, partialOf, type TableForm, tableOf } from "./table.ts";

/** How one answer is written: what Accept asked for and the query options that go with it. */
export interface Rendering extends OutputFormat {
  readonly includeObject: IncludedObject;
}

/** What a type says of its lists. */
export type ListForm<T extends ApiObject> = Pick<ReadableType<T>, "names" | "version" | "columns" | "cells">;

type ListNames = Pick<ReadableType<ApiObject>, "names" | "version">;

const COMMA = Buffer.from(",");
const LIST_END = Buffer.from("]}\n");

/** @throws {StatusError} NotAcceptable. */
export const negotiateObject = outputNegotiator({ formats: ["json", "yaml", "protobuf"], conversions: true });
/** YAML has no form for streams. @throws {StatusError} NotAcceptable. */
export const negotiateWatch = outputNegotiator({ formats: ["json", "protobuf"], conversions: true });

/** Answers with one object. */
export function sendObject<T extends ApiObject>(
  response: ServerResponse,
  code: number,
  object: T,
  rendering: Rendering,
  { type, clock }: { readonly type: TableForm<T>; readonly clock: Clock },
): void {
  sendBytes(response, code, MEDIA_TYPES[rendering.format], renderOne(type, object, rendering, clock.now()));
}

function renderOne<T extends ApiObject>(type: TableForm<T>, object: T, rendering: Rendering, now: Date): Buffer {
  const { format, conversion, pretty } = rendering;
  if (conversion === "none" && format === "protobuf") return protobufOf(object, "one");
  if (conversion === "none" && format === "json" && !pretty) return jsonLineOf(object, "one");
  return renderObject(convert(type, object, rendering, now, true), rendering);
}

/** The object as it is asked for: itself, its metadata or a table of one row. */
export function convert<T extends ApiObject>(
  type: TableForm<T>,
  object: T,
  rendering: Rendering,
  now: Date,
  withColumns: boolean,
): TypedObject {
  const { conversion, conversionVersion: version, includeObject } = rendering;
  const { resourceVersion } = object.metadata;
  switch (conversion) {
    case "none":
      return presentable(object) as TypedObject;
    case "partial":
    case "partialList":
      return partialOf(object, version) as TypedObject;
    case "table":
      return tableOf(type, [object], resourceVersion, { version, includeObject }, now, withColumns) as TypedObject;
    default:
      return conversion satisfies never;
  }
}

/** A list in pieces, so that a long one need not stand in memory as a whole. */
export function* renderList<T extends ApiObject>(
  type: ListForm<T>,
  items: readonly T[],
  revision: number,
  rendering: Rendering,
  now: Date,
): Generator<Uint8Array> {
  const { format, conversion, pretty } = rendering;
  if (conversion === "none" && format === "protobuf") yield* protobufList(type, items, revision);
  else if (conversion === "none" && format === "json" && !pretty) yield* jsonList(type, items, revision);
  else yield renderObject(convertedList(type, items, String(revision), rendering, now), rendering);
}

function* jsonList(type: ListNames, items: readonly ApiObject[], revision: number): Generator<Uint8Array> {
  yield Buffer.from(
    `{"kind":"${listKindOf(type)}","apiVersion":"${apiVersionOf(type)}","metadata":{"resourceVersion":"${revision}"},"items":[`,
  );
  for (const [index, object] of items.entries()) {
    if (index > 0) yield COMMA;
    yield* jsonItemOf(object);
  }
  yield LIST_END;
}

function* protobufList(type: ListNames, items: readonly ApiObject[], revision: number): Generator<Uint8Array> {
  const chunks: Uint8Array[] = [listMetaField(String(revision))];
  for (const object of items) {
    const message = messageOf(object);
    chunks.push(varintField(0x12, message.length), message);
  }
  yield* envelopeChunks(apiVersionOf(type), listKindOf(type), chunks);
}

function convertedList<T extends ApiObject>(
  type: ListForm<T>,
  items: readonly T[],
  resourceVersion: string,
  { conversion, conversionVersion: version, includeObject }: Rendering,
  now: Date,
): TypedObject {
  const metadata = { resourceVersion };
  switch (conversion) {
    case "none":
      return { kind: listKindOf(type), apiVersion: apiVersionOf(type), metadata, items: items.map(untyped) };
    case "partial":
    case "partialList": {
      const partials = items.map((object) => partialOf(object, version));
      return { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${version}`, metadata, items: partials };
    }
    case "table":
      return tableOf(type, items, resourceVersion, { version, includeObject }, now, true) as TypedObject;
    default:
      return conversion satisfies never;
  }
}

function listKindOf({ names }: ListNames): string {
  return `${names.kind}List`;
}
