import { RENEWAL_BEGINS, RENEWAL_ENDS } from "./kubelet-renewal.ts";

/** A lifetime times this is renewed in the stretch of time right before that of the whole lifetime, and as evenly. */
const STEP = RENEWAL_BEGINS / RENEWAL_ENDS;

/** Less brings nothing: kubelets spread their renewals over as much by themselves, so that the peak would be no lower. */
export const SMALLEST_SPREAD = 0.23;
export const LARGEST_SPREAD = 0.9;

/** Guards against a fraction that is a power of the step but for its last bit. */
const ROUNDING = 1e-9;

export interface SpreadSettings {
  /** How much of a lifetime may be taken off, from `SMALLEST_SPREAD` to `LARGEST_SPREAD`. */
  readonly fraction: number;
  /** What is left from now on, whatever the fraction; shorter lifetimes stay as they are. */
  readonly minimumSeconds: number;
}

/** Shortens lifetimes so that the renewals of machines that joined together come evenly. */
export interface Spread {
  /**
   * @param key - the request's uid: asked again, the answer is the same.
   * @returns notAfter in whole seconds since 1970, not after the one given.
   */
  notAfter(
    lifetime: { readonly beginEpoch: number; readonly nowEpoch: number; readonly endEpoch: number },
    key: string,
  ): number;
}

/**
 * Kubelets renew between 0.7 and 0.9 of a lifetime, evenly. The lifetimes L, L·(7/9), L·(7/9)², … as far as the band
 * goes have windows that join without gap or overlap, and are given in proportion to the windows' lengths: together the
 * renewals are even from the first window to the last. What the band has left over blurs each step, which leaves that so
 * and keeps certificates from ending in a few moments.
 */
export function createSpread({ fraction, minimumSeconds }: SpreadSettings): Spread {
  const steps = Math.floor(Math.log(1 - fraction) / Math.log(STEP) + ROUNDING);
  const blur = Math.max(0, 1 - (1 - fraction) / STEP ** steps);
  const all = 1 - STEP ** (steps + 1);
  return {
    notAfter({ beginEpoch, nowEpoch, endEpoch }, key) {
      const step = Math.min(steps, Math.floor(Math.log(1 - all * share(key, 1)) / Math.log(STEP)));
      const factor = STEP ** step * (1 - blur * share(key, 2));
      const chosen = beginEpoch + Math.ceil((endEpoch - beginEpoch) * factor);
      return Math.min(endEpoch, Math.max(chosen, nowEpoch + minimumSeconds));
    },
  };
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const UINT32 = 2 ** 32;

/** A number from [0, 1) that depends on every character: FNV-1a with a finishing mix. Evenness is all it is for. */
function share(key: string, salt: number): number {
  let hash = FNV_OFFSET ^ salt;
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / UINT32;
}
