import { kindName, type ObjectRef } from "./object-kind.ts";

/** A node gained or lost the way to an object. */
export interface Change {
  readonly revision: number;
  readonly change: "granted" | "withdrawn";
  readonly node: string;
  readonly object: ObjectRef;
}

export interface ChangesSince {
  /** The present revision. */
  readonly revision: number;
  /** The oldest revision since which every change is known. */
  readonly oldestRevision: number;
  /** Whether the log reaches back to the revision asked about. */
  readonly isComplete: boolean;
  /** Oldest first; what was withdrawn and granted again within one revision is left out. */
  readonly changes: readonly Change[];
}

/** The last changes of the graph, in a ring of fixed size. */
export class ChangeLog {
  readonly #size: number;
  /** They grow up to the size. */
  readonly #revisions: number[] = [];
  readonly #kinds: number[] = [];
  readonly #isGrant: boolean[] = [];
  readonly #nodes: string[] = [];
  readonly #namespaces: string[] = [];
  readonly #names: string[] = [];
  #written = 0;
  #oldestRevision = 0;

  /** @param size - how many changes are remembered; 0 for none. */
  constructor(size: number) {
    this.#size = size;
  }

  record(revision: number, isGrant: boolean, node: string, kind: number, namespace: string, name: string): void {
    if (this.#size === 0) {
      this.#oldestRevision = revision;
      return;
    }
    const place = this.#written % this.#size;
    // What is overwritten is forgotten: its revision is no longer known as a whole.
    if (this.#written >= this.#size) this.#oldestRevision = this.#revisions[place] ?? 0;
    this.#revisions[place] = revision;
    this.#isGrant[place] = isGrant;
    this.#kinds[place] = kind;
    this.#nodes[place] = node;
    this.#namespaces[place] = namespace;
    this.#names[place] = name;
    this.#written += 1;
  }

  since(asked: number, revision: number): ChangesSince {
    const changes: Change[] = [];
    for (let index = Math.max(0, this.#written - this.#size); index < this.#written; index += 1) {
      const place = index % this.#size;
      if ((this.#revisions[place] ?? 0) > asked) changes.push(this.#at(place));
    }
    const oldestRevision = this.#oldestRevision;
    return { revision, oldestRevision, isComplete: asked >= oldestRevision, changes: settled(changes) };
  }

  #at(place: number): Change {
    return {
      revision: this.#revisions[place] ?? 0,
      change: this.#isGrant[place] === true ? "granted" : "withdrawn",
      node: this.#nodes[place] ?? "",
      object: {
        kind: kindName(this.#kinds[place] ?? 0),
        namespace: this.#namespaces[place] ?? "",
        name: this.#names[place] ?? "",
      },
    };
  }
}

/** Without the pairs that cancel each other: replacing a pod withdraws all and grants most of it again. */
function settled(changes: readonly Change[]): Change[] {
  const last = new Map<string, Change | undefined>();
  for (const change of changes) {
    const { revision, node, object } = change;
    const key = JSON.stringify([revision, node, object.kind, object.namespace, object.name]);
    const earlier = last.get(key);
    last.set(key, earlier === undefined || earlier.change === change.change ? change : undefined);
  }
  return [...last.values()].filter((change) => change !== undefined);
}
