import type { Clock } from "../../../shared/clock.ts";
import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import type { ObjectMeta } from "../../../shared/kubernetes/object-meta.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import type { ApiObject, ResourceName } from "../../domain/api-object.ts";
import type { DraftMeta } from "../../domain/draft.ts";
import type { ObjectReader, RemovalPreconditions } from "../../domain/ports.ts";
import type { ObjectChange, Removal, WriteOptions, Written } from "../../registry/contract.ts";
import type { WatchRegistry } from "./watch-registry.ts";

/** What is sent of any object: metadata, and what its kind makes of the rest. */
export interface MetaDraft {
  readonly metadata: DraftMeta;
}

/** A column of the table that `kubectl get` prints. */
export interface Column {
  readonly name: string;
  readonly type: "string" | "date";
  /** `name` for the name, else empty. */
  readonly format: string;
  readonly description: string;
  /** 0, or 1 for what only `-o wide` shows. */
  readonly priority: 0 | 1;
}

/** What one kind of object is like on the wire. */
export interface ResourceType<T extends ApiObject, Draft extends MetaDraft> {
  readonly names: ResourceName;
  readonly version: string;
  /** The one namespace that has such objects; absent when they are the cluster's. */
  readonly namespace?: string;
  /** What field selectors may speak of besides `metadata.name`. */
  readonly fields: Readonly<Record<string, (object: T) => string>>;
  /** An object with nothing in it, as a bookmark is where it is shown as a table. */
  readonly blank: T;
  readonly columns: readonly Column[];
  /** The cells of an object's row, in the order of the columns. */
  readonly cells: (object: T, now: Date) => readonly string[];
  /** @param decoded - each field has its type or is missing. */
  toDraft(metadata: DraftMeta, decoded: JsonObject): Draft;
}

/** What a caller may change. What each method throws, and in which order, is the implementation's. */
export interface ResourceWrites<T extends ApiObject, Draft, Target extends string> {
  create(requester: UserInfo, draft: Draft, options: WriteOptions): Promise<T>;
  update(
    requester: UserInfo,
    name: string,
    target: Target,
    change: ObjectChange<T, Draft>,
    options: WriteOptions,
  ): Promise<Written<T>>;
  remove(
    requester: UserInfo,
    name: string,
    preconditions: RemovalPreconditions,
    options: WriteOptions,
  ): Promise<Removal<T>>;
}

/** What answers need that is not about one kind. */
export interface ServingParts {
  readonly watches: WatchRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One kind of object as it is served: get, list, watch, create, update, patch, delete, deletecollection. */
export interface ResourceApi<T extends ApiObject, Draft extends MetaDraft, Target extends string> extends ServingParts {
  readonly type: ResourceType<T, Draft>;
  readonly reader: ObjectReader<T>;
  readonly writes: ResourceWrites<T, Draft, Target>;
  /** What a subresource's name in the URL means for a write; the empty name is the object itself. */
  readonly targets: ReadonlyMap<string, Target>;
  /** What may be done; everything when absent. */
  readonly verbs?: ReadonlySet<string>;
}

/** The metadata of an object that has none. */
export const BLANK_META: ObjectMeta = { name: "", uid: "", resourceVersion: "", creationTimestamp: "" };

export function apiVersionOf({ names, version }: Pick<ReadableType<ApiObject>, "names" | "version">): string {
  return names.group === "" ? version : `${names.group}/${version}`;
}

/** What reading takes of an API; what is written does not matter to it. */
export interface ReadingApi<T extends ApiObject> extends ServingParts {
  readonly type: ReadableType<T>;
  readonly reader: ObjectReader<T>;
}

/** A type without what only writing needs. */
export type ReadableType<T extends ApiObject> = Omit<ResourceType<T, MetaDraft>, "toDraft">;
