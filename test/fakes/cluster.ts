import type {
  CertificateSigningRequest,
  CsrCondition,
} from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import {
  type ClusterConnection,
  ClusterError,
  type ClusterMethod,
} from "../../services/certificate-authority/kubernetes/cluster-connection.ts";
import { REQUESTS_PATH } from "../../services/certificate-authority/kubernetes/request-informer.ts";

interface Stored {
  readonly metadata: { readonly name: string; readonly uid?: string; readonly resourceVersion?: string };
}

interface Event {
  readonly type: string;
  readonly object: object;
  readonly revision: number;
}

/** A way in which a call goes wrong. */
export type Mishap =
  /** The call is not carried out, and answered with this code. */
  | { readonly kind: "refused"; readonly code: number }
  /** The call is carried out, and its answer is lost. */
  | { readonly kind: "unanswered" };

const isDecision = ({ type }: CsrCondition): boolean => type === "Approved" || type === "Denied";

/**
 * A kube-apiserver in memory, as far as requests, leases and plain objects go: revisions, conflicts, what each endpoint of
 * a request lets through, watches.
 */
export class FakeCluster implements ClusterConnection {
  readonly sent = new Map<string, number>();
  /** Every call, as `METHOD path`. */
  readonly calls: string[] = [];
  readonly #objects = new Map<string, Stored>();
  readonly #events: Event[] = [];
  readonly #mishaps: { readonly matches: RegExp; readonly mishap: Mishap }[] = [];
  readonly #wakers = new Set<() => void>();
  #revision = 1;
  #compacted = 0;
  #cuts = 0;

  /** The next call that fits goes wrong. */
  mishap(matches: RegExp, mishap: Mishap): void {
    this.#mishaps.push({ matches, mishap });
  }

  request(name: string): CertificateSigningRequest | undefined {
    return this.#objects.get(`${REQUESTS_PATH}/${name}`) as CertificateSigningRequest | undefined;
  }

  object(path: string): unknown {
    return this.#objects.get(path);
  }

  /** Stores an object as it is, whoever it is that writes. */
  put(path: string, object: Stored): void {
    this.#revision += 1;
    const type = this.#objects.has(path) ? "MODIFIED" : "ADDED";
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#revision}` } };
    this.#objects.set(path, stored);
    if (path.startsWith(REQUESTS_PATH)) this.#tell({ type, object: stored, revision: this.#revision });
  }

  putRequest(csr: CertificateSigningRequest): void {
    this.put(`${REQUESTS_PATH}/${csr.metadata.name}`, csr);
  }

  removeRequest(name: string): void {
    const object = this.#objects.get(`${REQUESTS_PATH}/${name}`);
    if (object === undefined) return;
    this.#revision += 1;
    this.#objects.delete(`${REQUESTS_PATH}/${name}`);
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#revision}` } };
    this.#tell({ type: "DELETED", object: last, revision: this.#revision });
  }

  /** Ends all watches, without a word; what happens until they are begun anew is on record. */
  cutWatches(): void {
    this.#cuts += 1;
    this.#wake();
  }

  /** Forgets what happened so far: watches that start before it are answered 410. */
  compact(): void {
    this.#compacted = this.#revision;
    this.cutWatches();
  }

  async send(method: ClusterMethod, pathAndQuery: string, body?: object): Promise<unknown> {
    const [path = ""] = pathAndQuery.split("?");
    this.calls.push(`${method} ${path}`);
    await new Promise((resolve) => setImmediate(resolve));
    const index = this.#mishaps.findIndex(({ matches }) => matches.test(`${method} ${path}`));
    const mishap = index === -1 ? undefined : this.#mishaps.splice(index, 1)[0]?.mishap;
    if (mishap?.kind === "refused") throw new ClusterError(mishap.code, "", `answered ${mishap.code}`);
    const answer = structuredClone(this.#carryOut(method, path, body as Stored));
    if (mishap?.kind === "unanswered") throw new Error("socket hang up");
    return answer;
  }

  async *watch(pathAndQuery: string, signal: AbortSignal): AsyncGenerator<unknown> {
    const cuts = this.#cuts;
    let revision = Number(new URLSearchParams(pathAndQuery.split("?")[1]).get("resourceVersion"));
    if (revision < this.#compacted) {
      yield { type: "ERROR", object: { code: 410, message: "too old" } };
      return;
    }
    while (!signal.aborted && cuts === this.#cuts) {
      for (const event of this.#events.filter((each) => each.revision > revision)) {
        revision = event.revision;
        yield structuredClone({ type: event.type, object: event.object });
      }
      if (cuts === this.#cuts) await this.#news(signal);
    }
  }

  close(): void {
    this.cutWatches();
  }

  #carryOut(method: ClusterMethod, path: string, body: Stored): unknown {
    if (method === "GET" && path === REQUESTS_PATH) {
      const items = [...this.#objects].filter(([key]) => key.startsWith(`${REQUESTS_PATH}/`)).map(([, each]) => each);
      return { metadata: { resourceVersion: `${this.#revision}` }, items };
    }
    if (method === "POST") return this.#create(path, body);
    const [, own = path, endpoint] = /^(.*certificatesigningrequests\/[^/]+)(?:\/(approval|status))?$/.exec(path) ?? [];
    const stored = this.#objects.get(own);
    if (stored === undefined) throw new ClusterError(404, "NotFound", `${own} not found`);
    if (method === "GET") return stored;
    if (method === "DELETE") {
      this.removeRequest(stored.metadata.name);
      return {};
    }
    const { uid, resourceVersion } = body.metadata;
    if (uid !== stored.metadata.uid || resourceVersion !== stored.metadata.resourceVersion) {
      throw new ClusterError(409, "Conflict", "the object has been modified");
    }
    this.put(own, endpoint === undefined ? body : written(endpoint, stored, body));
    return this.#objects.get(own);
  }

  #create(path: string, body: Stored): unknown {
    if (!path.endsWith("leases") && !path.endsWith("configmaps")) return { ...body, status: { allowed: true } };
    const own = `${path}/${body.metadata.name}`;
    if (this.#objects.has(own)) throw new ClusterError(409, "AlreadyExists", "it is there");
    this.put(own, body);
    return this.#objects.get(own);
  }

  #tell(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }

  #wake(): void {
    for (const waker of this.#wakers) waker();
    this.#wakers.clear();
  }

  #news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wakers.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}

/** Source: kubernetes pkg/registry/certificates/certificates/strategy.go. */
function written(endpoint: string, stored: Stored, wanted: Stored): Stored {
  const [before, after] = [stored as CertificateSigningRequest, wanted as CertificateSigningRequest];
  const decisions = (before.status.conditions ?? []).filter(isDecision);
  const wantedDecisions = (after.status.conditions ?? []).filter(isDecision);
  const others = (after.status.conditions ?? []).filter((each) => !isDecision(each));
  const isWrong = endpoint === "status" ? wantedDecisions.length !== decisions.length : wantedDecisions.length > 1;
  const isReplaced = before.status.certificate !== undefined && after.status.certificate !== before.status.certificate;
  if (isWrong || (endpoint === "status" && isReplaced)) throw new ClusterError(422, "Invalid", "invalid");
  const { certificate } = endpoint === "status" ? after.status : before.status;
  const conditions = [...(endpoint === "status" ? decisions : wantedDecisions), ...others];
  return {
    ...before,
    status: { ...(conditions.length > 0 && { conditions }), ...(certificate && { certificate }) },
  } as Stored;
}
