import { humanDuration } from "../../../shared/kubernetes/human-duration.ts";
import type { ObjectMeta } from "../../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import { presentable, presentableMeta } from "./encoded-object.ts";
import type { Column } from "./resource-api.ts";

/** What a row carries besides its cells (query option `includeObject`). */
export type IncludedObject = "Metadata" | "Object" | "None";

/** @throws {StatusError} BadRequest. Read only when a Table is asked for. */
export function includedObjectOf(query: URLSearchParams): IncludedObject {
  const value = query.get("includeObject") || "Metadata";
  if (value === "Metadata" || value === "Object" || value === "None") return value;
  throw new StatusError("BadRequest", "includeObject must be 'Metadata', 'Object', 'None' or empty");
}

export interface TableOptions {
  readonly version: "v1" | "v1beta1";
  readonly includeObject: IncludedObject;
}

/** What a type says of its tables. */
export interface TableForm<T extends ApiObject> {
  readonly columns: readonly Column[];
  readonly cells: (object: T, now: Date) => readonly string[];
}

/**
 * The rows that `kubectl get` prints.
 *
 * @param withColumns - false for the later events of a watch.
 * Source: kubernetes pkg/printers/internalversion/printers.go.
 */
export function tableOf<T extends ApiObject>(
  { columns, cells }: TableForm<T>,
  items: readonly T[],
  resourceVersion: string,
  { version, includeObject }: TableOptions,
  now: Date,
  withColumns: boolean,
): object {
  const definitions = columns.map(({ name, type, format, description, priority }) => {
    return { name, type, format, description, priority };
  });
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: resourceVersion === "" ? {} : { resourceVersion },
    columnDefinitions: withColumns ? definitions : null,
    rows: items.map((object) => ({
      cells: cells(object, now),
      object: rowObject(object, version, includeObject),
    })),
  };
}

/** How long ago the object was created, for people. */
export function ageOf({ creationTimestamp }: ObjectMeta, now: Date): string {
  const created = Date.parse(creationTimestamp);
  return Number.isNaN(created) ? "<unknown>" : humanDuration((now.getTime() - created) / 1000);
}

function rowObject(object: ApiObject, version: string, included: IncludedObject): object | null {
  if (included === "None") return null;
  return included === "Object" ? presentable(object) : partialOf(object, version);
}

/** Only the metadata (`as=PartialObjectMetadata`). */
export function partialOf(object: ApiObject, version: string): { apiVersion: string; kind: string } {
  const metadata = presentableMeta(object.metadata);
  const partial = { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${version}`, metadata };
  return partial;
}
