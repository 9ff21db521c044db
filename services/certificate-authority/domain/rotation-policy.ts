import type { IssuerRecord } from "./issuer.ts";

/** The certificates of one configured issuer by their slots; what has ended is in none. */
export interface Slots {
  readonly prepared: IssuerRecord | undefined;
  readonly active: IssuerRecord | undefined;
  /** Newest first. */
  readonly old: readonly IssuerRecord[];
}

export function slotsOf(records: readonly IssuerRecord[], name: string): Slots {
  const inSlot = records.filter((record) => record.name === name && record.endedAt === undefined);
  return {
    prepared: inSlot.find(({ slot }) => slot === "prepared"),
    active: inSlot.find(({ slot }) => slot === "active"),
    old: inSlot
      .filter(({ slot }) => slot === "old")
      .toSorted((one, other) => other.createdAt.getTime() - one.createdAt.getTime()),
  };
}

/** Whether so much of a certificate's life has passed, in percent. */
export function hasLived(
  { notBefore, notAfter }: Pick<IssuerRecord, "notBefore" | "notAfter">,
  percent: number,
  now: Date,
): boolean {
  const life = notAfter.getTime() - notBefore.getTime();
  return (now.getTime() - notBefore.getTime()) * 100 >= life * percent;
}

/** Whether an issuer has been published for that long. A clock that was set back makes it wait, never hurry. */
export function isPublishedSince({ createdAt }: Pick<IssuerRecord, "createdAt">, seconds: number, now: Date): boolean {
  return now.getTime() - createdAt.getTime() >= seconds * 1000;
}
