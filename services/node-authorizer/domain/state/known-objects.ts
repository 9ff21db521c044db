import type { CsiDriver, PersistentVolumeClaim, PlainObject } from "../cluster-objects.ts";
import { listOf, textOf } from "../references/reading.ts";

/** A value for each (namespace, name) that exists. */
export class KnownObjects<Value> {
  readonly #byNamespace = new Map<string, Map<string, Value>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(namespace: string, name: string): Value | undefined {
    return this.#byNamespace.get(namespace)?.get(name);
  }

  set(namespace: string, name: string, value: Value): void {
    let names = this.#byNamespace.get(namespace);
    if (names === undefined) {
      names = new Map();
      this.#byNamespace.set(namespace, names);
    }
    if (!names.has(name)) this.#size += 1;
    names.set(name, value);
  }

  /** @returns whether it was there. */
  delete(namespace: string, name: string): boolean {
    const names = this.#byNamespace.get(namespace);
    if (names?.delete(name) !== true) return false;
    this.#size -= 1;
    if (names.size === 0) this.#byNamespace.delete(namespace);
    return true;
  }

  *keys(): Generator<readonly [namespace: string, name: string]> {
    for (const [namespace, names] of this.#byNamespace) for (const name of names.keys()) yield [namespace, name];
  }
}

/** What admission looks up about objects that are not part of the graph. */
export function uidOf(object: PlainObject): string {
  return textOf(object.metadata?.uid);
}

export function volumeNameOf(claim: PersistentVolumeClaim): string {
  return textOf(claim.spec?.volumeName);
}

export function tokenAudiencesOf(driver: CsiDriver): readonly string[] {
  return listOf(driver.spec?.tokenRequests).map((request) => textOf(request?.audience));
}
