import { LRUCache } from "lru-cache";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";

/** The newest known state of the most recently used objects, by name. The same object is given out every time. */
export interface ObjectCache {
  get(name: string): CertificateSigningRequest | undefined;
  /** Keeps `object` unless a newer one is known; returns the one that was known at this revision, else `object`. */
  put(object: CertificateSigningRequest, bytes: number): CertificateSigningRequest;
  /** Forgets the object if it is not newer than its deletion. */
  drop(name: string, revision: number): void;
}

export function createObjectCache(maximumBytes: number): ObjectCache {
  const objects = new LRUCache<string, CertificateSigningRequest>({ maxSize: maximumBytes });
  return {
    get: (name) => objects.get(name),
    put(object, bytes) {
      const known = objects.peek(object.metadata.name);
      if (known && revisionOf(known) === revisionOf(object)) return known;
      if (known && revisionOf(known) > revisionOf(object)) return object;
      objects.set(object.metadata.name, object, { size: Math.max(bytes, 1) });
      return object;
    },
    drop(name, revision) {
      const known = objects.peek(name);
      if (known && revisionOf(known) < revision) objects.delete(name);
    },
  };
}

/** The revision an object was stored at. */
export function revisionOf(object: CertificateSigningRequest): number {
  return Number(object.metadata.resourceVersion);
}
