import type { ObjectMeta } from "../../shared/kubernetes/object-meta.ts";

/**
 * An object of a Kubernetes API in the shape of its JSON. Immutable: a change makes a new object, so that an encoding
 * may be cached by object identity.
 */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** What a kind of object is called. */
export interface ResourceName {
  readonly group: string;
  readonly kind: string;
  /** The plural, as URLs have it. */
  readonly resource: string;
}
