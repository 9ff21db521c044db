import type { UserInfo } from "../../shared/user-info.ts";
import type { ApiObject, ResourceName } from "../domain/api-object.ts";
import type { DraftMeta } from "../domain/draft.ts";
import type { FieldError } from "../domain/field-error.ts";
import type { RemovalPreconditions } from "../domain/ports.ts";

export interface WriteOptions {
  /** Everything but persistence and its events: no resourceVersion on the answer of a create. */
  readonly dryRun: boolean;
}

/** What a client sent: its shape checked and normalised, its meaning not yet judged. */
export interface ObjectDraft<Content> {
  readonly metadata: DraftMeta;
  readonly content: Content;
}

/**
 * Maps the stored object to what the client wants: the body of a PUT, or a patch applied to `current`. Called with
 * undefined when there is no such object: a PUT returns its body all the same, a patch throws NotFound. Called again
 * after an internal conflict when the draft carries no resourceVersion.
 */
export type ObjectChange<T, Draft> = (current: T | undefined) => Draft;

export interface Written<T> {
  readonly object: T;
  /** A PUT made an object that was not there. */
  readonly isNew: boolean;
  /** What the caller should know although the write was taken. */
  readonly warnings?: readonly string[];
}

export interface Removal<T> {
  /** The last state of the object, or its state with a deletionTimestamp. */
  readonly object: T;
  /** False when finalizers still hold the object. */
  readonly removed: boolean;
}

/** What makes one kind of object different from another. */
export interface ObjectRules<T extends ApiObject, Content> {
  readonly names: ResourceName;
  /** Whether a PUT of a name that is not there makes it. */
  readonly createsOnUpdate: boolean;
  build(metadata: T["metadata"], content: Content): T;
  /** Every rule that the content breaks; metadata are judged for every kind alike. */
  validate(object: T): FieldError[];
  /** Every further rule that only a change can break. */
  validateChange(before: T, after: T): FieldError[];
  /** @throws {StatusError} Forbidden when the requester may not store such an object. Asked before validation. */
  admit(requester: UserInfo, before: T | undefined, after: T): Promise<void>;
  /** @throws {StatusError} Forbidden when nobody may remove it. */
  admitRemoval(stored: T): void;
}

/** What a caller may do with the objects of one kind. */
export interface Registry<T extends ApiObject, Content> {
  /** @throws {StatusError} in this order: what `admit` throws, Invalid, BadRequest (a resourceVersion is set), AlreadyExists. */
  create(requester: UserInfo, draft: ObjectDraft<Content>, options: WriteOptions): Promise<T>;
  /**
   * @throws {StatusError} in this order: BadRequest (the draft's name is not `name`), NotFound, Conflict (uid), what
   *   `admit` throws, Conflict (resourceVersion), Invalid.
   */
  update(
    requester: UserInfo,
    name: string,
    change: ObjectChange<T, ObjectDraft<Content>>,
    options: WriteOptions,
  ): Promise<Written<T>>;
  /** @throws {StatusError} NotFound, Forbidden, or Conflict when a precondition does not hold. */
  remove(
    requester: UserInfo,
    name: string,
    preconditions: RemovalPreconditions,
    options: WriteOptions,
  ): Promise<Removal<T>>;
}
