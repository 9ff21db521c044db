/** What `/v1/expiry` answers, as far as the commands use it. Times are RFC 3339. */

export interface ExpiryItem {
  readonly name: string;
  readonly nodeName?: string;
  readonly signerName: string;
  readonly state: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly renewalBegins: string;
  readonly renewalEnds: string;
}

export interface ExpiryReport {
  readonly metadata: { readonly continue?: string };
  readonly counts: readonly {
    readonly signerName: string;
    readonly fresh: number;
    readonly due: number;
    readonly overdue: number;
    readonly lost: number;
    readonly soonestEnd?: string;
  }[];
  readonly items: readonly ExpiryItem[];
}

/** When a node feels first that nobody approves. */
export interface FallOff {
  readonly nodeName: string;
  readonly at: string;
  readonly signerName: string;
  readonly leavesAt?: string;
}

export interface ExpiryForecast {
  readonly metadata: { readonly continue?: string };
  readonly from: string;
  readonly until: string;
  readonly nodes: number;
  readonly leaving: number;
  readonly lost: number;
  readonly buckets: readonly { readonly from: string; readonly nodes: number; readonly serving: number }[];
  readonly items: readonly FallOff[];
}
