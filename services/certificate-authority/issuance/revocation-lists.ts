import { createHash } from "node:crypto";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { Revocations } from "../domain/revocation.ts";
import type {
  EncodedEntries,
  RevocationListNumbers,
  RevocationListSigner,
  RevocationListTimes,
} from "../domain/revocation-list.ts";

/** Entries read from the record at a time; the event loop goes on in between. */
const PAGE = 1_000;

/** A CRL as it is published. */
export interface RevocationList extends RevocationListTimes {
  readonly issuerId: string;
  readonly der: Uint8Array;
  readonly entries: number;
}

/** The CRLs of all issuers that sign. */
export interface RevocationLists {
  /**
   * The CRL of an issuer with everything that is revoked now, signed anew only when something came or half of its time is
   * over.
   *
   * @throws {StatusError} NotFound when the issuer does not sign; Conflict when it may not sign CRLs;
   *   ServiceUnavailable while its key cannot be reached.
   */
  current(issuerId: string): Promise<RevocationList>;
  /** The number of the CRL that `current` would give without signing one; undefined when it would sign. */
  currentNumber(issuerId: string): number | undefined;
}

export interface RevocationListDependencies {
  readonly revocations: Pick<Revocations, "head" | "ofIssuer">;
  readonly signer: RevocationListSigner;
  readonly numbers: RevocationListNumbers;
  /** The ids of the issuers that sign now. */
  readonly issuerIds: () => readonly string[];
  /** How long after its making the next one is promised. */
  readonly validitySeconds: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What is known of one issuer's CRL. */
interface State {
  entries: EncodedEntries;
  /** Everything in the record up to here is in `entries`. */
  sequence: number;
  list: RevocationList | undefined;
  /** One piece of work at a time. */
  last: Promise<unknown>;
}

/** Nothing is signed before somebody asks. */
export function createRevocationLists(deps: RevocationListDependencies): RevocationLists {
  const { revocations, signer, numbers, clock, logger } = deps;
  const validityMilliseconds = deps.validitySeconds * 1000;
  const states = new Map<string, State>();

  function stateOf(issuerId: string): State {
    const known = states.get(issuerId);
    if (known !== undefined) return known;
    const state = { entries: signer.newEntries(), sequence: 0, list: undefined, last: Promise.resolve() };
    states.set(issuerId, state);
    return state;
  }

  function currentOf({ list, sequence }: State): RevocationList | undefined {
    if (list === undefined || sequence !== revocations.head()) return undefined;
    // A clock that was set back makes lists of the future, which nobody takes.
    const age = clock.now().getTime() - list.thisUpdate.getTime();
    return age >= 0 && age < validityMilliseconds / 2 ? list : undefined;
  }

  async function readNew(issuerId: string, state: State, now: number): Promise<void> {
    const head = revocations.head();
    for (;;) {
      const page = await revocations.ofIssuer(issuerId, state.sequence, PAGE);
      for (const { serial, at, reason, notAfter } of page) {
        // Who is expired for longer than a list lives has stood in one that was made after that (RFC 5280 section 3.3).
        const isOver = notAfter !== undefined && notAfter.getTime() + validityMilliseconds < now;
        if (serial !== undefined && !isOver) state.entries.add({ serial, at, reason });
      }
      state.sequence = page.at(-1)?.sequence ?? state.sequence;
      if (page.length < PAGE) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    state.sequence = Math.max(state.sequence, head);
  }

  async function refresh(issuerId: string, state: State): Promise<RevocationList> {
    const current = currentOf(state);
    if (current !== undefined) return current;
    const now = clock.now().getTime();
    const isRoutine = state.list !== undefined && state.sequence === revocations.head();
    // What has expired meanwhile is left out whenever a list is made for its age alone.
    if (isRoutine) Object.assign(state, { entries: signer.newEntries(), sequence: 0 });
    await readNew(issuerId, state, now);
    const list = await signed(issuerId, state, now);
    state.list = list;
    return list;
  }

  async function signed(issuerId: string, { entries }: State, now: number): Promise<RevocationList> {
    const thisUpdate = new Date(Math.floor(now / 1000) * 1000);
    const nextUpdate = new Date(thisUpdate.getTime() + validityMilliseconds);
    const times = { number: Math.max(numbers.last() + 1, now), thisUpdate, nextUpdate };
    const { count } = entries;
    const startedAt = performance.now();
    const der = await signer.signRevocationList(issuerId, entries, times);
    const milliseconds = Math.round(performance.now() - startedAt);
    const sha256 = createHash("sha256").update(der).digest("hex");
    await numbers.record({ ...times, issuerId, entries: count, sha256 });
    logger.info({ issuerId, number: times.number, entries: count, nextUpdate, milliseconds }, "signed a CRL");
    return { ...times, issuerId, der, entries: count };
  }

  return {
    currentNumber(issuerId) {
      const state = states.get(issuerId);
      return state && currentOf(state)?.number;
    },
    async current(issuerId) {
      if (!deps.issuerIds().includes(issuerId)) {
        const details = { kind: "crls", name: issuerId };
        throw new StatusError("NotFound", `no issuer ${issuerId} signs CRLs; /v1/issuers lists them`, { details });
      }
      const state = stateOf(issuerId);
      const current = currentOf(state);
      if (current !== undefined) return current;
      const work = state.last.then(() => refresh(issuerId, state));
      state.last = work.catch(() => undefined);
      return work;
    },
  };
}
