import type { Slots } from "../../domain/rotation-policy.ts";
import type { IssuerRotationStatus, TrustShown } from "./contract.ts";
import type { Survey } from "./survey.ts";

interface Findings {
  readonly name: string;
  readonly slots: Slots;
  readonly survey: Survey;
  readonly trust: TrustShown | undefined;
  readonly refusal: string | undefined;
}

/** Puts together where an issuer's rotation stands. */
export function statusOf({ name, slots, survey, trust, refusal }: Findings): IssuerRotationStatus {
  const phase = phaseOf(slots);
  const count = (slot: string): number =>
    survey.slots.filter((one) => one.slot === slot).reduce((total, one) => total + one.nodeCertificates, 0);
  const moved = { count: count("active"), of: count("active") + count("old") };
  const common = { name, phase, slots: survey.slots, moved, trust, refusal };
  return { ...common, summary: summaryOf(common) };
}

function phaseOf({ prepared, active, old }: Slots): IssuerRotationStatus["phase"] {
  if (active === undefined) return "awaitingIssuer";
  if (prepared !== undefined) return "prepared";
  return old.length > 0 ? "replacing" : "steady";
}

function summaryOf({ phase, slots, moved, trust }: Omit<IssuerRotationStatus, "summary">): string {
  const live = `${numeral(moved.count)} of ${numeral(moved.of)} live node certificates`;
  switch (phase) {
    case "awaitingIssuer":
      return "there is nothing to sign with yet";
    case "steady":
      return `${numeral(moved.count)} live node certificates, no rotation under way`;
    case "prepared":
      return `prepared, published in the trust bundle, not signing; ${trustIn(trust)}`;
    case "replacing": {
      const last = Math.max(
        ...slots.filter(({ slot }) => slot === "old").map(({ lastEnds }) => lastEnds?.getTime() ?? 0),
      );
      return last > 0
        ? `${live} on the new issuer, last old one ends ${new Date(last).toISOString()}`
        : `${live} on the new issuer, none is left of the old one: it can be retired`;
    }
    default:
      return phase satisfies never;
  }
}

function trustIn(trust: TrustShown | undefined): string {
  if (trust?.isGiven === "sameAnchor") return "its root is trusted already";
  if (trust?.isGiven === "bridge") return "what trusts the present issuer accepts it by the bridge";
  return `${numeral(trust?.shown ?? 0)} of ${numeral(trust?.total ?? 0)} consumers are shown to trust it`;
}

function numeral(count: number): string {
  return count.toLocaleString("en-US");
}
