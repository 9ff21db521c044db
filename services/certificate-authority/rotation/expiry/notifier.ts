import { type ExpiryState, expectationOf } from "../../domain/expiry.ts";
import { noticeFor } from "../../domain/expiry-notice.ts";
import type { ExpiryNotice, ExpiryRecords, HolderKey, NoticeState, Told } from "../../domain/expiry-records.ts";
import { type FleetColumns, fingerprintAt, type Holder, holderAt, stateAt } from "../../domain/fleet.ts";
import { stretches } from "./turns.ts";

const DAY_MILLISECONDS = 86_400_000;
const READ_A_TURN = 250;
const TOLD_PAGE = 500;
const NOTED_AT_ONCE = 200;
const NAMES_TOLD = 50;
/** What was said is remembered this much longer than the fleet is looked back on: a clock may be set back. */
const REMEMBERED_LONGER_DAYS = 7;

export interface NotifierOptions {
  readonly records: Pick<ExpiryRecords, "told" | "record" | "prune">;
  readonly targets: readonly { readonly name: string; readonly states: readonly NoticeState[] }[];
  readonly forgetAfterDays: number;
}

/** Finds out what there is to say about a fleet and notes it, in view of what was said before. */
export interface Notifier {
  /**
   * Puts notices into outboxes' keeping.
   * @param isTrial - nothing is noted.
   * @returns what there was to say, by state, and the first of the names.
   */
  note(fleet: FleetColumns, now: Date, isTrial?: boolean): Promise<Noted>;
}

/** What there was to say of a fleet. */
export interface Noted {
  readonly states: Readonly<Partial<Record<NoticeState, number>>>;
  readonly names: readonly string[];
}

export function createNotifier({ records, targets, forgetAfterDays }: NotifierOptions): Notifier {
  const wanted = new Set(targets.flatMap(({ states }) => states));
  const rememberedDays = forgetAfterDays + REMEMBERED_LONGER_DAYS;

  function toNotice(
    holder: Holder & { readonly fingerprint: string },
    state: NoticeState,
    before: Told | undefined,
    now: Date,
  ): ExpiryNotice {
    // Who was not told of the trouble need not be told of its end.
    const isFor = (states: readonly NoticeState[]): boolean =>
      states.includes(state) && (state !== "renewed" || (before !== undefined && states.includes(before.state)));
    return {
      ...{ signerName: holder.signerName, name: holder.name, namesHash: holder.namesHash },
      ...{ state, certificateId: holder.certificateId, notAfter: holder.notAfter },
      targets: targets.filter(({ states }) => isFor(states)).map(({ name }) => name),
      document: JSON.stringify(documentOf(holder, state, before, now)),
    };
  }

  return {
    async note(fleet, now, isTrial = false) {
      const told = await everythingTold(records);
      let notices: ExpiryNotice[] = [];
      const states: Partial<Record<NoticeState, number>> = {};
      const names: string[] = [];
      const flush = async (): Promise<void> => {
        if (notices.length > 0 && !isTrial) await records.record(notices);
        notices = [];
      };
      for await (const [from, to] of stretches(0, fleet.ids.length, READ_A_TURN)) {
        for (let index = from; index < to; index += 1) {
          const state = stateAt(fleet, index, now);
          if (told.size === 0 && !wanted.has(state as NoticeState)) continue;
          const holder = holderAt(fleet, index);
          const before = told.get(keyOf(holder));
          const says = noticeFor(before, { certificateId: holder.certificateId, state }, wanted);
          if (says === undefined) continue;
          states[says] = (states[says] ?? 0) + 1;
          if (names.length < NAMES_TOLD) names.push(holder.name);
          notices.push(toNotice({ ...holder, fingerprint: fingerprintAt(fleet, index) }, says, before, now));
          if (notices.length >= NOTED_AT_ONCE) await flush();
        }
      }
      await flush();
      if (isTrial) return { states, names };
      const before = new Date(now.getTime() - rememberedDays * DAY_MILLISECONDS);
      await records.prune(
        before,
        targets.map(({ name }) => name),
      );
      return { states, names };
    },
  };
}

async function everythingTold(records: Pick<ExpiryRecords, "told">): Promise<ReadonlyMap<string, Told>> {
  const all = new Map<string, Told>();
  for (let last: Told | undefined; ; ) {
    const page = await records.told(last, TOLD_PAGE);
    for (const told of page) all.set(keyOf(told), told);
    last = page.at(-1);
    if (last === undefined || page.length < TOLD_PAGE) return all;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function keyOf({ signerName, name, namesHash }: HolderKey): string {
  return `${signerName}\0${name}\0${namesHash}`;
}

/** What a target is told of a holder; `id` is the same when it is told again. */
function documentOf(
  holder: Holder & { readonly fingerprint: string },
  state: NoticeState,
  before: Told | undefined,
  now: Date,
) {
  const { fingerprint, name, isNode, signerName, notBefore, notAfter } = holder;
  const { renewsItself, renewalBegins, renewalEnds } = expectationOf(holder, now);
  return {
    id: `${fingerprint.slice(0, 32)}-${state}`,
    state,
    ...(before !== undefined && { before: before.state satisfies ExpiryState }),
    name,
    ...(isNode && { nodeName: name }),
    ...{ signerName, fingerprint, notBefore, notAfter, renewsItself, renewalBegins, renewalEnds, noticedAt: now },
  };
}
