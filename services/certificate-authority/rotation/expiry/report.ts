import type { Clock } from "../../../shared/clock.ts";
import { StatusError } from "../../../shared/status-error.ts";
import { EXPIRY_STATES, type Expectation, type ExpiryState, expectationOf } from "../../domain/expiry.ts";
import {
  type FleetColumns,
  fingerprintAt,
  firstAfter,
  type Holder,
  holderAt,
  signerAt,
  stateAt,
} from "../../domain/fleet.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { stretches } from "./turns.ts";

/** Holders looked at in one turn of the event loop: about a millisecond. */
const COUNTED_A_TURN = 2_500;
const READ_A_TURN = 250;

export type StateCounts = Readonly<Record<ExpiryState, number>>;

export interface SignerCounts {
  readonly signerName: string;
  readonly counts: StateCounts;
  /** The first end of a certificate that is still valid. */
  readonly soonest: Date | undefined;
}

export interface ExpiryItem extends Holder, Expectation {
  /** Of the newest certificate, lower-case hex. */
  readonly fingerprint: string;
}

export interface ExpiryQuery {
  /** All states when empty. */
  readonly states: readonly ExpiryState[];
  readonly signerName: string | undefined;
  readonly nodeName: string | undefined;
  readonly limit: number;
  readonly continueToken: string | undefined;
}

export interface ExpiryReport {
  readonly observedAt: Date;
  readonly isCut: boolean;
  readonly signers: readonly SignerCounts[];
  /** The first to end first. */
  readonly items: readonly ExpiryItem[];
  readonly continueToken: string | undefined;
}

/** How old what was seen of the fleet may be for an answer. */
export const MAXIMUM_AGE_SECONDS = 5;

/** How the certificates of the fleet stand now: how many are in which state, and which. */
export async function reportExpiry(watch: FleetWatch, clock: Clock, query: ExpiryQuery): Promise<ExpiryReport> {
  const fleet = await watch.seen(MAXIMUM_AGE_SECONDS);
  const now = clock.now();
  const signers = await countStates(fleet, now);
  const page = await pageOf(fleet, now, query);
  return { observedAt: fleet.observedAt, isCut: fleet.isCut, signers, ...page };
}

export async function countStates(fleet: FleetColumns, now: Date): Promise<readonly SignerCounts[]> {
  const counts = fleet.signerNames.map(() => ({ fresh: 0, due: 0, overdue: 0, lost: 0 }));
  const soonest = fleet.signerNames.map((): Date | undefined => undefined);
  for await (const [from, to] of stretches(0, fleet.ids.length, COUNTED_A_TURN)) {
    for (let index = from; index < to; index += 1) {
      const signer = fleet.signers[index] ?? 0;
      const ofSigner = counts[signer];
      const state = stateAt(fleet, index, now);
      if (ofSigner !== undefined) ofSigner[state] += 1;
      if (state !== "lost") soonest[signer] ??= new Date(fleet.notAfter[index] ?? 0);
    }
  }
  return fleet.signerNames
    .map((signerName, place) => ({
      signerName,
      counts: counts[place] ?? { fresh: 0, due: 0, overdue: 0, lost: 0 },
      soonest: soonest[place],
    }))
    .toSorted((a, b) => (a.signerName < b.signerName ? -1 : 1));
}

async function pageOf(
  fleet: FleetColumns,
  now: Date,
  { states, signerName, nodeName, limit, continueToken }: ExpiryQuery,
): Promise<Pick<ExpiryReport, "items" | "continueToken">> {
  const wanted = new Set<ExpiryState>(states.length === 0 ? EXPIRY_STATES : states);
  const start = continueToken === undefined ? 0 : placeAfter(fleet, continueToken);
  const items: ExpiryItem[] = [];
  for await (const [from, to] of stretches(start, fleet.ids.length, READ_A_TURN)) {
    for (let index = from; index < to; index += 1) {
      if (!wanted.has(stateAt(fleet, index, now))) continue;
      if (signerName !== undefined && signerAt(fleet, index) !== signerName) continue;
      const holder = holderAt(fleet, index);
      if (nodeName !== undefined && !(holder.isNode && holder.name === nodeName)) continue;
      const last = items.at(-1);
      if (items.length === limit && last !== undefined) return { items, continueToken: tokenOf(last) };
      items.push({ ...holder, ...expectationOf(holder, now), fingerprint: fingerprintAt(fleet, index) });
    }
  }
  return { items, continueToken: undefined };
}

/** What a page ends with: it holds when the fleet is looked at anew between two pages. */
export function tokenOf({ notAfter, certificateId }: Pick<Holder, "notAfter" | "certificateId">): string {
  return Buffer.from(JSON.stringify([notAfter.getTime(), certificateId])).toString("base64url");
}

/** @throws {StatusError} BadRequest when `token` is none of ours. */
export function placeAfter(fleet: FleetColumns, token: string): number {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(parts) && parts.length === 2 && parts.every(Number.isSafeInteger)) {
      const [notAfter, id] = parts as [number, number];
      return firstAfter(fleet, notAfter, id);
    }
  } catch {
    // Answered below, as any other token that is not ours.
  }
  throw new StatusError("BadRequest", "continue token is not valid");
}
