import { type FieldRequirement, parseFieldSelector } from "../../../shared/kubernetes/field-selector.ts";
import { parseLabelSelector } from "../../../shared/kubernetes/label-selector.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import type { ReadableType } from "./resource-api.ts";

/** Which objects a list, watch or deletecollection is about. */
export interface Selection<T extends ApiObject> {
  /** The one name it can only be about; undefined for any. */
  readonly name: string | undefined;
  /** Undefined when every object, or every one of that name, is meant. */
  readonly matches: ((object: T) => boolean) | undefined;
}

const NAME = "metadata.name";
const EVERYTHING: Selection<ApiObject> = { name: undefined, matches: undefined };

/** How the value of a field that may be selected by is read. */
type SelectableFields<T extends ApiObject> = ReadableType<T>["fields"];

/** @throws {StatusError} BadRequest when a selector is not understood. */
export function selectionOf<T extends ApiObject>(
  query: URLSearchParams,
  selectable: SelectableFields<T>,
): Selection<T> {
  const fieldText = query.get("fieldSelector") ?? "";
  const labelText = query.get("labelSelector") ?? "";
  if (fieldText === "" && labelText === "") return EVERYTHING;
  const fields = parseFieldSelector(fieldText, [NAME, ...Object.keys(selectable)]);
  const name = fields.find(({ field, equal, value }) => field === NAME && equal && value !== "")?.value;
  if (labelText === "" && name !== undefined && fields.length === 1) return { name, matches: undefined };
  const matchesLabels = parseLabelSelector(labelText);
  return {
    name,
    matches: (object) =>
      fields.every((field) => matchesField(field, object, selectable)) && matchesLabels(object.metadata.labels),
  };
}

function matchesField<T extends ApiObject>(
  { field, equal, value }: FieldRequirement,
  object: T,
  selectable: SelectableFields<T>,
): boolean {
  const actual = field === NAME ? object.metadata.name : selectable[field]?.(object);
  return (actual === value) === equal;
}

/** What the ports take. */
export function portSelection({ name }: Pick<Selection<ApiObject>, "name">): { readonly name?: string } {
  return name === undefined ? {} : { name };
}
