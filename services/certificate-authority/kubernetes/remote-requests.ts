import { StatusError } from "../../shared/status-error.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import { isPodRecord } from "../domain/pod-certificate.ts";
import type { CertificateRequests, RemovalPreconditions } from "../domain/ports.ts";
import { type ClusterConnection, ClusterError } from "./cluster-connection.ts";
import type { RequestCache, SentRequest } from "./request-cache.ts";
import { REQUESTS_PATH } from "./request-informer.ts";

/** The requests where they live, read from what was last heard and written with its revision. */
export interface RemoteRequests {
  get(name: string): CertificateSigningRequest | undefined;
  names(): Iterable<string>;
  /**
   * Writes an object through one of its endpoints, provided that nobody wrote since it was read.
   * @throws {StatusError} Conflict when somebody did: it was read anew. NotFound is no error: then it is gone.
   */
  write(object: CertificateSigningRequest, target: "approval" | "status"): Promise<void>;
  /** @throws {StatusError} NotFound, Conflict; MethodNotAllowed where it is not ours to do. */
  remove(name: string, preconditions: RemovalPreconditions): Promise<void>;
}

/** CertificateSigningRequests, which are ours to clean up as well. */
export interface SigningRequests extends RemoteRequests {
  /** What the cleaner works on. Finalizers are the API server's to mind. */
  readonly cleanable: Pick<CertificateRequests, "list" | "get" | "update" | "remove">;
}

/** Requests of both kinds, each where it lives. */
export function eitherRequests(requests: RemoteRequests, pods: RemoteRequests): RemoteRequests {
  const of = (name: string): RemoteRequests => (isPodRecord(name) ? pods : requests);
  return {
    get: (name) => of(name).get(name),
    names: () => [...requests.names(), ...pods.names()],
    write: (object, target) => of(object.metadata.name).write(object, target),
    remove: (name, preconditions) => of(name).remove(name, preconditions),
  };
}

export function remoteRequests(cluster: Pick<ClusterConnection, "send">, cache: RequestCache): SigningRequests {
  const pathOf = (name: string): string => `${REQUESTS_PATH}/${encodeURIComponent(name)}`;

  async function readAgain(object: CertificateSigningRequest): Promise<void> {
    try {
      cache.put((await cluster.send("GET", pathOf(object.metadata.name))) as SentRequest);
    } catch (error) {
      if (!(error instanceof ClusterError && error.code === 404)) throw error;
      cache.forget(object.metadata.name);
    }
  }

  async function remove(name: string, preconditions: RemovalPreconditions): Promise<void> {
    try {
      await cluster.send("DELETE", pathOf(name), { apiVersion: "v1", kind: "DeleteOptions", preconditions });
    } catch (error) {
      throw asStatus(error);
    }
  }

  return {
    get: (name) => cache.get(name),
    names: () => cache.names(),
    async write(object, target) {
      try {
        cache.put((await cluster.send("PUT", `${pathOf(object.metadata.name)}/${target}`, object)) as SentRequest);
      } catch (error) {
        const code = error instanceof ClusterError ? error.code : 0;
        // 422 too: what was written meanwhile may be what makes the write invalid.
        if (code === 404 || code === 409 || code === 422) await readAgain(object);
        if (code !== 404) throw asStatus(error);
      }
    },
    remove,
    cleanable: {
      list: async () => ({ items: [...cache.values()].map(withoutFinalizers), revision: 0 }),
      get: async (name) => {
        const object = cache.get(name);
        return object && withoutFinalizers(object);
      },
      update: async (csr) => csr,
      async remove(name, preconditions) {
        const object = cache.get(name);
        if (object === undefined) throw new StatusError("NotFound", `request ${JSON.stringify(name)} is gone`);
        await remove(name, preconditions);
        return object;
      },
    },
  };
}

function withoutFinalizers(csr: CertificateSigningRequest): CertificateSigningRequest {
  const { finalizers: _, ...metadata } = csr.metadata;
  return { ...csr, metadata };
}

function asStatus(error: unknown): unknown {
  if (!(error instanceof ClusterError)) return error;
  if (error.code === 404) return new StatusError("NotFound", error.message, { cause: error });
  if (error.code === 409) return new StatusError("Conflict", error.message, { cause: error });
  return error;
}
