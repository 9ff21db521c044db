import type { ObjectMeta } from "../../shared/kubernetes/object-meta.ts";
import {
  type CertificateSigningRequest,
  CSR_API_VERSION,
  CSR_KIND,
  type CsrSpec,
  type CsrStatus,
} from "../domain/certificate-signing-request.ts";

/** An object as an API server sends it. */
export interface SentObject {
  readonly metadata?: ObjectMeta & { readonly managedFields?: unknown };
}

/** A CertificateSigningRequest as an API server sends it. */
export interface SentRequest extends SentObject {
  readonly spec?: CsrSpec;
  readonly status?: CsrStatus;
}

/** The requests of a cluster as they were last heard of. */
export interface RequestCache<Sent extends SentObject = SentRequest> {
  get(name: string): CertificateSigningRequest | undefined;
  names(): Iterable<string>;
  values(): Iterable<CertificateSigningRequest>;
  readonly size: number;
  /** @returns the name when this is news: what is older than what is known is none. */
  put(sent: Sent): string | undefined;
  /** @returns the name when the object is gone by it. */
  drop(sent: Sent): string | undefined;
  /** It is gone, as a read of it told. */
  forget(name: string): void;
  /** Takes a whole list, read at `revision`. @returns the names of which something is otherwise now. */
  replace(items: readonly Sent[], revision: number): readonly string[];
}

/**
 * Revisions are compared as numbers.
 *
 * @param read - an object as a request; undefined for what is none of ours.
 * Source: Kubernetes' API concepts, "Resource versions" (since 1.35).
 */
export function createRequestCache<Sent extends SentObject = SentRequest>(
  read: (sent: Sent) => CertificateSigningRequest | undefined,
): RequestCache<Sent> {
  const known = new Map<string, CertificateSigningRequest>();
  const revisionOf = ({ metadata }: CertificateSigningRequest): number => Number(metadata.resourceVersion);

  function put(sent: Sent): string | undefined {
    const object = read(sent);
    if (object === undefined) return undefined;
    const { name } = object.metadata;
    const last = known.get(name);
    if (last !== undefined && revisionOf(last) >= revisionOf(object)) return undefined;
    known.set(name, object);
    return name;
  }

  return {
    get: (name) => known.get(name),
    names: () => known.keys(),
    values: () => known.values(),
    get size() {
      return known.size;
    },
    put,
    drop(sent) {
      const object = read(sent);
      const last = object && known.get(object.metadata.name);
      if (object === undefined || last === undefined || revisionOf(last) > revisionOf(object)) return undefined;
      known.delete(object.metadata.name);
      return object.metadata.name;
    },
    forget: (name) => void known.delete(name),
    replace(items, revision) {
      const changed = items.flatMap((item) => put(item) ?? []);
      const listed = new Set(items.map((item) => read(item)?.metadata.name));
      const gone = [...known.values()].filter(
        (each) => !listed.has(each.metadata.name) && revisionOf(each) <= revision,
      );
      for (const { metadata } of gone) known.delete(metadata.name);
      return [...changed, ...gone.map(({ metadata }) => metadata.name)];
    },
  };
}

/** @returns undefined for what is no request. */
export function requestOf({ metadata, spec, status = {} }: SentRequest): CertificateSigningRequest | undefined {
  if (metadata === undefined || spec === undefined) return undefined;
  const { managedFields: _, ...kept } = metadata;
  return { apiVersion: CSR_API_VERSION, kind: CSR_KIND, metadata: kept, spec, status };
}
