/** Where the time comes from. Rooms take a `Clock`; the domain takes `Date` arguments and never reads a clock. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };
