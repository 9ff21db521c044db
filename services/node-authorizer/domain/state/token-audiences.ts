import type { Pod } from "../cluster-objects.ts";
import { csiDriverOf } from "../references/csi-drivers.ts";
import { claimNameOf } from "../references/pod-references.ts";
import { listOf, textOf } from "../references/reading.ts";

/** One place of a pod that tells for whom its tokens may be, in the order of its volumes. */
export type AudienceSource =
  | { readonly kind: "audience"; readonly audience: string }
  | { readonly kind: "driver"; readonly driver: string }
  /** The volume of the pod's n-th different claim, and that volume's driver. */
  | { readonly kind: "claim"; readonly index: number };

interface Shape {
  readonly sources: readonly AudienceSource[];
  readonly key: string;
  uses: number;
}

const NO_SOURCES: readonly AudienceSource[] = [];

/** The number of a pod without any source. */
export const NO_AUDIENCES = 0;

/**
 * The audiences of pods, each different list once: most pods of a cluster have the same, and a claim is told by its
 * place, not by its name.
 *
 * Source: kubernetes plugin/pkg/admission/noderestriction/admission.go (podReferencesAudience).
 */
export class TokenAudiences {
  readonly #byKey = new Map<string, number>();
  readonly #shapes: (Shape | undefined)[] = [undefined];
  readonly #free: number[] = [];

  /** The pod's list, one use more. */
  acquire(pod: Pod): number {
    const sources = sourcesOf(pod);
    if (sources.length === 0) return NO_AUDIENCES;
    let key = "";
    for (const source of sources) key += keyOf(source);
    const known = this.#byKey.get(key);
    const shape = known === undefined ? undefined : this.#shapes[known];
    if (known !== undefined && shape !== undefined) {
      shape.uses += 1;
      return known;
    }
    const number = this.#free.pop() ?? this.#shapes.length;
    this.#shapes[number] = { sources, key, uses: 1 };
    this.#byKey.set(key, number);
    return number;
  }

  release(number: number): void {
    const shape = this.#shapes[number];
    if (shape === undefined) return;
    shape.uses -= 1;
    if (shape.uses > 0) return;
    this.#byKey.delete(shape.key);
    this.#shapes[number] = undefined;
    this.#free.push(number);
  }

  sourcesOf(number: number): readonly AudienceSource[] {
    return this.#shapes[number]?.sources ?? NO_SOURCES;
  }
}

/** With lengths, so that the keys of a list tell where each ends. */
function keyOf(source: AudienceSource): string {
  switch (source.kind) {
    case "audience":
      return `a${source.audience.length}:${source.audience}`;
    case "driver":
      return `d${source.driver.length}:${source.driver}`;
    case "claim":
      return `c${source.index}`;
  }
}

function sourcesOf(pod: Pod): readonly AudienceSource[] {
  const volumes = listOf(pod.spec?.volumes);
  if (volumes.length === 0) return NO_SOURCES;
  const sources: AudienceSource[] = [];
  const claims: string[] = [];
  for (const volume of volumes) {
    if (typeof volume !== "object" || volume === null) continue;
    for (const source of listOf(volume.projected?.sources)) {
      const token = source?.serviceAccountToken;
      if (typeof token === "object" && token !== null) {
        sources.push({ kind: "audience", audience: textOf(token.audience) });
      }
    }
    const claim = textOf(claimNameOf(textOf(pod.metadata?.name), volume));
    if (claim !== "" && !claims.includes(claim)) claims.push(claim);
    if (claim !== "" && hasVolumeOfClaim(volume)) sources.push({ kind: "claim", index: claims.indexOf(claim) });
    const driver = claim === "" ? csiDriverOf(volume) : "";
    if (driver !== "") sources.push({ kind: "driver", driver });
  }
  return sources;
}

/** An ephemeral volume without a template makes no claim. */
function hasVolumeOfClaim(volume: NonNullable<NonNullable<NonNullable<Pod["spec"]>["volumes"]>[number]>): boolean {
  const { persistentVolumeClaim, ephemeral } = volume;
  if (typeof persistentVolumeClaim === "object" && persistentVolumeClaim !== null) return true;
  const template = ephemeral?.volumeClaimTemplate;
  return typeof template === "object" && template !== null;
}
