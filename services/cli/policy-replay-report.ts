/** What `policy replay` finds, as the certificate authority's main module counts it. */
export interface ReplayReport {
  readonly since: string;
  readonly recorded: number;
  readonly unchanged: number;
  readonly changed: number;
  readonly undetermined: number;
  readonly lost: number;
  readonly decidedByPeople: number;
  readonly stated: readonly string[];
  readonly changes: readonly ReplayChange[];
  readonly unknown: readonly { readonly hook: string; readonly count: number; readonly examples: readonly string[] }[];
}

interface ReplayChange {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly approvedByPeople: number;
  readonly deniedByPeople: number;
  readonly causes: readonly { readonly hook: string; readonly reason: string; readonly count: number }[];
  readonly examples: readonly ReplayExample[];
}

interface ReplayExample {
  readonly request: { readonly name: string; readonly signerName: string; readonly requester: string };
  readonly nodeName: string;
  readonly decidedAt: string;
  readonly recorded: ReplayVerdict;
  readonly replayed: ReplayVerdict;
}

interface ReplayVerdict {
  readonly outcome: string;
  readonly hook?: string;
  readonly reason: string;
  readonly message: string;
}

/** A page of `GET /v1/recorded-requests`; its items are handed on as they came. */
export interface RecordedPage {
  readonly items: readonly object[];
  readonly continueToken: string | undefined;
}

export interface ReplayOptions {
  readonly configFile: string;
  readonly since: Date;
  readonly source:
    | { readonly database: string }
    | { readonly fetchPage: (since: Date, continueToken: string | undefined) => Promise<RecordedPage> };
  readonly asksOutside: boolean;
  readonly maximumExamples: number;
  readonly onProgress: (requests: number) => void;
}
